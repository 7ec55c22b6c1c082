/**
 * The waiting requests, in one line per priority, and the rules for who is next.
 *
 * A line is first come, first served. Its requests are tokenized and taken in the order of arrival: tokenized ones come
 * first, then those being tokenized, then the others.
 */

import type { Priority } from '../core/priority.js';
import type { BatchLimits } from './batch-options.js';
import type { Request, RequestTokens } from './request.js';

/** Most characters per call of the tokenizer, so that long bulk texts delay other requests only briefly. */
const ENCODE_CHARS = 1 << 18;

/** The line of one priority. */
export class RequestLine<R> {
  private readonly waiting = new Set<Request<R>>();
  private readonly encoding = new Set<Request<R>>();
  private readonly ready = new Set<Request<R>>();
  private tokensReady = 0;
  private tokensWaiting = 0;

  get size(): number {
    return this.waiting.size + this.encoding.size + this.ready.size;
  }

  /** Estimated tokens of the texts that wait to be tokenized. */
  get waitingTokens(): number {
    return this.tokensWaiting;
  }

  get firstWaiting(): Request<R> | undefined {
    return firstOf(this.waiting);
  }

  get first(): Request<R> | undefined {
    return firstOf(this.ready) ?? firstOf(this.encoding) ?? firstOf(this.waiting);
  }

  get hasReady(): boolean {
    return this.ready.size > 0;
  }

  /** In the order of the line. */
  *[Symbol.iterator](): Iterator<Request<R>> {
    yield* this.ready;
    yield* this.encoding;
    yield* this.waiting;
  }

  add(request: Request<R>): void {
    this.waiting.add(request);
    this.tokensWaiting += request.tokens;
  }

  /** Removes a request; false if it is not in the line. */
  remove(request: Request<R>): boolean {
    if (this.ready.delete(request)) this.tokensReady -= request.tokens;
    else if (this.waiting.delete(request)) this.tokensWaiting -= request.tokens;
    else return this.encoding.delete(request);
    return true;
  }

  /** Whether a text waits to be tokenized and less than a batch is ready. */
  wantsTokens(maxTokens: number): boolean {
    return this.waiting.size > 0 && this.tokensReady < maxTokens;
  }

  /** Stores the tokens of a request and makes it ready; false if it has left the line meanwhile. */
  markReady(request: Request<R>, tokens: RequestTokens): boolean {
    if (!this.encoding.delete(request)) return false;
    request.setTokens(tokens);
    this.ready.add(request);
    this.tokensReady += request.tokens;
    return true;
  }

  /** A request that is not in the line, and needs no tokenizer. */
  addReady(request: Request<R>, tokens: RequestTokens): void {
    request.setTokens(tokens);
    this.ready.add(request);
    this.tokensReady += request.tokens;
  }

  /** The first requests that wait, about a batch of them, are now being tokenized. */
  takeToEncode(maxTokens: number): Request<R>[] {
    const taken: Request<R>[] = [];
    let tokens = 0;
    let chars = 0;
    for (const request of this.waiting) {
      if (tokens >= maxTokens || chars >= ENCODE_CHARS) break;
      taken.push(request);
      tokens += request.tokens;
      chars += textLength(request);
    }
    for (const request of taken) {
      this.remove(request);
      this.encoding.add(request);
    }
    return taken;
  }

  /** Removes and returns the first ready requests: as many as fit into `maxTokens`, at least one if any is ready. */
  takeBatch(maxTokens: number): Request<R>[] {
    const taken: Request<R>[] = [];
    let tokens = 0;
    for (const request of this.ready) {
      tokens += request.tokens;
      if (taken.length > 0 && tokens > maxTokens) break;
      taken.push(request);
    }
    for (const request of taken) this.remove(request);
    return taken;
  }
}

/** The two lines, and the choice between them. */
export class RequestLines<R> {
  private readonly lines = {
    interactive: new RequestLine<R>(),
    bulk: new RequestLine<R>(),
  };
  private readonly limits: BatchLimits;
  private lastBulk = Number.NEGATIVE_INFINITY;
  private queuedTokens = 0;

  constructor(limits: BatchLimits) {
    this.limits = limits;
  }

  get size(): number {
    return this.lines.interactive.size + this.lines.bulk.size;
  }

  get tokens(): number {
    return this.queuedTokens;
  }

  get hasReady(): boolean {
    return this.lines.interactive.hasReady || this.lines.bulk.hasReady;
  }

  add(request: Request<R>): void {
    this.lines[request.priority].add(request);
    this.queuedTokens += request.tokens;
  }

  /** Adds a request whose tokens are known. */
  addReady(request: Request<R>, tokens: RequestTokens): void {
    this.lines[request.priority].addReady(request, tokens);
    this.queuedTokens += request.tokens;
  }

  /** False when it does not wait here. */
  remove(request: Request<R>): boolean {
    const removed = this.lines[request.priority].remove(request);
    if (removed) this.queuedTokens -= request.tokens;
    return removed;
  }

  all(): Request<R>[] {
    return [...this.lines.interactive, ...this.lines.bulk];
  }

  /** Stores the tokens of a request and makes it ready, unless it has left its line meanwhile. */
  markReady(request: Request<R>, tokens: RequestTokens): void {
    const estimate = request.tokens;
    if (this.lines[request.priority].markReady(request, tokens)) {
      this.queuedTokens += request.tokens - estimate;
    }
  }

  /**
   * The line whose texts are tokenized next, or null. Interactive texts go first, unless bulk work is due. No line is
   * tokenized more than one batch ahead.
   */
  lineToEncode(now: number): RequestLine<R> | null {
    const { interactive, bulk } = this.lines;
    const bulkFirst = !bulk.hasReady && this.isBulkDue(now);
    const order = bulkFirst ? [bulk, interactive] : [interactive, bulk];
    return order.find((line) => line.wantsTokens(this.limits.maxBatchTokens)) ?? null;
  }

  /**
   * The next batch of interactive requests; empty if none is ready. It need not wait for running bulk work, which it
   * overtakes.
   */
  takeInteractive(): Request<R>[] {
    return this.take(this.lines.interactive);
  }

  /**
   * The next batch of bulk requests. Empty while interactive requests wait (tokenized or not) or run (`busy`), unless bulk
   * work is due.
   */
  takeBulk(now: number, busy: boolean): Request<R>[] {
    const { interactive, bulk } = this.lines;
    const free = !busy && interactive.size === 0;
    return free || this.isBulkDue(now) ? this.take(bulk) : [];
  }

  private take(line: RequestLine<R>): Request<R>[] {
    const batch = line.takeBatch(this.limits.maxBatchTokens);
    for (const { tokens } of batch) this.queuedTokens -= tokens;
    return batch;
  }

  /** Called when a batch of this priority has ended. */
  served(priority: Priority): void {
    if (priority === 'bulk') this.lastBulk = performance.now();
  }

  private isBulkDue(now: number): boolean {
    const { first } = this.lines.bulk;
    const { maxBulkWaitMs } = this.limits;
    return first !== undefined && now - Math.max(first.arrived, this.lastBulk) >= maxBulkWaitMs;
  }
}

function firstOf<T>(items: Iterable<T>): T | undefined {
  for (const item of items) return item;
  return undefined;
}

function textLength<R>({ text }: Request<R>): number {
  return typeof text === 'string' ? text.length : text[0].length + text[1].length;
}
