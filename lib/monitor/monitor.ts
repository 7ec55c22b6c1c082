/**
 * The monitor of a server: what it is told goes to the metrics, the traffic, the drift and the audit log; what is asked of it is
 * read from them.
 *
 * The rule: telling is quick and keeps nothing but numbers; whatever takes longer runs on timers that keep no process alive.
 */

import { Alerts } from './alerts/alerts.js';
import type { AlertRule } from './alerts/rules.js';
import type { AlertNotice, WebhookOptions } from './alerts/webhook.js';
import type { AuditLog } from './audit/audit-log.js';
import type { Baseline } from './drift/baseline.js';
import { DriftMonitor, type DriftStatus } from './drift/drift.js';
import { observationOf } from './drift/observe.js';
import { type CountTokens, TokenSampler } from './drift/token-sampler.js';
import { addProcessMetrics, EventLoopLag } from './metrics/process-metrics.js';
import { Registry } from './metrics/registry.js';
import { ServerMetrics } from './metrics/server-metrics.js';
import { TeiMetrics } from './metrics/tei-metrics.js';
import { readMetric } from './readings.js';
import type { FinishedRequest, ModelResult, ServerState } from './records.js';
import { Traffic } from './traffic/traffic.js';

export interface MonitorSettings {
  /** Baselines by the names of models. */
  readonly baselines: ReadonlyMap<string, Baseline>;
  /** Results that a drift window holds. */
  readonly driftRows: number;
  readonly rules: readonly AlertRule[];
  readonly webhook: WebhookOptions;
  readonly audit: AuditLog | null;
  /** Counts tokens for drift; null: tokens and unknown tokens are not watched. */
  readonly countTokens: CountTokens | null;
  readonly onNotice: (notice: AlertNotice) => void;
  /** Told of what failed beside the requests: a webhook, a count. */
  readonly onProblem: (what: string, error: unknown) => void;
}

const LOOK_MS = 1000;
/** How long notices may go out when the server ends. */
const LAST_NOTICES_MS = 2000;

interface Watched {
  readonly drift: DriftMonitor;
  readonly sampler: TokenSampler | null;
}

export class Monitor {
  readonly registry = new Registry();
  readonly total = new Traffic();
  readonly alerts: Alerts;
  /** Milliseconds since 1970. */
  readonly began = Date.now();
  private readonly byModel = new Map<string, Traffic>();
  private readonly watched: ReadonlyMap<string, Watched>;
  private readonly lag = new EventLoopLag();
  /** The largest delay of the event loop in the second before the last look, in milliseconds. */
  private lagMs = 0;
  private readonly lookLag = new EventLoopLag();
  private busy: { readonly at: number; readonly ms: number };
  private readonly metrics: ServerMetrics;
  private readonly tei: TeiMetrics;
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly settings: MonitorSettings,
    readonly state: ServerState,
  ) {
    this.metrics = new ServerMetrics(this.registry, state);
    this.tei = new TeiMetrics(this.registry, state);
    addProcessMetrics(this.registry, this.lag);
    this.watched = this.watchModels();
    this.addDriftMetrics();
    this.alerts = new Alerts({
      ...{ rules: settings.rules, webhook: settings.webhook, onNotice: settings.onNotice },
      read: (metric, model) => readMetric(this, metric, model, Date.now()),
      onFailure: ({ rule }, what) =>
        settings.onProblem(`alert ${rule} was not sent: ${what}`, null),
    });
    this.busy = { at: performance.now(), ms: this.busyMs() };
    this.timer = setInterval(() => this.look(Date.now()), LOOK_MS);
    this.timer.unref();
  }

  onRequest(request: FinishedRequest): void {
    // Pages and probes are no traffic of a model; what failed before a model was known is.
    if (request.model === null && request.outcome === 'ok') return;
    const now = Date.now();
    this.metrics.onRequest(request);
    this.tei.onRequest(request);
    this.total.add(request, now);
    if (request.model !== null) this.trafficOf(request.model)?.add(request, now);
    this.settings.audit?.onRequest(request);
  }

  onResult(result: ModelResult): void {
    const { model, inputs, results } = result;
    this.settings.audit?.onResult(result);
    const watched = this.watched.get(model.name);
    if (watched === undefined) return;
    const now = Date.now();
    for (const [i, input] of inputs.entries()) {
      watched.drift.add(observationOf(model, input, results[i]), now);
      watched.sampler?.offer(input, now);
    }
  }

  /** Traffic of a served model; null for another name. */
  trafficOf(model: string): Traffic | null {
    const known = this.byModel.get(model);
    if (known !== undefined) return known;
    if (!this.state.models().some(({ name }) => name === model)) return null;
    const traffic = new Traffic();
    this.byModel.set(model, traffic);
    return traffic;
  }

  /** Drift of every model that has a baseline. */
  drift(): readonly DriftStatus[] {
    return Array.from(this.watched.values(), ({ drift }) => drift.status());
  }

  /** The largest delay of the event loop in the last second, in milliseconds. */
  get eventLoopLagMs(): number {
    return this.lagMs;
  }

  /** The metrics in Prometheus' text format. */
  text(): string {
    return this.registry.text();
  }

  /** Ends timers, lets alerts go out, closes the audit log. */
  async close(): Promise<void> {
    clearInterval(this.timer);
    this.lag.stop();
    this.lookLag.stop();
    await this.alerts.close(LAST_NOTICES_MS);
    await this.settings.audit?.close();
  }

  /** What is done every second. */
  private look(now: number): void {
    const busy = { at: performance.now(), ms: this.busyMs() };
    const lanes = this.state.laneBusyMs().length;
    const time = (busy.at - this.busy.at) * lanes;
    const use = time > 0 ? Math.min(1, Math.max(0, (busy.ms - this.busy.ms) / time)) : 0;
    this.busy = busy;
    this.lagMs = this.lookLag.seconds.max * 1000;
    this.lookLag.reset();
    const queues = this.state.queues();
    const queued = queues.reduce((sum, one) => sum + one.queued, 0);
    this.total.sample(now, queued, use);
    for (const one of queues) this.trafficOf(one.model)?.sample(now, one.queued, use);
    this.alerts.evaluate(now);
  }

  private busyMs(): number {
    return Array.from(this.state.laneBusyMs()).reduce((sum, ms) => sum + ms, 0);
  }

  private watchModels(): ReadonlyMap<string, Watched> {
    const { baselines, driftRows, countTokens, onProblem } = this.settings;
    const entries = Array.from(baselines, ([model, baseline]): [string, Watched] => {
      const drift = new DriftMonitor(model, baseline, driftRows);
      const sampler =
        countTokens === null
          ? null
          : new TokenSampler(model, countTokens, drift.addMore, (error) =>
              onProblem(`tokens of ${model} cannot be counted for drift`, error),
            );
      return [model, { drift, sampler }];
    });
    return new Map(entries);
  }

  private addDriftMetrics(): void {
    if (this.watched.size === 0) return;
    this.registry.gauge<'model' | 'quantity'>({
      name: 'sinter_drift',
      help: 'How far the served texts are from the baseline: population stability index, or the shift of the centroid.',
      labels: ['model', 'quantity'],
      read: () =>
        this.drift().flatMap(({ model, quantities }) =>
          quantities.flatMap(({ quantity, value }) =>
            value === null ? [] : [{ labels: { model, quantity }, value }],
          ),
        ),
    });
    this.registry.gauge<'model'>({
      name: 'sinter_drift_level',
      help: 'Verdict on the served texts: 0 unknown, 1 ok, 2 warning, 3 alert.',
      labels: ['model'],
      read: () =>
        this.drift().map(({ model, level }) => ({
          labels: { model },
          value: ['unknown', 'ok', 'warning', 'alert'].indexOf(level),
        })),
    });
  }
}
