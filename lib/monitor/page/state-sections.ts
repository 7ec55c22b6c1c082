/** Sections of the page about drift and alerts. The rule: a verdict stands beside the number that it comes from. */
import { formatNumber } from '../../core/units.js';
import { type Column, html, type Markup, type Section, table } from '../../report/index.js';
import type { AlertState } from '../alerts/alerts.js';
import type { DriftStatus, QuantityDrift } from '../drift/drift.js';
import type { MonitorData } from './monitor-data.js';

const NONE = '–';

const QUANTITY_NAMES: Readonly<Record<QuantityDrift['quantity'], string>> = {
  length: 'length in characters',
  tokens: 'tokens',
  unknown: 'unknown tokens',
  script: 'script',
  class: 'predicted label',
  confidence: 'its probability',
  value: 'predicted number',
  centroid: 'place of the vectors',
};

const LEVEL_WORDS: Readonly<Record<DriftStatus['level'], string>> = {
  unknown: 'too few rows',
  ok: 'as in training',
  warning: 'warning',
  alert: 'alert',
};

const LEVEL_CLASSES: Readonly<Record<DriftStatus['level'], string>> = {
  unknown: 'verdict',
  ok: 'verdict passed',
  warning: 'verdict warned',
  alert: 'verdict failed',
};

/** null where no model has a baseline. */
export function driftSection({ drift }: MonitorData): Section | null {
  if (drift.length === 0) return null;
  const body = html`<p class="lead">How far the latest texts are from the training rows. The index of a distribution is the population stability index: a warning from 0.1, an alert from 0.2. The place of the vectors is a warning from 0.02, an alert from 0.1, in mean distances of a row.</p>
${drift.map(driftOf)}`;
  return { id: 'drift', title: 'Drift', body };
}

function driftOf({ model, level, rows, since, baselineRows, quantities }: DriftStatus): Markup {
  const columns: Column[] = [
    { title: 'quantity' },
    { title: 'verdict' },
    ...['index', 'by chance', 'rows', 'rows needed'].map((title) => ({ title, isNumber: true })),
  ];
  const body = quantities.map((one) => [
    QUANTITY_NAMES[one.quantity],
    LEVEL_WORDS[one.level],
    ...[one.value, one.byChance].map((value) => (value === null ? NONE : value.toFixed(3))),
    formatNumber(one.rows),
    one.neededRows === null ? 'a larger baseline' : formatNumber(one.neededRows),
  ]);
  const window =
    since === null ? 'no rows yet' : `${formatNumber(rows)} rows since ${shortTime(since)}`;
  return html`<h3>${model}</h3>
<p class="${LEVEL_CLASSES[level]}"><strong>${LEVEL_WORDS[level]}</strong> ${window}, compared with ${formatNumber(baselineRows)} training rows</p>
${table(`Drift of ${model}`, columns, body)}`;
}

/** null where there are no rules. */
export function alertsSection({ alerts, notices }: MonitorData): Section | null {
  if (alerts.length === 0) return null;
  const columns: Column[] = [
    ...['rule', 'state', 'condition', 'model'].map((title) => ({ title })),
    { title: 'now', isNumber: true },
    { title: 'since' },
  ];
  const rows = alerts.map((one) => [
    one.rule,
    STATES[one.state],
    one.when,
    one.model ?? 'all',
    one.value === null ? NONE : formatNumber(one.value, 3),
    one.since === null ? NONE : shortTime(one.since),
  ]);
  const told = notices
    .slice(0, 20)
    .map((one) => [
      shortTime(one.time),
      one.rule,
      one.state,
      one.value === null ? NONE : formatNumber(one.value, 3),
    ]);
  const heads = ['time', 'rule', 'state', 'value'].map((title) => ({
    ...{ title, isNumber: title === 'value' },
  }));
  const body = html`${table('Rules', columns, rows)}
${told.length > 0 ? html`<h3>Latest notices</h3>${table('Notices', heads, told)}` : null}`;
  return { id: 'alerts', title: 'Alerts', body };
}

const STATES: Readonly<Record<AlertState['state'], string>> = {
  quiet: 'quiet',
  pending: 'holds, not for long enough',
  firing: 'firing',
};

/** An ISO date as "2026-01-31 12:00:00 UTC". */
export function shortTime(iso: string): string {
  return `${iso.slice(0, 19).replace('T', ' ')} UTC`;
}
