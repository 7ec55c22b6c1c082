/** What the monitor reads of a server. The rule: reading is cheap; queues are counted at most ten times a second. */
import type { BatcherMetrics } from '../../batching/batch-metrics.js';
import type { QueueState, ServerState, Sizes } from '../../monitor/index.js';
import { type NativeBinding, native } from '../../native/native.js';
import type { Admission } from '../admission.js';
import type { ModelRegistry } from '../model-registry.js';

const KEPT_MS = 100;

export function serverState(registry: ModelRegistry, admission: Admission): ServerState {
  const binding: Pick<NativeBinding, 'laneBusyMs' | 'weightBytes'> = native();
  let queues: readonly QueueState[] = [];
  let readAt = Number.NEGATIVE_INFINITY;
  return {
    models: () => registry.list(),
    queues: () => {
      const now = performance.now();
      if (now - readAt >= KEPT_MS) {
        readAt = now;
        queues = registry.all().map(({ name, held }) => queueState(name, held.metrics()));
      }
      return queues;
    },
    inFlight: () => admission.requests,
    laneBusyMs: () => binding.laneBusyMs(),
    nativeBytes: () => binding.weightBytes(),
  };
}

const NO_SIZES: Sizes = { sum: 0, counts: [] };

function queueState(model: string, batchers: readonly BatcherMetrics[]): QueueState {
  const sum = (of: (one: BatcherMetrics) => number) =>
    batchers.reduce((total, one) => total + of(one), 0);
  const sizes = (of: (one: BatcherMetrics) => Sizes) => batchers.map(of).reduce(addSizes, NO_SIZES);
  return {
    model,
    queued: sum(({ queued }) => queued),
    queuedTokens: sum(({ queuedTokens }) => queuedTokens),
    running: sum(({ running }) => running),
    batches: sum(({ batches }) => batches),
    batchTexts: sizes(({ batchSizes }) => batchSizes.requests),
    batchTokens: sizes(({ batchSizes }) => batchSizes.tokens),
  };
}

function addSizes(a: Sizes, b: Sizes): Sizes {
  const length = Math.max(a.counts.length, b.counts.length);
  return {
    sum: a.sum + b.sum,
    counts: Array.from({ length }, (_, i) => (a.counts[i] ?? 0) + (b.counts[i] ?? 0)),
  };
}
