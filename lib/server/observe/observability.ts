/**
 * What watches a server: the monitor, its routes, its files, tracing.
 *
 * The rule: it is opened before the first request and closed after the last; a server without options is watched too, in memory.
 */
import type { FastifyInstance } from 'fastify';
import { SinterError } from '../../core/errors.js';
import { packageVersion } from '../../core/package-files.js';
import { AuditLog, type Baseline, Monitor, readBaselineFile } from '../../monitor/index.js';
import type { Admission } from '../admission.js';
import type { ServerObserver } from '../contract.js';
import type { ModelRegistry } from '../model-registry.js';
import type { ObserveSettings } from './options.js';
import { addObserveRoutes } from './routes.js';
import { serverState } from './server-state.js';
import { loadOpenTelemetry, RequestTracer } from './tracing.js';

export interface ObservedParts {
  readonly registry: ModelRegistry;
  readonly admission: Admission;
}

/** What failed beside the requests, for the log of the server. */
export type OnProblem = (what: string, error: unknown) => void;

export class Observability {
  /** Where problems go; set when there is a log. */
  onProblem: OnProblem = () => undefined;

  private constructor(
    private readonly settings: ObserveSettings,
    readonly monitor: Monitor,
    private readonly tracer: RequestTracer | null,
  ) {}

  /** Reads baselines, opens the audit log, and begins to watch. */
  static async open(
    settings: ObserveSettings,
    { registry, admission }: ObservedParts,
  ): Promise<Observability> {
    let self: Observability | null = null;
    const problem: OnProblem = (what, error) => self?.onProblem(what, error);
    const baselines = new Map<string, Baseline>();
    for (const [name, given] of settings.baselines) {
      const baseline = typeof given === 'string' ? await readBaselineFile(given) : given;
      checkBaseline(name, baseline, registry);
      baselines.set(name, baseline);
    }
    const tracer = settings.tracing
      ? new RequestTracer(await loadOpenTelemetry(), packageVersion())
      : null;
    const audit = await openAudit(settings, problem);
    const { rules, webhook, driftRows, onAlert } = settings;
    const monitor = new Monitor(
      {
        ...{ baselines, rules, webhook, driftRows, audit },
        countTokens: (name, text) => registry.named(name).held.countTokens(text),
        onNotice: (notice) => onAlert?.(notice),
        onProblem: problem,
      },
      serverState(registry, admission),
    );
    self = new Observability(settings, monitor, tracer);
    return self;
  }

  get observer(): ServerObserver {
    const { monitor } = this;
    return {
      onRequest: (record) => monitor.onRequest(record),
      onResult: (record) => monitor.onResult(record),
    };
  }

  /** Traces the routes that are added after it. */
  addTracing(app: FastifyInstance): void {
    this.tracer?.addTo(app);
  }

  /** Adds `/metrics` and `/monitor`. */
  addRoutes(app: FastifyInstance): void {
    addObserveRoutes(app, this.monitor, this.settings);
  }

  close(): Promise<void> {
    return this.monitor.close();
  }
}

async function openAudit({ audit }: ObserveSettings, problem: OnProblem): Promise<AuditLog | null> {
  if (audit === null) return null;
  return AuditLog.open({
    ...audit,
    onFailure: (error) => {
      audit.onFailure?.(error);
      problem('the audit log cannot be written; requests are answered without it', error);
    },
  });
}

/** A baseline of another task would compare nothing. */
function checkBaseline(
  name: string,
  { model, embedding }: Baseline,
  registry: ModelRegistry,
): void {
  const { task, dimensions } = registry.named(name).info;
  const isOther = model.task !== '' && model.task !== task;
  const width = embedding?.centroid.length;
  if (!isOther && (width === undefined || dimensions === null || width === dimensions)) return;
  const what = isOther
    ? `is of a model that does ${model.task}, and ${name} does ${task}`
    : `has vectors of ${width} numbers, and those of ${name} have ${dimensions}`;
  throw new SinterError('INVALID_DATA', `the baseline for ${name} ${what}`);
}
