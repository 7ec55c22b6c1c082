/**
 * The options of a batcher and of one request, with their defaults.
 *
 * Every limit is checked when the batcher is made, so that its mistakes show before the first request.
 */

import { typeMistake } from '../core/errors.js';
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
  /** As `maxQueue`, for the waiting requests of each `group`. Default: no limit. */
  readonly maxGroupQueue?: number;
  /** As `maxQueueTokens`, for the waiting requests of each `group`. Default: no limit. */
  readonly maxGroupTokens?: number;
  /** If bulk requests wait and none was served for this many milliseconds, the next batch is theirs. Default: 1000. */
  readonly maxBulkWaitMs?: number;
  /** true (default): texts over the model's limit are truncated. false: they reject with a RangeError. */
  readonly truncate?: boolean;
}

/** Options of one request. */
export interface RunOptions {
  /** When it aborts, the call rejects with CANCELLED at once. */
  readonly signal?: AbortSignal;
  /**
   * Longest time until the answer, in milliseconds. Then the call rejects with CANCELLED, whose `cause` is a DOMException
   * named TimeoutError; what has not begun is never computed. It is exact to some 10 ms. Default: no limit.
   */
  readonly timeoutMs?: number;
  /** Default: 'interactive'. */
  readonly priority?: Priority;
  /**
   * For whom the call is made. Requests of different groups take turns by their tokens, so that one caller's many requests
   * do not hold up another's single one. Default: ''.
   */
  readonly group?: string;
}

export interface BatchLimits {
  readonly maxBatchTokens: number;
  readonly maxWaitMs: number;
  readonly maxQueue: number;
  readonly maxQueueTokens: number;
  readonly maxGroupQueue: number;
  readonly maxGroupTokens: number;
  readonly maxBulkWaitMs: number;
}

/** Names of all BatchOptions; the `batch` of a model may have more. */
export const BATCH_OPTIONS: KnownOptions<BatchOptions> = {
  maxBatchTokens: true,
  maxWaitMs: true,
  maxQueue: true,
  maxQueueTokens: true,
  maxGroupQueue: true,
  maxGroupTokens: true,
  maxBulkWaitMs: true,
  truncate: true,
};

/** Names of all RunOptions; the `run` of a model's batcher may have more. */
export const RUN_OPTIONS: KnownOptions<RunOptions> = {
  signal: true,
  timeoutMs: true,
  priority: true,
  group: true,
};

/** One micro-batch per lane. Larger batches were not faster, and all of their callers wait longer. */
const TOKENS_PER_LANE = 512;
/** Longer waits make no sense for batching, and setTimeout ends at 2^31 milliseconds. */
const MAX_WAIT_MS = 60_000;
/** A day. */
const MAX_TIMEOUT_MS = 86_400_000;

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
  const most = (name: 'maxQueueTokens' | 'maxGroupQueue' | 'maxGroupTokens') =>
    read.count(name, undefined) ?? Number.POSITIVE_INFINITY;
  return {
    maxBatchTokens: read.count('maxBatchTokens', TOKENS_PER_LANE * lanes),
    maxWaitMs: wait('maxWaitMs', 2, 0),
    maxQueue: read.count('maxQueue', 1024),
    maxQueueTokens: most('maxQueueTokens'),
    maxGroupQueue: most('maxGroupQueue'),
    maxGroupTokens: most('maxGroupTokens'),
    maxBulkWaitMs: wait('maxBulkWaitMs', 1000, 1),
  };
}

/** What a request has of its options, whatever the model. */
export interface RunSettings {
  readonly priority: Priority;
  readonly group: string;
  readonly signal: AbortSignal | undefined;
  /** 0: no limit. */
  readonly timeoutMs: number;
}

const isTimeout = (value: number) => value > 0 && value <= MAX_TIMEOUT_MS;

/** The options of one request with their defaults; `known` holds the names of all options of the model's `run`. */
export function readRunOptions<O extends RunOptions>(
  options: O,
  known: KnownOptions<O>,
): RunSettings {
  const read = readOptions<RunOptions>('run', options, known);
  const { group = '' } = options;
  if (typeof group !== 'string') throw typeMistake('run: group', 'a string', group);
  return {
    priority: read.choice('priority', 'interactive', PRIORITIES),
    group,
    signal: read.signal(),
    timeoutMs: read.number('timeoutMs', 0, `above 0, at most ${MAX_TIMEOUT_MS}`, isTimeout),
  };
}
