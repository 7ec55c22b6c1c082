/**
 * Rules of alerts: when a number of the server crosses a bound for some time, a webhook is told.
 *
 * The rule: a condition is one number, one comparison, one bound. Unknown names are refused when the rules are read, not when they
 * would have mattered.
 */
import { rangeMistake, typeMistake } from '../../core/errors.js';
import { type KnownOptions, readOptions } from '../../core/options.js';
import { QUANTITIES } from '../drift/quantities.js';

/** Numbers of the last minute, or of now, that a condition may name. */
const NUMBERS = [
  /** Share of the requests of the last minute that the server failed: failed, timeout, overloaded. */
  'error_rate',
  /** Share of the requests of the last minute that were refused with 429. */
  'overloaded_rate',
  /** Requests per second of the last minute. */
  'request_rate',
  /** Percentiles of the time of the answered requests of the last minute, in milliseconds. */
  'p50_ms',
  'p95_ms',
  'p99_ms',
  /** Texts that are waiting. */
  'queue',
  /** Requests that are being answered. */
  'in_flight',
  /** Mean share of the last minute in which lanes computed, 0 to 1. */
  'lane_use',
  /** The largest delay of the event loop since the last look, in milliseconds. */
  'eventloop_lag_ms',
  /** Bytes of memory that the process holds. */
  'rss_bytes',
] as const;

/** All names of conditions. `drift.psi.*` and `drift.centroid`: only where there is a verdict, see `DriftStatus`. */
export const ALERT_METRICS: readonly string[] = [
  ...NUMBERS,
  ...QUANTITIES.map((name) => `drift.psi.${name}`),
  'drift.centroid',
];

/** A rule as it is written. */
export interface AlertRuleOptions {
  /** Unique among the rules. */
  readonly name: string;
  /** A name, one of > >= < <=, and a number: `p99_ms > 200`. */
  readonly when: string;
  /** How long the condition must hold before the alert: `30s`, `5m`, `500ms`. Default: `0s`. */
  readonly for?: string;
  /** Name of the model that is meant. Default: the whole server; for drift, the worst of the models. */
  readonly model?: string;
  /** Where alerts are sent, with POST; http or https. Default: nowhere, they are shown on the page. */
  readonly webhook?: string;
}

/** A rule as it is evaluated. */
export interface AlertRule {
  readonly name: string;
  readonly when: string;
  readonly metric: string;
  readonly holds: (value: number) => boolean;
  readonly bound: number;
  readonly forMs: number;
  readonly model: string | null;
  readonly webhook: string | null;
}

const KNOWN: KnownOptions<AlertRuleOptions> = {
  ...{ name: true, when: true, for: true, model: true, webhook: true },
};

const WHEN = /^([a-z]\w*(?:\.\w+)*)\s*(>=|<=|>|<)\s*(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/i;
const COMPARISONS: Readonly<Record<string, (value: number, bound: number) => boolean>> = {
  '>': (value, bound) => value > bound,
  '>=': (value, bound) => value >= bound,
  '<': (value, bound) => value < bound,
  '<=': (value, bound) => value <= bound,
};

/** Checks rules. Throws TypeError or RangeError that names alerts[i]. */
export function readAlertRules(where: string, rules: unknown): readonly AlertRule[] {
  if (!Array.isArray(rules)) throw typeMistake(`${where}: alerts`, 'a list of rules', rules);
  const names = new Set<string>();
  return rules.map((rule: AlertRuleOptions, i) => {
    const at = `${where}: alerts[${i}]`;
    const read = readOptions(at, rule, KNOWN);
    const name = read.text('name', undefined);
    const when = read.text('when', undefined);
    if (name === undefined) throw typeMistake(`${at}: name`, 'a text', rule.name);
    if (when === undefined) throw typeMistake(`${at}: when`, 'a condition', rule.when);
    if (names.has(name)) throw rangeMistake(`${at}: name`, 'another than those before', name);
    names.add(name);
    return {
      ...{ name, when, ...conditionOf(`${at}: when`, when) },
      forMs: durationOf(`${at}: for`, read.text('for', '0s')),
      model: read.text('model', undefined) ?? null,
      webhook: urlOf(`${at}: webhook`, read.text('webhook', undefined)),
    };
  });
}

function conditionOf(where: string, when: string): Pick<AlertRule, 'metric' | 'holds' | 'bound'> {
  const [, metric = '', sign = '', number = ''] = WHEN.exec(when.trim()) ?? [];
  const compare = COMPARISONS[sign];
  if (compare === undefined) {
    throw rangeMistake(where, 'a name, one of > >= < <= and a number, such as p99_ms > 200', when);
  }
  if (!ALERT_METRICS.includes(metric)) {
    throw rangeMistake(where, `about one of ${ALERT_METRICS.join(', ')}`, metric);
  }
  const bound = Number(number);
  return { metric, bound, holds: (value) => compare(value, bound) };
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

function durationOf(where: string, text: string): number {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h)$/.exec(text.trim()) ?? [];
  const scale = UNITS[unit];
  if (scale === undefined) throw rangeMistake(where, 'a duration such as 60s or 5m', text);
  return Number(number) * scale;
}

function urlOf(where: string, text: string | undefined): string | null {
  if (text === undefined) return null;
  const what = 'a URL of http or https without a user name';
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw rangeMistake(where, what, text);
  }
  const isPlain = url.username === '' && url.password === '';
  // The URL may hold a secret, so a message about it shows its origin only.
  if (!/^https?:$/.test(url.protocol) || !isPlain) throw rangeMistake(where, what, url.protocol);
  return url.href;
}
