/**
 * The verdict of the gate, the classes behind it, and the rows whose answer changed.
 *
 * The rule: a number that was measured stands beside its interval; what the rows cannot show is said in words.
 */

import type { GateVerdict } from '../compress/gate.js';
import type { ClassChange, ScoreChange } from '../compress/gate-classes.js';
import { formatNumber, formatPercent } from '../core/units.js';
import type { Interval } from '../metrics/index.js';
import type { ChangedRow } from './compression-types.js';
import { html, type Insertable, type Markup } from './markup.js';
import { scoreFormat } from './summary.js';
import { type Column, clipped, type Section, shown, table } from './tables.js';

/** A difference of scores in points, with its sign. */
export function signedPoints(value: number): string {
  const sign = value > 0 ? '+' : value < 0 ? '−' : '';
  return `${sign}${Math.abs(value * 100).toFixed(2)}`;
}

const range = ({ low, high }: Interval, format: (value: number) => string): string =>
  Number.isFinite(low) && Number.isFinite(high) ? `${format(low)} to ${format(high)}` : 'unknown';

const pValue = (p: number): string => (p < 0.0001 ? 'below 0.0001' : p.toFixed(4));

export function gateSection(verdict: GateVerdict): Section {
  const { passes, reason, metric, drop, interval, original, candidate, confidence } = verdict;
  const level = `${formatPercent(confidence, 0)} interval`;
  const columns: Column[] = [
    { title: metric },
    { title: 'score', isNumber: true },
    { title: level, isNumber: true },
  ];
  const format = scoreFormat(metric);
  const rows = [
    ['original', format(original.score), range(original.interval, format)],
    ['compressed', format(candidate.score), range(candidate.interval, format)],
  ];
  const change = ['change, in points', signedPoints(-drop)];
  // The interval is of the drop; the change is its negative.
  const turned = { low: -interval.high, high: -interval.low };
  const rest = [[...change, range(turned, signedPoints)]];
  const warnings = verdict.warnings.map((warning) => html`<li>${warning}.</li>\n`);
  const body = html`<p class="verdict ${passes ? 'passed' : 'failed'}"><strong>${passes ? 'Passed' : 'Failed'}</strong> ${reason}.</p>
${table('Scores of the original and the compressed model', columns, rows, rest)}
${warnings.length > 0 ? html`<h3>What to know about it</h3><ul class="notes">${warnings}</ul>` : null}
${factList(verdict)}`;
  return { id: 'gate', title: 'Gate', body };
}

function factList(verdict: GateVerdict): Markup {
  const { mcnemar, flips, agreement, resolvable, maxDrop, strict, rows, calibration } = verdict;
  const rule = strict ? ', and the interval must end within it' : '';
  const facts: [string, Insertable | null][] = [
    ['Held-out rows', formatNumber(rows)],
    ['Allowed drop', `${(maxDrop * 100).toFixed(2)} points${rule}`],
    [
      'Smallest drop that shows',
      resolvable === null ? 'none with so few rows' : `${(resolvable * 100).toFixed(2)} points`,
    ],
    [
      'Changed sides',
      flips &&
        `${formatNumber(flips.rightToWrong)} right to wrong, ${formatNumber(flips.wrongToRight)} wrong to right`,
    ],
    ['Same answer', agreement === null ? null : `${formatPercent(agreement)} of the rows`],
    [
      "McNemar's test",
      mcnemar && `exact p ${pValue(mcnemar.exactP)}, mid-p ${pValue(mcnemar.midP)}`,
    ],
    [
      'Calibration error',
      calibration &&
        `${formatPercent(calibration.original)} before, ${formatPercent(calibration.candidate)} after (ECE, 15 bins)`,
    ],
  ];
  const items = facts.flatMap(([name, value]) =>
    value === null ? [] : [html`<dt>${name}</dt><dd>${value}</dd>\n`],
  );
  return html`<dl>${items}</dl>`;
}

/** More classes than this are folded away; of those that changed twice as many are shown. */
const MOST_CLASSES = 12;

export function classChangesSection(classes: readonly ClassChange[]): Section {
  const columns: Column[] = [
    { title: 'class' },
    { title: 'rows', isNumber: true },
    { title: 'recall', isNumber: true },
    { title: 'precision', isNumber: true },
    { title: 'F1', isNumber: true },
    { title: 'F1, points', isNumber: true },
    { title: 'lost', isNumber: true },
    { title: 'won', isNumber: true },
  ];
  const change = ({ original, candidate }: ScoreChange): number =>
    (candidate ?? 0) - (original ?? 0);
  const pair = ({ original, candidate }: ScoreChange): string => {
    const [was, is] = [original, candidate].map((x) => shown(x ?? undefined, (y) => y.toFixed(3)));
    return was === is ? `${was}` : `${was} → ${is}`;
  };
  const row = ({ name, rows, recall, precision, f1, ...flips }: ClassChange) => [
    ...[clipped(name), formatNumber(rows), pair(recall), pair(precision), pair(f1)],
    ...[signedPoints(change(f1)), flips.rightToWrong, flips.wrongToRight],
  ];
  const sorted = [...classes].sort((a, b) => change(a.f1) - change(b.f1));
  const flipped = classes.filter(
    ({ rightToWrong, wrongToRight }) => rightToWrong + wrongToRight > 0,
  );
  const changed = sorted.filter(({ f1 }) => change(f1) !== 0).slice(0, 2 * MOST_CLASSES);
  const isLong = sorted.length > MOST_CLASSES;
  const body = html`<p class="lead">${flipped.length} of ${classes.length} classes have rows that changed sides: lost are those that were right and are wrong now, won the others.</p>
${isLong ? null : table('Each class before and after, the largest loss of F1 first', columns, sorted.map(row))}
${isLong && changed.length > 0 ? table('Classes whose F1 changed, the largest loss first', columns, changed.map(row)) : null}
${isLong ? html`<details><summary>All ${sorted.length} classes</summary>${table('Each class before and after, the largest loss of F1 first', columns, sorted.map(row))}</details>` : null}`;
  return { id: 'classes', title: 'Classes before and after', body };
}

const MOST_ROWS = 50;

export function changedRowsSection(rows: readonly ChangedRow[], total: number): Section {
  const score = (value: number): string => shown(value, (x) => x.toFixed(3));
  const columns: Column[] = [
    { title: 'text' },
    { title: 'true answer', isShort: true },
    { title: 'original', isShort: true },
    { title: 'score', isNumber: true },
    { title: 'compressed', isShort: true },
    { title: 'score', isNumber: true },
  ];
  const mark = (answer: string, truth: string): Markup =>
    answer === truth
      ? html`<span class="right">✓ ${clipped(answer)}</span>`
      : html`✗ ${clipped(answer)}`;
  const list = rows.slice(0, MOST_ROWS);
  const cells = list.map(({ text, truth, original, candidate }) => [
    ...[clipped(text), clipped(truth)],
    ...[mark(original.answer, truth), score(original.score)],
    ...[mark(candidate.answer, truth), score(candidate.score)],
  ]);
  const some = list.length < total ? ` The first ${list.length} are shown.` : '';
  const body = html`<p class="lead">${formatNumber(total)} held-out rows have another answer than before.${some}</p>
${list.length > 0 ? table('Rows with another answer, and both scores', columns, cells) : null}`;
  return { id: 'changed', title: 'Changed answers', body };
}
