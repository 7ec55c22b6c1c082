/**
 * The waiting requests of one group and one priority, first come, first served.
 *
 * They are tokenized and taken in the order of arrival: tokenized ones come first, then those being tokenized, then the
 * others.
 */

import type { BatchRunner, RequestTokens } from './batch-work.js';
import type { Request } from './request.js';

export class GroupQueue {
  /** Tokens that the group was given, counted from where the line stood when the group began to wait. */
  served: number;
  private readonly waiting = new Set<Request>();
  private readonly encoding = new Set<Request>();
  private readonly ready = new Set<Request>();
  private tokensReady = 0;
  private tokensEncoding = 0;
  private tokensWaiting = 0;

  constructor(served: number) {
    this.served = served;
  }

  get size(): number {
    return this.waiting.size + this.encoding.size + this.ready.size;
  }

  /** Tokens of all requests, estimated for texts that are not tokenized yet. */
  get tokens(): number {
    return this.tokensReady + this.tokensEncoding + this.tokensWaiting;
  }

  /** Estimated tokens of the texts that wait to be tokenized. */
  get waitingTokens(): number {
    return this.tokensWaiting;
  }

  /** Tokens that are tokenized. */
  get readyTokens(): number {
    return this.tokensReady;
  }

  get firstWaiting(): Request | undefined {
    return firstOf(this.waiting);
  }

  get firstReady(): Request | undefined {
    return firstOf(this.ready);
  }

  get first(): Request | undefined {
    return firstOf(this.ready) ?? firstOf(this.encoding) ?? firstOf(this.waiting);
  }

  get hasReady(): boolean {
    return this.ready.size > 0;
  }

  /** In the order of the line. */
  *[Symbol.iterator](): Iterator<Request> {
    yield* this.ready;
    yield* this.encoding;
    yield* this.waiting;
  }

  add(request: Request): void {
    this.waiting.add(request);
    this.tokensWaiting += request.tokens;
  }

  /** Removes a request; false if it is not here. */
  remove(request: Request): boolean {
    if (this.ready.delete(request)) this.tokensReady -= request.tokens;
    else if (this.waiting.delete(request)) this.tokensWaiting -= request.tokens;
    else if (this.encoding.delete(request)) this.tokensEncoding -= request.tokens;
    else return false;
    return true;
  }

  /** Stores the tokens of a request and makes it ready; false if it has left meanwhile. */
  markReady(request: Request, tokens: RequestTokens): boolean {
    if (!this.encoding.delete(request)) return false;
    this.tokensEncoding -= request.tokens;
    this.addReady(request, tokens);
    return true;
  }

  /** A request that is not here, and needs no tokenizer. */
  addReady(request: Request, tokens: RequestTokens): void {
    request.setTokens(tokens);
    this.ready.add(request);
    this.tokensReady += request.tokens;
  }

  /** The first request that waits is now being tokenized. */
  startEncoding(): Request | undefined {
    const request = firstOf(this.waiting);
    if (request === undefined) return undefined;
    this.remove(request);
    this.encoding.add(request);
    this.tokensEncoding += request.tokens;
    return request;
  }

  /** The ready requests that `runner` computes, in their order. */
  *readyFor(runner: BatchRunner): Generator<Request, undefined> {
    for (const request of this.ready) if (request.work.runner === runner) yield request;
    return undefined;
  }
}

export function firstOf<T>(items: Iterable<T>): T | undefined {
  for (const item of items) return item;
  return undefined;
}
