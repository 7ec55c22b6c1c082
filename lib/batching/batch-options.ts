/**
 * The options of a batcher and of one request, with their defaults.
 *
 * Every limit is checked when the batcher is made, so that its mistakes show before the first request.
 */

import { type KnownOptions, readOptions } from '../core/options.js';
import { PRIORITIES, type Priority } from '../core/priority.js';

/** Limits of a batcher. Values of a wrong type or out of range throw TypeError or RangeError in `batch`. */
export interface BatchOptions {
  /**
   * Tokens of one native batch; a longer text is a batch of its own. An interactive request waits only for a running
   * interactive batch, so this bounds its wait; it overtakes a running bulk batch. Default: 512 per lane.
   */
  readonly maxBatchTokens?: number;
  /** Longest time that a request is held back for others to join, in milliseconds. Default: 2. */
  readonly maxWaitMs?: number;
  /** Most requests that wait, without those of running batches; one more is refused with OVERLOADED. Default: 1024. */
  readonly maxQueue?: number;
  /**
   * Most tokens of the waiting requests. A request that would exceed this is refused with OVERLOADED, unless no other waits.
   * Until a text is tokenized, it counts as a quarter of its characters (at most the model's limit). Default: no limit.
   */
  readonly maxQueueTokens?: number;
  /** If bulk requests wait and none was served for this many milliseconds, the next batch is theirs. Default: 1000. */
  readonly maxBulkWaitMs?: number;
  /** true (default): texts over the model's limit are truncated. false: they reject with a RangeError. */
  readonly truncate?: boolean;
}

/** Options of one request. */
export interface RunOptions {
  /** When it aborts, the call rejects with CANCELLED at once. */
  readonly signal?: AbortSignal;
  /** Default: 'interactive'. */
  readonly priority?: Priority;
}

export interface BatchLimits {
  readonly maxBatchTokens: number;
  readonly maxWaitMs: number;
  readonly maxQueue: number;
  readonly maxQueueTokens: number;
  readonly maxBulkWaitMs: number;
}

/** Names of all BatchOptions; the `batch` of a model may have more. */
export const BATCH_OPTIONS: KnownOptions<BatchOptions> = {
  maxBatchTokens: true,
  maxWaitMs: true,
  maxQueue: true,
  maxQueueTokens: true,
  maxBulkWaitMs: true,
  truncate: true,
};

/** One micro-batch per lane. Larger batches were not faster, and all of their callers wait longer. */
const TOKENS_PER_LANE = 512;
/** Longer waits make no sense for batching, and setTimeout ends at 2^31 milliseconds. */
const MAX_WAIT_MS = 60_000;

/** The checked limits, with defaults filled in. Throws TypeError or RangeError that names the option. */
export function readBatchLimits(where: string, options: BatchOptions, lanes: number): BatchLimits {
  const read = readOptions(where, options, BATCH_OPTIONS);
  const wait = (name: 'maxWaitMs' | 'maxBulkWaitMs', fallback: number, least: number) =>
    read.number(
      name,
      fallback,
      `a number from ${least} to ${MAX_WAIT_MS}`,
      (value) => value >= least && value <= MAX_WAIT_MS,
    );
  return {
    maxBatchTokens: read.count('maxBatchTokens', TOKENS_PER_LANE * lanes),
    maxWaitMs: wait('maxWaitMs', 2, 0),
    maxQueue: read.count('maxQueue', 1024),
    maxQueueTokens: read.count('maxQueueTokens', undefined) ?? Number.POSITIVE_INFINITY,
    maxBulkWaitMs: wait('maxBulkWaitMs', 1000, 1),
  };
}

/** The options of one request with their defaults. */
export function readRunOptions(options: RunOptions): {
  readonly priority: Priority;
  readonly signal: AbortSignal | undefined;
} {
  const read = readOptions('run', options, { signal: true, priority: true });
  return { priority: read.choice('priority', 'interactive', PRIORITIES), signal: read.signal() };
}
