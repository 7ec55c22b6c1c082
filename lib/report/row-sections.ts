/**
 * Rows that somebody should look at: those that the model is furthest from, and those whose label looks wrong.
 *
 * The rule: texts are of users; they are cut, and the templates escape them.
 */
import { formatNumber, formatPercent } from '../core/units.js';
import { html } from './markup.js';
import { type Column, clipped, type Section, shown, table } from './tables.js';
import type { LabelIssues, WorstRow } from './types.js';

const probability = (value: number): string =>
  shown(value, (one) => (one > 0 && one < 0.001 ? one.toExponential(1) : one.toFixed(3)));

/** A table of rows; `predicted`: the title of the label that the model gives. */
function rowTable(caption: string, predicted: string, rows: readonly WorstRow[]) {
  const hasPlaces = rows.some(({ place }) => place !== undefined);
  const columns: Column[] = [
    { title: 'text' },
    { title: 'label', isShort: true },
    { title: 'its probability', isNumber: true },
    { title: predicted, isShort: true },
    { title: 'its probability', isNumber: true },
    ...(hasPlaces ? [{ title: 'place', isShort: true }] : []),
  ];
  const cells = rows.map((row) => [
    clipped(row.text),
    row.truth,
    probability(row.probability),
    row.predicted,
    probability(row.score),
    ...(hasPlaces ? [row.place ?? ''] : []),
  ]);
  return table(caption, columns, cells);
}

export function worstSection(rows: readonly WorstRow[]): Section {
  const body = html`<p class="lead">The held-out rows whose own label got the lowest probability. They are hard, unlike the training rows, or labelled wrong.</p>
${rowTable('Rows that are most wrong, the worst first', 'predicted', rows)}`;
  return { id: 'worst', title: 'Most wrong rows', body };
}

export function labelIssuesSection({ rows, found, checked, folds }: LabelIssues): Section {
  const share = checked === 0 ? '' : ` (${formatPercent(found / checked, 1)})`;
  const some = rows.length < found ? ` The ${rows.length} clearest are shown.` : '';
  const how = `Each row was judged by a model that was not trained on it (${folds} folds), with a limit for each label: the mean probability that rows of that label got for it (confident learning, Northcutt et al. 2021).`;
  const body = html`<p class="lead">${formatNumber(found)} of ${formatNumber(checked)} rows${share} look as if they had another label.${some} ${how}</p>
${rows.length > 0 ? rowTable('Rows whose label looks wrong, the clearest first', 'looks like', rows) : null}`;
  return { id: 'issues', title: 'Labels that look wrong', body };
}
