/**
 * The classification report: one row per label, then the averages; as a value, as a dict, and as text.
 *
 * The rule: dict and text match those of scikit-learn byte for byte, so that people can compare them by eye.
 */
import { rangeMistake } from '../core/errors.js';
import { accuracy, countLabels, type LabelScoreOptions } from './classification.js';
import {
  type Average,
  averageScores,
  type Counts,
  checkZeroDivision,
  type Scores,
  scoresOf,
  sumCounts,
} from './counts.js';
import { type Label, sortedLabels } from './labels.js';
import { countIndicators, type IndicatorRows, sampleScores } from './multilabel.js';

export interface ReportRow extends Scores {
  readonly name: string;
  readonly support: number;
}

export interface ClassificationReport {
  readonly rows: readonly ReportRow[];
  /** Absent for multilabel reports, and if `labels` leaves out a label that occurs: the report then has "micro avg" instead. */
  readonly accuracy?: number;
  readonly averages: readonly ReportRow[];
}

export interface ReportOptions<L extends Label> extends LabelScoreOptions<L> {
  /** A name to show for each label, in the order of the labels. Default: the label itself. */
  readonly names?: readonly string[];
}

/** scikit-learn's dict form (`output_dict=True`). A label named like an average is overwritten by it. */
export type ReportDict = Record<
  string,
  number | { precision: number; recall: number; 'f1-score': number; support: number }
>;

function namesFor(names: readonly string[] | undefined, fallback: readonly string[]): string[] {
  if (names !== undefined && names.length !== fallback.length) {
    throw rangeMistake('names', `one for each of ${fallback.length} labels`, names.length);
  }
  return [...(names ?? fallback)];
}

function reportFrom(
  names: readonly string[],
  counts: readonly Counts[],
  averages: readonly Average[],
  zeroDivision: number,
): { rows: ReportRow[]; averages: ReportRow[] } {
  const support = sumCounts(counts).actual;
  return {
    rows: counts.map((one, i) => ({
      name: names[i] ?? '',
      ...scoresOf(one, zeroDivision),
      support: one.actual,
    })),
    averages: averages.map((average) => ({
      name: `${average} avg`,
      ...averageScores(counts, average, zeroDivision),
      support,
    })),
  };
}

/** The report of a single-label classifier. Throws RangeError if a column is empty or the lengths differ. */
export function classificationReport<L extends Label>(
  truth: readonly L[],
  predicted: readonly L[],
  options: ReportOptions<L> = {},
): ClassificationReport {
  const { zeroDivision = 0 } = options;
  checkZeroDivision(zeroDivision);
  const occurring = sortedLabels(truth, predicted);
  const labels = options.labels ?? occurring;
  const names = namesFor(options.names, labels.map(String));
  const counts = countLabels(truth, predicted, labels);
  const listed = new Set(labels);
  if (!occurring.every((label) => listed.has(label))) {
    return reportFrom(names, counts, ['micro', 'macro', 'weighted'], zeroDivision);
  }
  const report = reportFrom(names, counts, ['macro', 'weighted'], zeroDivision);
  return { ...report, accuracy: accuracy(truth, predicted) };
}

/** The report of a multilabel classifier: it has "micro avg" and "samples avg", and no accuracy. */
export function multilabelReport(
  truth: IndicatorRows,
  predicted: IndicatorRows,
  options: { readonly names?: readonly string[]; readonly zeroDivision?: number } = {},
): ClassificationReport {
  const { zeroDivision = 0 } = options;
  checkZeroDivision(zeroDivision);
  const counts = countIndicators(truth, predicted);
  const names = namesFor(
    options.names,
    counts.map((_, i) => String(i)),
  );
  const report = reportFrom(names, counts, ['micro', 'macro', 'weighted'], zeroDivision);
  const samples: ReportRow = {
    name: 'samples avg',
    ...sampleScores(truth, predicted, { zeroDivision }),
    support: sumCounts(counts).actual,
  };
  return { ...report, averages: [...report.averages, samples] };
}

/** The report as scikit-learn's dict. */
export function reportToDict(report: ClassificationReport): ReportDict {
  const entry = (row: ReportRow): [string, ReportDict[string]] => [
    row.name,
    { precision: row.precision, recall: row.recall, 'f1-score': row.f1, support: row.support },
  ];
  const middle: [string, number][] =
    report.accuracy === undefined ? [] : [['accuracy', report.accuracy]];
  return Object.fromEntries([...report.rows.map(entry), ...middle, ...report.averages.map(entry)]);
}

/** Formats a number as Python's `{:.nf}`: an exact tie is rounded to the even digit, while `toFixed` rounds it up. */
export function fixed(value: number, digits: number): string {
  if (Number.isNaN(value)) return 'nan';
  // A tie at this digit needs at most digits + 1 binary places, so the products below are exact.
  const tieable = Number.isInteger(value * 2 ** (digits + 1));
  const scaled = value * 10 ** digits;
  if (tieable && scaled - Math.floor(scaled) === 0.5) {
    const below = Math.floor(scaled);
    return ((below % 2 === 0 ? below : below + 1) / 10 ** digits).toFixed(digits);
  }
  return value.toFixed(digits);
}

/** The report as scikit-learn prints it. `digits` is the number of decimals (default 2, 0 to 20). */
export function reportToText(
  report: ClassificationReport,
  options: { readonly digits?: number } = {},
): string {
  const { digits = 2 } = options;
  if (!Number.isInteger(digits) || digits < 0 || digits > 20) {
    throw rangeMistake('digits', 'a whole number from 0 to 20', digits);
  }
  const widths = report.rows.map((row) => [...row.name].length);
  const width = widths.reduce((a, b) => Math.max(a, b), Math.max('weighted avg'.length, digits));
  const line = (name: string, cells: readonly string[]): string => {
    const indent = ' '.repeat(Math.max(0, width - [...name].length));
    return `${indent}${name} ${cells.map((cell) => ` ${cell.padStart(9)}`).join('')}\n`;
  };
  const scored = (row: ReportRow): string =>
    line(row.name, [
      ...[row.precision, row.recall, row.f1].map((value) => fixed(value, digits)),
      String(row.support),
    ]);
  const support = report.rows.reduce((total, row) => total + row.support, 0);
  return [
    line('', ['precision', 'recall', 'f1-score', 'support']),
    '\n',
    ...report.rows.map(scored),
    '\n',
    report.accuracy === undefined
      ? ''
      : line('accuracy', ['', '', fixed(report.accuracy, digits), String(support)]),
    ...report.averages.map(scored),
  ].join('');
}
