/**
 * What the page of a running server shows, gathered at one moment.
 *
 * The rule: numbers and names of models only; there is no text that could be shown.
 */
import type { AlertState } from '../alerts/alerts.js';
import type { AlertNotice } from '../alerts/webhook.js';
import type { DriftStatus } from '../drift/drift.js';
import type { Monitor } from '../monitor.js';
import type { MonitoredModel, QueueState } from '../records.js';
import type { TrafficSums } from '../traffic/traffic.js';

/** A model with its traffic. */
export interface ModelView {
  readonly model: MonitoredModel;
  readonly queue: QueueState | null;
  readonly lastMinute: TrafficSums;
  readonly minutes: readonly TrafficSums[];
}

export interface MonitorData {
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly began: number;
  readonly version: string;
  readonly lastMinute: TrafficSums;
  /** The last minutes, the running one last. */
  readonly minutes: readonly TrafficSums[];
  readonly models: readonly ModelView[];
  readonly inFlight: number;
  readonly queued: number;
  readonly lanes: number;
  readonly eventLoopLagMs: number;
  readonly rssBytes: number;
  readonly drift: readonly DriftStatus[];
  readonly alerts: readonly AlertState[];
  readonly notices: readonly AlertNotice[];
}

/** Minutes that the charts show. */
const SHOWN_MINUTES = 60;
const LAST_SECONDS = 60;

export function monitorData(monitor: Monitor, version: string, now: number): MonitorData {
  const { state, total, alerts } = monitor;
  const queues = state.queues();
  const models = state.models().flatMap((model) => {
    const traffic = monitor.trafficOf(model.name);
    if (traffic === null) return [];
    return {
      model,
      queue: queues.find((one) => one.model === model.name) ?? null,
      lastMinute: traffic.last(now, LAST_SECONDS),
      minutes: traffic.perMinute(now, SHOWN_MINUTES),
    };
  });
  return {
    ...{ now, began: monitor.began, version, models },
    lastMinute: total.last(now, LAST_SECONDS),
    minutes: total.perMinute(now, SHOWN_MINUTES),
    inFlight: state.inFlight(),
    queued: queues.reduce((sum, { queued }) => sum + queued, 0),
    lanes: state.laneBusyMs().length,
    eventLoopLagMs: monitor.eventLoopLagMs,
    rssBytes: process.memoryUsage.rss(),
    drift: monitor.drift(),
    alerts: alerts.current,
    notices: alerts.recent,
  };
}
