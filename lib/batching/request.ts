/**
 * One request of a batcher, from acceptance to settlement: a text, or a window of one.
 *
 * A request is settled once: the first call of resolve or reject wins.
 */

import type { Priority } from '../core/priority.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';
import type { RunSettings } from './batch-options.js';
import type { BatchWork, JoinedTokens, RequestTokens } from './batch-work.js';
import type { FactsCollector } from './run-facts.js';

/** Resolves or rejects a promise. */
interface Settler {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** Begin and end of a call of the tokenizer, which many requests may share. */
export interface EncodeTimes {
  readonly begin: number;
  end: number;
}

export interface RequestStart {
  readonly text: TextInput;
  readonly tokens: number;
  readonly work: BatchWork<unknown>;
  readonly facts: FactsCollector | null;
}

export class Request {
  readonly priority: Priority;
  readonly group: string;
  readonly signal: AbortSignal | undefined;
  readonly work: BatchWork<unknown>;
  /** Where its times and sizes go, if the caller wants them. */
  readonly facts: FactsCollector | null;
  readonly arrived = performance.now();
  /** Number in the order of acceptance, from 1. */
  readonly number: number;
  readonly promise: Promise<unknown>;
  /** When it must be answered, by `performance.now()`; 0: no limit. */
  due = 0;
  /** Estimated until `encoded` is there. */
  tokens: number;
  encoded: RequestTokens | null = null;
  encodeTimes: EncodeTimes | null = null;
  /** The native batch that computes the request. */
  batch: RunningBatch | null = null;
  /** Of a text that is read in windows: ends the reading and the windows. */
  stop: AbortController | null = null;
  private source: TextInput;
  private settled = false;
  private readonly caller: Settler;

  constructor(number: number, settings: RunSettings, from: RequestStart) {
    this.number = number;
    this.priority = settings.priority;
    this.group = settings.group;
    this.signal = settings.signal;
    if (settings.timeoutMs > 0) this.due = this.arrived + settings.timeoutMs;
    this.work = from.work;
    this.facts = from.facts;
    this.source = from.text;
    this.tokens = from.tokens;
    let caller: Settler | undefined;
    this.promise = new Promise<unknown>((resolve, reject) => {
      caller = { resolve, reject };
    });
    this.caller = caller as unknown as Settler;
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
  resolve(value: unknown): boolean {
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
  readonly begin = performance.now();
  /** When it ended; 0 while it runs. */
  end = 0;
  private readonly controller = new AbortController();
  private callers: number;

  constructor(callers: number) {
    this.callers = callers;
  }

  /** Aborts when no caller waits for the batch any more. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Called when one caller has left, which may be after the end, while results are made. */
  leave(): void {
    this.callers--;
    if (this.callers === 0 && this.end === 0) this.controller.abort();
  }
}

/** Concatenates the tokens of requests into one batch without padding. All must be tokenized. */
export function joinTokens(requests: readonly Request[]): JoinedTokens {
  const offsets = new Int32Array(requests.length + 1);
  for (const [i, { tokens }] of requests.entries()) offsets[i + 1] = (offsets[i] ?? 0) + tokens;
  const total = offsets[requests.length] ?? 0;
  const ids = new Int32Array(total);
  const segments = new Int32Array(total);
  for (const [i, { encoded }] of requests.entries()) {
    ids.set(encoded?.ids ?? [], offsets[i]);
    segments.set(encoded?.segments ?? [], offsets[i]);
  }
  return { ids, segments, offsets, selected: joinSelected(requests, offsets) };
}

function joinSelected(requests: readonly Request[], offsets: Int32Array): Int32Array | null {
  if (requests[0]?.encoded?.selected === undefined) return null;
  const lists = requests.map(({ encoded }) => encoded?.selected ?? new Int32Array());
  const all = new Int32Array(lists.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const [i, list] of lists.entries()) {
    for (const index of list) all[at++] = (offsets[i] ?? 0) + index;
  }
  return all;
}
