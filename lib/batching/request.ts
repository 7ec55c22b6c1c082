/**
 * One request of a batcher, from acceptance to settlement.
 *
 * A request is settled once: the first call of resolve or reject wins.
 */

import type { Priority } from '../core/priority.js';
import type { EncodedTexts, TextInput } from '../tokenize/text-tokenizer.js';

/** The token ids of one text, as views of the arrays of the call that tokenized it. */
export type RequestTokens = Pick<EncodedTexts, 'ids' | 'segments'> & { readonly cut: boolean };

/**
 * Resolves or rejects a promise. Declared as methods, so that a Batcher of a narrow result type is assignable to one of a
 * wider type.
 */
interface Settler<R> {
  resolve(value: R): void;
  reject(error: unknown): void;
}

type RequestStart<R> = Pick<Request<R>, 'number' | 'priority' | 'signal' | 'text' | 'tokens'> &
  Partial<Pick<Request<R>, 'isWindow'>>;

export class Request<R> {
  readonly priority: Priority;
  readonly signal: AbortSignal | undefined;
  readonly arrived = performance.now();
  /** Number in the order of acceptance, from 1. */
  readonly number: number;
  readonly promise: Promise<R>;
  /** A window of a text, whose caller joins the rows of all. */
  readonly isWindow: boolean;
  /** Estimated until `encoded` is there. */
  tokens: number;
  encoded: RequestTokens | null = null;
  /** The native batch that computes the request. */
  batch: RunningBatch | null = null;
  private source: TextInput;
  private settled = false;
  private readonly caller: Settler<R>;

  constructor(from: RequestStart<R>) {
    this.isWindow = from.isWindow ?? false;
    this.number = from.number;
    this.priority = from.priority;
    this.source = from.text;
    this.tokens = from.tokens;
    this.signal = from.signal;
    let caller: Settler<R> | undefined;
    this.promise = new Promise<R>((resolve, reject) => {
      caller = { resolve, reject };
    });
    this.caller = caller as unknown as Settler<R>;
  }

  get isOpen(): boolean {
    return !this.settled;
  }

  get text(): TextInput {
    return this.source;
  }

  /** Stores the tokens and drops the text, which is not needed any more. */
  setTokens(encoded: RequestTokens): void {
    this.encoded = encoded;
    this.tokens = encoded.ids.length;
    this.source = '';
  }

  /** Returns false if the request was settled before. */
  resolve(value: R): boolean {
    if (!this.close()) return false;
    this.caller.resolve(value);
    return true;
  }

  /** Returns false if the request was settled before. */
  reject(error: unknown): boolean {
    if (!this.close()) return false;
    this.caller.reject(error);
    return true;
  }

  private close(): boolean {
    if (this.settled) return false;
    this.settled = true;
    return true;
  }
}

/** A native batch that is running. */
export class RunningBatch {
  private readonly controller = new AbortController();
  private callers: number;

  constructor(callers: number) {
    this.callers = callers;
  }

  /** Aborts when no caller waits for the batch any more. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Called when one caller has left. */
  leave(): void {
    this.callers--;
    if (this.callers === 0) this.controller.abort();
  }
}

/** Concatenates the tokens of requests into one batch without padding. All must be tokenized. */
export function joinTokens<R>(requests: readonly Request<R>[]): EncodedTexts {
  const offsets = new Int32Array(requests.length + 1);
  for (const [i, { tokens }] of requests.entries()) offsets[i + 1] = (offsets[i] ?? 0) + tokens;
  const total = offsets[requests.length] ?? 0;
  const ids = new Int32Array(total);
  const segments = new Int32Array(total);
  for (const [i, { encoded }] of requests.entries()) {
    ids.set(encoded?.ids ?? [], offsets[i]);
    segments.set(encoded?.segments ?? [], offsets[i]);
  }
  const cut = Uint8Array.from(requests, ({ encoded }) => (encoded?.cut ? 1 : 0));
  return { ids, offsets, segments, truncated: cut.reduce((a, b) => a + b, 0), cut };
}
