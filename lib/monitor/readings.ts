/** The numbers that conditions of alerts name. The rule: a number that there is not, without traffic or a verdict, is null. */
import type { DriftStatus } from './drift/drift.js';
import type { ServerState } from './records.js';
import type { Traffic, TrafficSums } from './traffic/traffic.js';

/** What the numbers are read from. */
export interface ReadingSource {
  readonly state: ServerState;
  readonly total: Traffic;
  readonly eventLoopLagMs: number;
  trafficOf(model: string): Traffic | null;
  drift(): readonly DriftStatus[];
}

/** Seconds over which rates and percentiles are taken. */
const SPAN_SECONDS = 60;

const OF_TRAFFIC: Readonly<Record<string, (sums: TrafficSums) => number | null>> = {
  error_rate: ({ errors, requests }) => (requests === 0 ? null : errors / requests),
  overloaded_rate: ({ overloaded, requests }) => (requests === 0 ? null : overloaded / requests),
  request_rate: ({ requests, seconds }) => requests / seconds,
  p50_ms: ({ p50 }) => p50,
  p95_ms: ({ p95 }) => p95,
  p99_ms: ({ p99 }) => p99,
  lane_use: ({ laneUse }) => laneUse,
};

/** The value of a name of `ALERT_METRICS`. */
export function readMetric(
  source: ReadingSource,
  metric: string,
  model: string | null,
  now: number,
): number | null {
  const ofTraffic = OF_TRAFFIC[metric];
  if (ofTraffic !== undefined) {
    const traffic = model === null ? source.total : source.trafficOf(model);
    return traffic === null ? null : ofTraffic(traffic.last(now, SPAN_SECONDS));
  }
  if (metric.startsWith('drift.')) return driftOf(source.drift(), metric, model);
  switch (metric) {
    case 'queue':
      return source.state
        .queues()
        .filter((one) => model === null || one.model === model)
        .reduce((sum, { queued }) => sum + queued, 0);
    case 'in_flight':
      return source.state.inFlight();
    case 'eventloop_lag_ms':
      return source.eventLoopLagMs;
    case 'rss_bytes':
      return process.memoryUsage.rss();
    default:
      return null;
  }
}

/** The largest value that has a verdict. */
function driftOf(
  statuses: readonly DriftStatus[],
  metric: string,
  model: string | null,
): number | null {
  const wanted = metric.slice(metric.lastIndexOf('.') + 1);
  const values = statuses
    .filter((one) => model === null || one.model === model)
    .flatMap(({ quantities }) => quantities)
    .filter(({ quantity, level }) => quantity === wanted && level !== 'unknown')
    .flatMap(({ value }) => value ?? []);
  return values.length === 0 ? null : Math.max(...values);
}
