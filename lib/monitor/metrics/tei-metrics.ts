/**
 * The metrics of text-embeddings-inference by its names, so that its dashboards show this server too. Facts: its router 1.9.3.
 *
 * The rule: names, labels and buckets are its own; its mistakes are not copied. A single /predict counts once and does succeed, and
 * durations are those of requests, observed once each. Where one number per text is wanted and only that of the request is known,
 * the help says so.
 */
import type {
  FinishedRequest,
  QueueState,
  RequestOutcome,
  ServerState,
  Sizes,
} from '../records.js';
import { powersOfTwo, TEI_SECONDS } from './buckets.js';
import type { Counter, Histogram, Registry } from './registry.js';

/** The names of failures; `timeout` is ours, its server has no deadlines. Requests without a valid key are not counted there. */
const ERRORS: Readonly<Record<Exclude<RequestOutcome, 'ok'>, string | null>> = {
  validation: 'validation',
  too_large: 'batch_size',
  unauthorized: null,
  wrong_model: 'model_type',
  overloaded: 'overloaded',
  timeout: 'timeout',
  cancelled: 'dropped',
  failed: 'inference',
};

/** `embed` for vectors, `predict` for scores: classifiers and rerankers. Other tasks have no name there. */
const KINDS: Readonly<Record<string, 'embed' | 'predict'>> = {
  embed: 'embed',
  classify: 'predict',
  rerank: 'predict',
};

const STAGES = ['', '_tokenization', '_queue', '_inference'] as const;
const MILLISECONDS = 1000;

/** Durations of requests, or of one kind of them. */
class Durations {
  private readonly histograms: readonly Histogram[];

  constructor(registry: Registry, prefix: string, of: string) {
    this.histograms = STAGES.map((stage) =>
      registry.histogram({
        name: `${prefix}${stage}_duration`,
        help: `Seconds of ${of}${stage === '' ? '' : `: ${stage.slice(1)}, its slowest text`}.`,
        buckets: TEI_SECONDS,
      }),
    );
  }

  observe({ totalMs, facts }: FinishedRequest): void {
    if (facts === null) return;
    const times = [totalMs, facts.tokenizeMs, facts.queueMs, facts.inferenceMs];
    for (const [i, ms] of times.entries()) this.histograms[i]?.observe(ms / MILLISECONDS);
  }
}

export class TeiMetrics {
  private readonly count: Counter<'method'>;
  private readonly success: Counter<'method'>;
  private readonly failure: Counter<'err'>;
  private readonly durations: Durations;
  private readonly kinds: Readonly<
    Record<'embed' | 'predict', { count: Counter; success: Counter; durations: Durations }>
  >;
  private readonly inputLength: Histogram;

  constructor(
    registry: Registry,
    private readonly state: ServerState,
  ) {
    const method = ['method'] as const;
    this.count = registry.counter({
      ...{ name: 'te_request_count', help: 'Requests for a model.', labels: method },
    });
    this.success = registry.counter({
      ...{ name: 'te_request_success', help: 'Requests that were answered.', labels: method },
    });
    this.failure = registry.counter({
      ...{ name: 'te_request_failure', help: 'Requests that failed, by error.', labels: ['err'] },
    });
    this.durations = new Durations(registry, 'te_request', 'a request that was answered');
    const kind = (name: 'embed' | 'predict') => ({
      count: registry.counter({ name: `te_${name}_count`, help: `Texts to ${name}.` }),
      success: registry.counter({ name: `te_${name}_success`, help: `Texts of ${name} answered.` }),
      durations: new Durations(registry, `te_${name}`, `a request of ${name}`),
    });
    this.kinds = { embed: kind('embed'), predict: kind('predict') };
    this.inputLength = registry.histogram({
      name: 'te_request_input_length',
      help: 'Tokens of a text; of a request with several, the mean of its texts, once for each.',
      buckets: powersOfTwo(19),
    });
    const batches = (name: string, help: string, of: (queue: QueueState) => Sizes) =>
      registry.readHistogram<never>({
        ...{ name, help, buckets: powersOfTwo(16) },
        read: () => state.queues().map((one) => ({ labels: {}, ...of(one) })),
      });
    batches('te_batch_next_size', 'Texts of a batch.', ({ batchTexts }) => batchTexts);
    batches('te_batch_next_tokens', 'Tokens of a batch.', ({ batchTokens }) => batchTokens);
    registry.gauge({
      name: 'te_queue_size',
      help: 'Texts that are waiting, of all models.',
      read: () => [{ value: state.queues().reduce((sum, { queued }) => sum + queued, 0) }],
    });
  }

  onRequest(request: FinishedRequest): void {
    const { outcome, model, method, facts } = request;
    const known = this.state.models().find(({ name }) => name === model);
    const err = outcome === 'ok' ? null : ERRORS[outcome];
    if (outcome === 'ok' ? facts === null : err === null) return;
    this.count.add(1, { method });
    if (err !== null) this.failure.add(1, { err });
    const kind = this.kinds[KINDS[known?.task ?? ''] ?? 'embed'];
    const isKind = known !== undefined && known.task in KINDS;
    if (isKind) kind.count.add(facts?.texts ?? 1);
    if (facts === null || outcome !== 'ok') return;
    this.success.add(1, { method });
    this.durations.observe(request);
    if (facts.texts > 0) this.inputLength.observeMany(facts.tokens / facts.texts, facts.texts);
    if (!isKind) return;
    kind.success.add(facts.texts);
    kind.durations.observe(request);
  }
}
