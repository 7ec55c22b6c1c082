/**
 * What a batcher counts, in constant memory.
 *
 * At any time requests = queued + running + completed + failed + cancelled; requests that were refused are `rejected`.
 */

import type { Priority } from './batch-options.js';

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
  /** Requests of the batch that runs now. */
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
  private readonly since = performance.now();
  private readonly waits = { interactive: new Samples(), bulk: new Samples() };

  addWait(priority: Priority, ms: number): void {
    this.waits[priority].add(ms);
  }

  addBatch(tokens: number, ms: number): void {
    this.batches++;
    this.tokens += tokens;
    this.maxTokens = Math.max(this.maxTokens, tokens);
    this.computeMs += ms;
  }

  snapshot(now: Pick<BatcherMetrics, 'queued' | 'queuedTokens' | 'running'>): BatcherMetrics {
    const { requests, completed, failed, cancelled, rejected, batches, tokens } = this;
    return {
      ...now,
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
      computeMs: this.computeMs,
      uptimeMs: performance.now() - this.since,
    };
  }
}
