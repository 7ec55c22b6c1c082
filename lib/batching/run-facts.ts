/**
 * Sizes and times of one call of a batcher, for its caller.
 *
 * The times are those that requests and batches keep anyway: a call that does not ask for them pays nothing.
 */

import type { Request } from './request.js';

/** Sizes and times of a call. Of a text that is read in windows, the times are those of its slowest window. */
export interface RunFacts {
  /** Tokens that were computed, special tokens included; of all windows. */
  readonly tokens: number;
  /** Whether tokens of the text were cut off. */
  readonly truncated: boolean;
  /** Milliseconds of the tokenizer's call, which other requests may have shared. */
  readonly tokenizeMs: number;
  /** Milliseconds of waiting from the call to the beginning of its native batch, without `tokenizeMs`. */
  readonly queueMs: number;
  /** Milliseconds of the native batch. */
  readonly computeMs: number;
}

/** A result with the facts of its call. */
export interface WithFacts<R> {
  readonly result: R;
  readonly facts: RunFacts;
}

/** Collects the facts of a call from its requests. */
export class FactsCollector {
  private tokens = 0;
  private truncated = false;
  private tokenizeMs = 0;
  private queueMs = 0;
  private computeMs = 0;

  /** A request whose batch has ended. */
  add({ arrived, encodeTimes, encoded, batch, tokens }: Request): void {
    const tokenizeMs = encodeTimes === null ? 0 : encodeTimes.end - encodeTimes.begin;
    const waited = (batch?.begin ?? arrived) - arrived - tokenizeMs;
    this.tokens += tokens;
    this.truncated ||= encoded?.cut ?? false;
    this.tokenizeMs = Math.max(this.tokenizeMs, tokenizeMs);
    this.queueMs = Math.max(this.queueMs, waited);
    this.computeMs = Math.max(this.computeMs, batch === null ? 0 : batch.end - batch.begin);
  }

  /** A text that was tokenized and then read in windows. */
  addReading({ encodeTimes }: Request, readingMs: number): void {
    const first = encodeTimes === null ? 0 : encodeTimes.end - encodeTimes.begin;
    this.tokenizeMs = Math.max(this.tokenizeMs, first + readingMs);
  }

  get facts(): RunFacts {
    const { tokens, truncated, tokenizeMs, queueMs, computeMs } = this;
    return { tokens, truncated, tokenizeMs, queueMs, computeMs };
  }
}
