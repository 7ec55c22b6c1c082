/**
 * The counters of a batcher, in constant memory.
 *
 * At any time requests = queued + running + completed + failed + cancelled. Refused requests are counted apart, as
 * `rejected`. A text that is read in windows is a request, and so is each of its windows.
 */

import type { Priority } from '../core/priority.js';
import { Throughput } from './throughput.js';

/** Percentiles of the latest 1024 samples, by nearest rank; 0 without samples. */
export interface Percentiles {
  /** Half of the samples are at most this. */
  readonly p50: number;
  /** 95 % of the samples are at most this. */
  readonly p95: number;
  /** 99 % of the samples are at most this. */
  readonly p99: number;
}

/** A snapshot of a batcher's counters, which start at its creation. */
export interface BatcherMetrics {
  /** Requests that are waiting now; a text that is read in windows waits for these. */
  readonly queued: number;
  /** Tokens of the waiting requests; estimated for texts that are not tokenized yet. */
  readonly queuedTokens: number;
  /** Requests in batches that are running now. */
  readonly running: number;
  /** Requests that were accepted. */
  readonly requests: number;
  /** Requests that got their result. */
  readonly completed: number;
  /** Requests that ended with an error, DISPOSED included. */
  readonly failed: number;
  /** Requests that ended by their signal or their `timeoutMs`. */
  readonly cancelled: number;
  /** Requests that were refused with OVERLOADED. */
  readonly rejected: number;
  /** Native batches that have ended. */
  readonly batches: number;
  /** Tokens of these batches. */
  readonly tokens: number;
  /** Tokens of a native batch: the mean and the largest number. */
  readonly batchTokens: { readonly mean: number; readonly max: number };
  /** Native batches by their number of requests, windows included, and by their tokens. */
  readonly batchSizes: { readonly requests: SizeCounts; readonly tokens: SizeCounts };
  /**
   * Tokens that were computed in a second of `computeMs`, exponentially weighted over some seconds of it; null before the
   * first batch has ended.
   */
  readonly tokensPerSecond: number | null;
  /**
   * Time that a new interactive request would wait for what waits and runs before it, at `tokensPerSecond`; null if that is
   * null. One of a group with few waiting requests waits less.
   */
  readonly estimatedWaitMs: number | null;
  /** Time from acceptance to the start of the native batch, in milliseconds. */
  readonly queueMs: Readonly<Record<Priority, Percentiles>>;
  /** Time during which a native batch ran, in milliseconds. */
  readonly computeMs: number;
  /** Age of the batcher in milliseconds; computeMs / uptimeMs is the share of time in which a batch was running. */
  readonly uptimeMs: number;
  /**
   * Milliseconds of `uptimeMs` in which each lane computed, for any call of this thread. Between two readings, a lane's use
   * is the difference of its milliseconds over the difference of `uptimeMs`.
   */
  readonly laneBusyMs: readonly number[];
  /** Mean share of `uptimeMs` that the lanes were busy, 0 to 1. */
  readonly laneUse: number;
}

/** Sizes by powers of two: `counts[i]` are those above 2^(i - 1) up to 2^i, the last one all that are larger. */
export interface SizeCounts {
  readonly sum: number;
  readonly counts: readonly number[];
}

const SAMPLES = 1024;
/** The largest power of two that sizes are counted up to: 65,536. */
const LAST_POWER = 16;

/** Counts sizes by powers of two. */
class Sizes implements SizeCounts {
  sum = 0;
  readonly counts = new Array<number>(LAST_POWER + 2).fill(0);

  add(size: number): void {
    this.sum += size;
    const power = size <= 1 ? 0 : 32 - Math.clz32(size - 1);
    const i = Math.min(power, LAST_POWER + 1);
    this.counts[i] = (this.counts[i] ?? 0) + 1;
  }

  snapshot(): SizeCounts {
    return { sum: this.sum, counts: [...this.counts] };
  }
}

/** The latest samples of a quantity. */
class Samples {
  private readonly values = new Float64Array(SAMPLES);
  private added = 0;

  add(value: number): void {
    this.values[this.added++ % SAMPLES] = value;
  }

  percentiles(): Percentiles {
    const sorted = this.values.slice(0, Math.min(this.added, SAMPLES)).sort();
    const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] ?? 0;
    return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
  }
}

/** The counters behind the snapshot. */
export class BatchCounters {
  requests = 0;
  completed = 0;
  failed = 0;
  cancelled = 0;
  rejected = 0;
  readonly throughput = new Throughput();
  private batches = 0;
  private tokens = 0;
  private maxTokens = 0;
  private readonly sizes = { requests: new Sizes(), tokens: new Sizes() };
  private computeMs = 0;
  private running = 0;
  private runningSince = 0;
  private readonly since = performance.now();
  private readonly lanes: () => Float64Array;
  private readonly busySince: Float64Array;
  private readonly waits = { interactive: new Samples(), bulk: new Samples() };

  /** `lanes` returns the busy time of each lane so far, in milliseconds. */
  constructor(lanes: () => Float64Array) {
    this.lanes = lanes;
    this.busySince = lanes();
  }

  addWait(priority: Priority, ms: number): void {
    this.waits[priority].add(ms);
  }

  /** Called when a native batch begins; others may be running. */
  beginBatch(): void {
    this.throughput.begin(performance.now());
    if (this.running++ === 0) this.runningSince = performance.now();
  }

  endBatch(requests: number, tokens: number): void {
    this.throughput.end(performance.now(), tokens);
    this.batches++;
    this.sizes.requests.add(requests);
    this.sizes.tokens.add(tokens);
    this.tokens += tokens;
    this.maxTokens = Math.max(this.maxTokens, tokens);
    if (--this.running === 0) this.computeMs += performance.now() - this.runningSince;
  }

  snapshot(
    queue: Pick<BatcherMetrics, 'queued' | 'queuedTokens' | 'running' | 'estimatedWaitMs'>,
  ): BatcherMetrics {
    const { requests, completed, failed, cancelled, rejected, batches, tokens } = this;
    const now = performance.now();
    const uptimeMs = now - this.since;
    const laneBusyMs = Array.from(this.lanes(), (ms, i) => ms - (this.busySince[i] ?? 0));
    const busyMs = laneBusyMs.reduce((sum, ms) => sum + ms, 0);
    const computing = this.running === 0 ? 0 : now - this.runningSince;
    return {
      ...queue,
      requests,
      completed,
      failed,
      cancelled,
      rejected,
      batches,
      tokens,
      batchTokens: { mean: batches === 0 ? 0 : tokens / batches, max: this.maxTokens },
      batchSizes: {
        requests: this.sizes.requests.snapshot(),
        tokens: this.sizes.tokens.snapshot(),
      },
      tokensPerSecond: this.throughput.tokensPerSecond,
      queueMs: {
        interactive: this.waits.interactive.percentiles(),
        bulk: this.waits.bulk.percentiles(),
      },
      computeMs: this.computeMs + computing,
      uptimeMs,
      laneBusyMs,
      laneUse: uptimeMs === 0 ? 0 : Math.min(1, busyMs / (uptimeMs * laneBusyMs.length)),
    };
  }
}
