/**
 * Prints the scores of a classifier: a table of labels, the totals, and which labels are taken for which.
 */
import { formatNumber, formatPercent } from '../core/units.js';
import { fixed } from '../metrics/classification-report.js';
import { type ReportRow, topConfusions } from '../metrics/index.js';
import type { Evaluation } from '../tasks/text-classification/single-label.js';
import type { Page } from './page.js';

const DIGITS = 2;

export function printScores(page: Page, scores: Evaluation, confusions: number): void {
  const { report, accuracy, macroF1, loss, calibrationError } = scores;
  const scored = ({ name, precision, recall, f1, support }: ReportRow) => [
    name,
    ...[precision, recall, f1].map((value) => fixed(value, DIGITS)),
    String(support),
  ];
  const total = report.rows.reduce((sum, { support }) => sum + support, 0);
  const overall = report.accuracy === undefined ? [] : [fixed(report.accuracy, DIGITS)];
  page.table({
    columns: [
      { title: 'label', maxWidth: 60 },
      { title: 'precision', align: 'right' },
      { title: 'recall', align: 'right' },
      { title: 'f1-score', align: 'right' },
      { title: 'support', align: 'right' },
    ],
    rows: [
      ...report.rows.map(scored),
      ['', '', '', '', ''],
      ...overall.map((value) => ['accuracy', '', '', value, String(total)]),
      ...report.averages.map(scored),
    ],
  });
  page.print('\n');
  page.wrapped(
    `accuracy ${formatPercent(accuracy)}, macro F1 ${formatPercent(macroF1)}, ` +
      `loss ${loss.toFixed(4)}, calibration error ${formatPercent(calibrationError)} on ${formatNumber(scores.rows)} rows`,
    { style: 'heading' },
  );
  const top = topConfusions(scores.confusion, confusions);
  if (top.length === 0) return;
  page.print('\n');
  page.table({
    columns: [
      { title: 'true label', maxWidth: 40 },
      { title: 'predicted', maxWidth: 40 },
      { title: 'rows', align: 'right' },
    ],
    rows: top.map(({ truth, predicted, count }) => [truth, predicted, String(count)]),
  });
}

/** What `sinter predict --min-score` would leave, and how much of it is right: a row for each limit from `minScore` on. */
export function printCoverage(page: Page, { coverage }: Evaluation, minScore: number): void {
  page.print('\n');
  page.table({
    columns: [
      { title: 'min score', align: 'right' },
      { title: 'coverage', align: 'right' },
      { title: 'accuracy', align: 'right' },
    ],
    rows: coverage
      .filter((point) => point.minScore >= minScore)
      .map((point) => [
        fixed(point.minScore, DIGITS),
        formatPercent(point.coverage),
        Number.isNaN(point.accuracy) ? '-' : formatPercent(point.accuracy),
      ]),
  });
}
