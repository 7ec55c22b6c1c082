/** Sections of the page about requests: traffic, latency, queue and lanes, models. The rule: what a chart shows is in a table too. */
import { formatNumber, formatPercent } from '../../core/units.js';
import {
  type Column,
  figure,
  html,
  type Markup,
  type Section,
  table,
  timeSvg,
} from '../../report/index.js';
import type { TrafficSums } from '../traffic/traffic.js';
import type { ModelView, MonitorData } from './monitor-data.js';

const NONE = '–';

/** Milliseconds with as many digits as matter. */
export function formatMs(ms: number | null): string {
  if (ms === null || !Number.isFinite(ms)) return NONE;
  return `${formatNumber(ms, ms < 10 ? 1 : 0)} ms`;
}

/** Requests a second. */
export function formatRate(value: number): string {
  return `${formatNumber(value, value < 10 ? 1 : 0)} / s`;
}

/** Columns of minutes: every tenth one, in words. */
const TABLE_MINUTES = [0, 1, 2, 3, 4, 5, 10, 20, 30, 45];

function minuteTable(
  caption: string,
  minutes: readonly TrafficSums[],
  columns: readonly (readonly [title: string, value: (sums: TrafficSums) => string])[],
): Markup {
  const heads: Column[] = [
    { title: 'minute' },
    ...columns.map(([title]) => ({ title, isNumber: true })),
  ];
  const rows = TABLE_MINUTES.flatMap((ago) => {
    const sums = minutes.at(-1 - ago);
    if (sums === undefined) return [];
    const name = ago === 0 ? 'this one' : `${ago} min ago`;
    return [[name, ...columns.map(([, value]) => value(sums))]];
  });
  return html`<details><summary>As a table</summary>${table(caption, heads, rows)}</details>`;
}

/** Per second, for a minute that may be running. */
const perSecond = (value: number, { begin, seconds }: TrafficSums, now: number): number =>
  value / Math.max(1, Math.min(seconds, (now - begin) / 1000));

export function trafficSection({ minutes, now }: MonitorData): Section {
  const rate = (of: (sums: TrafficSums) => number) =>
    minutes.map((sums) => perSecond(of(sums), sums, now));
  const svg = timeSvg(
    {
      ...{ id: 'traffic-chart', title: 'Requests per second', name: 'requests per second' },
      description: 'Requests per second in each of the last 60 minutes: answered, refused, failed.',
      format: (value) => formatNumber(value, value < 10 && value % 1 !== 0 ? 1 : 0),
      lines: [
        { name: 'answered', values: rate((one) => one.answered), colour: 'blue', isFilled: true },
        { name: 'mistakes of clients', values: rate((one) => one.refused), colour: 'orange' },
        { name: 'errors', values: rate((one) => one.errors), colour: 'red' },
      ],
    },
    { theme: 'page' },
  );
  const whole = (of: (sums: TrafficSums) => number) => (sums: TrafficSums) =>
    formatNumber(of(sums));
  const body = html`<p class="lead">Errors are requests that the server failed: failed, timed out, refused because it was full.</p>
${figure(svg)}
${minuteTable('Requests by minute', minutes, [
  ['requests', whole((one) => one.requests)],
  ['answered', whole((one) => one.answered)],
  ['errors', whole((one) => one.errors)],
  ['of these full', whole((one) => one.overloaded)],
  ['mistakes', whole((one) => one.refused)],
  ['cancelled', whole((one) => one.cancelled)],
  ['texts', whole((one) => one.texts)],
  ['tokens', whole((one) => one.tokens)],
  ['cut', whole((one) => one.truncated)],
])}`;
  return { id: 'traffic', title: 'Traffic', body };
}

export function latencySection({ minutes }: MonitorData): Section {
  const line = (of: 'p50' | 'p95' | 'p99') => minutes.map((sums) => sums[of]);
  const svg = timeSvg(
    {
      ...{ id: 'latency-chart', title: 'Time of a request', name: 'milliseconds' },
      description: 'Percentiles of the time of answered requests in each of the last 60 minutes.',
      format: (value) => formatNumber(value, value < 10 && value % 1 !== 0 ? 1 : 0),
      lines: [
        { name: 'median', values: line('p50'), colour: 'blue' },
        { name: '95 %', values: line('p95'), colour: 'violet' },
        { name: '99 %', values: line('p99'), colour: 'orange' },
      ],
    },
    { theme: 'page' },
  );
  const mean = (of: 'tokenize' | 'queue' | 'inference') => (sums: TrafficSums) =>
    formatMs(sums.meanMs?.[of] ?? null);
  const body = html`<p class="lead">From the head of a request to the end of its answer; percentiles are within 7 %.</p>
${figure(svg)}
${minuteTable('Times by minute', minutes, [
  ['median', ({ p50 }) => formatMs(p50)],
  ['95 %', ({ p95 }) => formatMs(p95)],
  ['99 %', ({ p99 }) => formatMs(p99)],
  ['mean: tokenize', mean('tokenize')],
  ['queue', mean('queue')],
  ['inference', mean('inference')],
])}`;
  return { id: 'latency', title: 'Latency', body };
}

export function loadSection({ minutes, lanes }: MonitorData): Section {
  const queue = timeSvg(
    {
      ...{ id: 'queue-chart', title: 'Texts that wait', name: 'texts, most at a time' },
      description: 'Most texts that waited at a time, in each of the last 60 minutes.',
      format: (value) => formatNumber(value),
      lines: [
        {
          name: 'queue',
          values: minutes.map((one) => one.queuedMost),
          colour: 'violet',
          isFilled: true,
        },
      ],
    },
    { theme: 'page', height: 160 },
  );
  const use = timeSvg(
    {
      ...{ id: 'lanes-chart', title: 'Use of the lanes', name: 'use of the lanes', max: 1 },
      description: 'Share of the time in which lanes computed, in each of the last 60 minutes.',
      format: (value) => formatPercent(value, 0),
      lines: [
        { name: 'use', values: minutes.map((one) => one.laneUse), colour: 'teal', isFilled: true },
      ],
    },
    { theme: 'page', height: 160 },
  );
  const body = html`<p class="lead">${lanes} ${lanes === 1 ? 'lane computes' : 'lanes compute'}. A queue that stays while all lanes are busy means that the machine is full.</p>
${figure(queue)}${figure(use)}
${minuteTable('Queue and lanes by minute', minutes, [
  ['most waiting', ({ queuedMost }) => formatNumber(queuedMost)],
  ['use of the lanes', ({ laneUse }) => (laneUse === null ? NONE : formatPercent(laneUse, 0))],
])}`;
  return { id: 'load', title: 'Queue and lanes', body };
}

export function modelsSection({ models }: MonitorData): Section {
  const columns: Column[] = [
    ...['model', 'task', 'format', 'version'].map((title) => ({
      title,
      isShort: title !== 'model',
    })),
    ...['requests / s', 'tokens / s', 'median', '99 %', 'errors', 'waiting'].map((title) => ({
      title,
      isNumber: true,
    })),
  ];
  const body = html`<p class="lead">The last minute.</p>${table('Models', columns, models.map(modelRow))}`;
  return { id: 'models', title: 'Models', body };
}

function modelRow({ model, queue, lastMinute: last }: ModelView): string[] {
  const rate = (value: number) => formatNumber(value / last.seconds, value < 600 ? 1 : 0);
  return [
    ...[model.name, model.task, model.dtype, model.version.slice(0, 12)],
    ...[rate(last.requests), rate(last.tokens), formatMs(last.p50), formatMs(last.p99)],
    last.requests === 0 ? NONE : formatPercent(last.errors / last.requests, 1),
    queue === null ? NONE : formatNumber(queue.queued),
  ];
}
