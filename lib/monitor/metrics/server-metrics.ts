/**
 * The metrics of a server by our names, `sinter_*`: base units, `_total` for what only grows.
 *
 * The rule: labels are names of served models, tasks and outcomes. Texts, ids of requests and names of keys never are.
 */
import {
  type FinishedRequest,
  type MonitoredModel,
  OUTCOMES,
  type QueueState,
  type RequestOutcome,
  type ServerState,
  type Sizes,
} from '../records.js';
import { powersOfTwo, SECONDS } from './buckets.js';
import type { Counter, Histogram, Registry } from './registry.js';

/** Label of requests that named no served model. */
const NONE = 'none';
const MILLISECONDS = 1000;

export class ServerMetrics {
  private readonly requests: Counter<'model' | 'task' | 'outcome'>;
  private readonly failures: Counter<'reason'>;
  private readonly texts: Counter<'model'>;
  private readonly tokens: Counter<'model'>;
  private readonly truncated: Counter<'model'>;
  private readonly durations: Record<
    'request' | 'tokenize' | 'queue' | 'inference',
    Histogram<'model'>
  >;
  private readonly requestTokens: Histogram<'model'>;

  constructor(
    registry: Registry,
    private readonly state: ServerState,
  ) {
    const model = ['model'] as const;
    this.requests = registry.counter({
      name: 'sinter_requests_total',
      help: 'Requests that ended, by model, task and outcome.',
      labels: ['model', 'task', 'outcome'],
    });
    this.failures = registry.counter({
      name: 'sinter_request_failures_total',
      help: 'Requests that ended otherwise than with an answer, by reason.',
      labels: ['reason'],
    });
    for (const reason of OUTCOMES) if (reason !== 'ok') this.failures.add(0, { reason });
    const counter = (name: string, help: string) => registry.counter({ name, help, labels: model });
    this.texts = counter('sinter_inputs_total', 'Texts that were answered.');
    this.tokens = counter('sinter_tokens_total', 'Tokens of the texts that were answered.');
    this.truncated = counter('sinter_truncated_inputs_total', 'Texts that were cut to the limit.');
    const seconds = (name: string, help: string) =>
      registry.histogram({ name, help, labels: model, buckets: SECONDS });
    this.durations = {
      request: seconds(
        'sinter_request_duration_seconds',
        'Seconds from the head of a request to the end of its answer; requests that were answered.',
      ),
      tokenize: seconds('sinter_tokenize_duration_seconds', ofSlowest('it was tokenized')),
      queue: seconds('sinter_queue_duration_seconds', ofSlowest('it waited for its batch')),
      inference: seconds('sinter_inference_duration_seconds', ofSlowest('its batch was computed')),
    };
    this.requestTokens = registry.histogram({
      name: 'sinter_request_tokens',
      help: 'Tokens of a request that was answered.',
      ...{ labels: model, buckets: powersOfTwo(16) },
    });
    addState(registry, state);
  }

  onRequest({ model, outcome, totalMs, facts }: FinishedRequest): void {
    const known = this.state.models().find(({ name }) => name === model);
    const name = known?.name ?? NONE;
    this.requests.add(1, { model: name, task: known?.task ?? NONE, outcome });
    if (outcome !== 'ok') this.failures.add(1, { reason: outcome });
    if (outcome !== 'ok' || known === undefined || facts === null) return;
    const labels = { model: name };
    this.texts.add(facts.texts, labels);
    this.tokens.add(facts.tokens, labels);
    this.truncated.add(facts.truncated, labels);
    this.durations.request.observe(totalMs / MILLISECONDS, labels);
    this.durations.tokenize.observe(facts.tokenizeMs / MILLISECONDS, labels);
    this.durations.queue.observe(facts.queueMs / MILLISECONDS, labels);
    this.durations.inference.observe(facts.inferenceMs / MILLISECONDS, labels);
    this.requestTokens.observe(facts.tokens, labels);
  }
}

/** The reasons of failures, for documentation and alerts. */
export type FailureReason = Exclude<RequestOutcome, 'ok'>;

const ofSlowest = (what: string) => `Seconds that ${what}, of the slowest text of a request.`;

const byModel = <T extends { readonly model: string }>(
  states: readonly T[],
  value: (state: T) => number,
) => states.map((one) => ({ labels: { model: one.model }, value: value(one) }));

/** What is read of the server at the time of asking. */
function addState(registry: Registry, state: ServerState): void {
  const { queues, inFlight, laneBusyMs, nativeBytes } = state;
  registry.gauge<'model'>({
    name: 'sinter_queue_size',
    help: 'Texts that are waiting.',
    labels: ['model'],
    read: () => byModel(queues(), ({ queued }) => queued),
  });
  registry.gauge<'model'>({
    name: 'sinter_queue_tokens',
    help: 'Tokens of the texts that are waiting.',
    labels: ['model'],
    read: () => byModel(queues(), ({ queuedTokens }) => queuedTokens),
  });
  registry.readCounter<'model'>({
    name: 'sinter_batches_total',
    help: 'Native batches that have ended.',
    labels: ['model'],
    read: () => byModel(queues(), ({ batches }) => batches),
  });
  addBatches(registry, queues);
  registry.gauge({
    name: 'sinter_requests_in_flight',
    help: 'Requests that are being answered.',
    read: () => [{ value: inFlight() }],
  });
  registry.readCounter<'lane'>({
    name: 'sinter_lane_busy_seconds_total',
    help: 'Seconds that each lane has computed; its rate is the share of time in which the lane was busy.',
    labels: ['lane'],
    read: () =>
      Array.from(laneBusyMs(), (ms, i) => ({
        labels: { lane: String(i) },
        value: ms / MILLISECONDS,
      })),
  });
  addModelInfo(registry, state.models);
  if (nativeBytes === undefined) return;
  registry.gauge({
    name: 'sinter_native_memory_bytes',
    help: 'Bytes that the native core holds.',
    read: () => [{ value: nativeBytes() }],
  });
}

function addBatches(registry: Registry, queues: ServerState['queues']): void {
  const batches = (name: string, help: string, of: (queue: QueueState) => Sizes) =>
    registry.readHistogram<'model'>({
      ...{ name, help, labels: ['model'], buckets: powersOfTwo(16) },
      read: () => queues().map((one) => ({ labels: { model: one.model }, ...of(one) })),
    });
  batches(
    'sinter_batch_size',
    'Texts of a native batch; a window of a long text counts as one.',
    ({ batchTexts }) => batchTexts,
  );
  batches('sinter_batch_tokens', 'Tokens of a native batch.', ({ batchTokens }) => batchTokens);
}

function addModelInfo(registry: Registry, models: () => readonly MonitoredModel[]): void {
  registry.gauge<'model' | 'task' | 'version' | 'dtype'>({
    name: 'sinter_model_info',
    help: 'Always 1: the models that are served, with task, version and number format.',
    labels: ['model', 'task', 'version', 'dtype'],
    read: () =>
      models().map(({ name, task, version, dtype }) => ({
        labels: { model: name, task, version, dtype },
        value: 1,
      })),
  });
}
