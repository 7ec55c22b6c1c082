/**
 * What a batcher counts, in constant memory.
 *
 * At any time requests = queued + running + completed + failed + cancelled; requests that were refused are `rejected`.
 */

import type { Priority } from '../core/priority.js';

/** Of the latest 1024 samples, by nearest rank; 0 without samples. */
export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** A snapshot; the counters begin when the batcher is made. */
export interface BatcherMetrics {
  /** Requests that wait now. */
  readonly queued: number;
  /** Their tokens; estimated where a text is not tokenized yet. */
  readonly queuedTokens: number;
  /** Requests of the batches that run now. */
  readonly running: number;
  /** Accepted. */
  readonly requests: number;
  readonly completed: number;
  /** Ended with an error, DISPOSED included. */
  readonly failed: number;
  /** Ended by their signal. */
  readonly cancelled: number;
  /** Refused: OVERLOADED. */
  readonly rejected: number;
  /** Native batches that have ended. */
  readonly batches: number;
  /** Tokens of those. */
  readonly tokens: number;
  readonly batchTokens: { readonly mean: number; readonly max: number };
  /** From acceptance to the start of the native batch, in milliseconds. */
  readonly queueMs: Readonly<Record<Priority, Percentiles>>;
  /** Time during which a native batch ran, in milliseconds. */
  readonly computeMs: number;
  /** Age of the batcher in milliseconds; computeMs / uptimeMs is the share of time that the lanes had work from it. */
  readonly uptimeMs: number;
  /**
   * Per lane, milliseconds of `uptimeMs` in which it computed, for whatever call of this thread. The difference of two
   * readings over the difference of their `uptimeMs` is a lane's use between them.
   */
  readonly laneBusyMs: readonly number[];
  /** Mean share of `uptimeMs` that the lanes were busy, 0 to 1. */
  readonly laneUse: number;
}

const SAMPLES = 1024;

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
  private batches = 0;
  private tokens = 0;
  private maxTokens = 0;
  private computeMs = 0;
  private running = 0;
  private runningSince = 0;
  private readonly since = performance.now();
  private readonly lanes: () => Float64Array;
  private readonly busySince: Float64Array;
  private readonly waits = { interactive: new Samples(), bulk: new Samples() };

  /** `lanes` gives the busy time of each lane so far, in milliseconds. */
  constructor(lanes: () => Float64Array) {
    this.lanes = lanes;
    this.busySince = lanes();
  }

  addWait(priority: Priority, ms: number): void {
    this.waits[priority].add(ms);
  }

  /** A native batch begins; others may be running. */
  beginBatch(): void {
    if (this.running++ === 0) this.runningSince = performance.now();
  }

  endBatch(tokens: number): void {
    this.batches++;
    this.tokens += tokens;
    this.maxTokens = Math.max(this.maxTokens, tokens);
    if (--this.running === 0) this.computeMs += performance.now() - this.runningSince;
  }

  snapshot(queue: Pick<BatcherMetrics, 'queued' | 'queuedTokens' | 'running'>): BatcherMetrics {
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
