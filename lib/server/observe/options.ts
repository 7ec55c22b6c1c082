/**
 * The options of what is watched: metrics, the page, drift, alerts, the audit log, tracing.
 *
 * The rule: everything is checked before a model is loaded; files are opened after it.
 */
import { rangeMistake, typeMistake } from '../../core/errors.js';
import { type KnownOptions, readOptions } from '../../core/options.js';
import {
  type AlertNotice,
  type AlertRule,
  type AlertRuleOptions,
  type AuditOptions,
  type Baseline,
  readAlertRules,
  readAuditOptions,
  type WebhookOptions,
} from '../../monitor/index.js';

/** What a server watches and where it is told. */
export interface ObserveOptions {
  /** Whether there is `GET /metrics`, in Prometheus' text format. Default: true. */
  readonly metrics?: boolean;
  /**
   * What `GET /metrics` answers, made of the metrics of this process: where several processes share a port, each of them must tell
   * of all. Default: those of this process.
   */
  readonly gatherMetrics?: (own: string) => Promise<string>;
  /** Whether there is the page `GET /monitor`. Default: true. */
  readonly monitor?: boolean;
  /** Who may read both, where the server has API keys: who has one, or everybody. Default: 'key'. */
  readonly access?: 'key' | 'open';
  /** Baselines for drift, or their files, by the names of models. Default: none is watched. */
  readonly baselines?: Readonly<Record<string, Baseline | string>>;
  /** Results that are compared with a baseline, the latest ones. Default: 2000. */
  readonly driftRows?: number;
  /** Rules of alerts. */
  readonly alerts?: readonly AlertRuleOptions[];
  /** How webhooks of alerts are called. */
  readonly webhook?: WebhookOptions;
  /** Told of every alert that begins or ends. */
  readonly onAlert?: (notice: AlertNotice) => void;
  /** Logs every request in files that show whether they were changed. Default: no. */
  readonly audit?: AuditOptions;
  /** Makes spans with the package `@opentelemetry/api`, which must be installed then. Default: false. */
  readonly tracing?: boolean;
}

/** With defaults filled in. */
export interface ObserveSettings {
  readonly metrics: boolean;
  readonly gatherMetrics: ((own: string) => Promise<string>) | undefined;
  readonly monitor: boolean;
  readonly access: 'key' | 'open';
  readonly baselines: readonly (readonly [model: string, baseline: Baseline | string])[];
  readonly driftRows: number;
  readonly rules: readonly AlertRule[];
  readonly webhook: WebhookOptions;
  readonly onAlert: ((notice: AlertNotice) => void) | undefined;
  readonly audit: ReturnType<typeof readAuditOptions> | null;
  readonly tracing: boolean;
}

const KNOWN: KnownOptions<ObserveOptions> = {
  ...{ metrics: true, monitor: true, access: true, baselines: true, driftRows: true },
  ...{ alerts: true, webhook: true, onAlert: true, audit: true, tracing: true },
  gatherMetrics: true,
};
const WEBHOOK: KnownOptions<WebhookOptions> = {
  ...{ secret: true, attempts: true, retryMs: true, timeoutMs: true },
};
/** Fewer rows give no verdict. */
const LEAST_ROWS = 100;

/** Throws TypeError or RangeError that names the option; `models` are the names that are served. */
export function readObserve(
  where: string,
  options: ObserveOptions,
  models: readonly string[],
): ObserveSettings {
  const read = readOptions(where, options, KNOWN);
  const { alerts = [], audit, baselines = {} } = options;
  const rules = readAlertRules(where, alerts);
  for (const [i, { model }] of rules.entries()) {
    if (model !== null) checkServed(`${where}: alerts[${i}].model`, model, models);
  }
  return {
    metrics: read.boolean('metrics', true),
    gatherMetrics: read.callback('gatherMetrics'),
    monitor: read.boolean('monitor', true),
    access: read.choice('access', 'key', ['key', 'open'] as const),
    baselines: readBaselines(`${where}: baselines`, baselines, models),
    driftRows: read.count('driftRows', 2000, LEAST_ROWS),
    rules,
    webhook: readWebhook(`${where}: webhook`, options.webhook),
    onAlert: read.callback('onAlert'),
    audit: audit === undefined ? null : readAuditOptions(where, audit),
    tracing: read.boolean('tracing', false),
  };
}

function checkServed(where: string, name: string, models: readonly string[]): void {
  if (models.includes(name)) return;
  throw rangeMistake(where, `one of the models that are served (${models.join(', ')})`, name);
}

function readBaselines(
  where: string,
  baselines: Readonly<Record<string, Baseline | string>>,
  models: readonly string[],
): ObserveSettings['baselines'] {
  if (typeof baselines !== 'object' || baselines === null || Array.isArray(baselines)) {
    throw typeMistake(where, 'an object of baselines by model', baselines);
  }
  return Object.entries(baselines).map(([model, baseline]) => {
    checkServed(`${where}: a name`, model, models);
    const isOne = typeof baseline === 'string' || typeof baseline?.quantities === 'object';
    if (!isOne) throw typeMistake(`${where}.${model}`, 'a baseline or the path of one', baseline);
    return [model, baseline];
  });
}

function readWebhook(where: string, options: WebhookOptions = {}): WebhookOptions {
  const read = readOptions(where, options, WEBHOOK);
  const secret = read.text('secret', undefined);
  const numbers = {
    attempts: read.count('attempts', undefined),
    retryMs: read.count('retryMs', undefined),
    timeoutMs: read.count('timeoutMs', undefined),
  };
  const stated = Object.entries({ secret, ...numbers }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(stated);
}
