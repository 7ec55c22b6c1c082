/**
 * The options of a batcher and of one request, with their defaults.
 *
 * Every limit is checked when the batcher is made, so that a running service meets no argument mistake of its own.
 */

import { type KnownOptions, readOptions } from '../core/options.js';
import { PRIORITIES, type Priority } from '../core/priority.js';

export interface BatchOptions {
  /**
   * Tokens of one native batch; a longer text is a batch of its own. An interactive request waits for the interactive
   * batch that runs, so this bounds its wait; a bulk batch that runs is passed. Default: 512 per lane.
   */
  readonly maxBatchTokens?: number;
  /** Longest that a request is held back for others to join, in milliseconds. Default: 2. */
  readonly maxWaitMs?: number;
  /** Requests that wait, the running batch not counted; one more is OVERLOADED. Default: 1024. */
  readonly maxQueue?: number;
  /**
   * Tokens of the requests that wait; a request that would exceed them is OVERLOADED, unless nothing waits. A text
   * counts as a quarter of its characters (at most the model's limit) until it is tokenized. Default: no limit.
   */
  readonly maxQueueTokens?: number;
  /** When bulk requests wait and none had a turn for this long, the next batch is theirs. Default: 1000. */
  readonly maxBulkWaitMs?: number;
  /** true (default): texts over the model's limit are cut. false: they are a RangeError of their caller. */
  readonly truncate?: boolean;
}

export interface RunOptions {
  /** Abort: the call rejects with CANCELLED at once. */
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

/** All names of BatchOptions; a model's `batch` may know more. */
export const BATCH_OPTIONS: KnownOptions<BatchOptions> = {
  maxBatchTokens: true,
  maxWaitMs: true,
  maxQueue: true,
  maxQueueTokens: true,
  maxBulkWaitMs: true,
  truncate: true,
};

/** A micro-batch per lane: larger batches were not faster, and all of their callers wait longer. */
const TOKENS_PER_LANE = 512;
/** Longer waits are no batching; setTimeout ends at 2^31. */
const MAX_WAIT_MS = 60_000;

/** The limits with their defaults. Throws TypeError or RangeError naming the option. */
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
