/** Records and a state of a server, as tests of the monitor need them. */
import type { FinishedRequest, ServerState } from '../../lib/monitor/records.js';

/** A request of 3 texts that was answered in 20 ms. */
export function finished(more: Partial<FinishedRequest>): FinishedRequest {
  return {
    ...{ requestId: 'r1', route: '/predict', status: 200, outcome: 'ok', model: 'intents' },
    ...{ version: 'v1', key: '', method: 'batch', totalMs: 20 },
    facts: {
      ...{ texts: 3, tokens: 30, truncated: 1 },
      ...{ tokenizeMs: 1, queueMs: 5, inferenceMs: 10 },
    },
    ...more,
  };
}

export function stateOf(): ServerState {
  const model = {
    ...{ name: 'intents', task: 'classify', version: 'v1', dtype: 'int8' },
    ...{ labels: ['a', 'b'], problem: 'single_label_classification', maxTokens: 128 },
  };
  const queue = {
    ...{ model: 'intents', queued: 7, queuedTokens: 90, running: 2, batches: 4 },
    batchTexts: { sum: 12, counts: [1, 1, 1, 1] },
    batchTokens: { sum: 300, counts: [0, 0, 0, 0, 0, 0, 2, 2] },
  };
  return {
    models: () => [model],
    queues: () => [queue],
    inFlight: () => 3,
    laneBusyMs: () => [1000, 3000],
  };
}
