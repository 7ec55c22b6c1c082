/**
 * Scores for multilabel classification, where a row may have any number of labels.
 *
 * The rule: truth and prediction are rows of 0 and 1, one column per label, all rows of the same length.
 */
import { rangeMistake } from '../core/errors.js';
import { type Counts, checkZeroDivision, meanScores, type Scores, scoresOf } from './counts.js';
import { checkColumns } from './labels.js';

/** [rows][labels], each value 0 or 1. */
export type IndicatorRows = readonly (readonly number[])[];

function checkRows(where: string, rows: IndicatorRows, width: number): void {
  rows.forEach((row, i) => {
    if (row.length !== width) throw rangeMistake(`${where}[${i}]`, `${width} values`, row.length);
    const bad = row.find((value) => value !== 0 && value !== 1);
    if (bad !== undefined) throw rangeMistake(`${where}[${i}]`, 'values of 0 and 1', bad);
  });
}

/** Checks both sides and returns the number of labels. Throws RangeError that names the first bad row. */
export function indicatorWidth(truth: IndicatorRows, predicted: IndicatorRows): number {
  checkColumns(truth, predicted);
  const width = truth[0]?.length ?? 0;
  if (width === 0) throw rangeMistake('truth[0]', 'at least one value', 'none');
  checkRows('truth', truth, width);
  checkRows('predicted', predicted, width);
  return width;
}

const countPair = (counts: Counts, actual: number, guess: number): void => {
  counts.actual += actual;
  counts.predicted += guess;
  counts.truePositive += actual * guess;
};

/** Counts per label (column). */
export function countIndicators(truth: IndicatorRows, predicted: IndicatorRows): Counts[] {
  const width = indicatorWidth(truth, predicted);
  return Array.from({ length: width }, (_, label) => {
    const counts: Counts = { truePositive: 0, predicted: 0, actual: 0 };
    truth.forEach((row, i) => {
      countPair(counts, row[label] ?? 0, predicted[i]?.[label] ?? 0);
    });
    return counts;
  });
}

/** Mean over rows of each row's own precision, recall and F1 ("samples avg"). */
export function sampleScores(
  truth: IndicatorRows,
  predicted: IndicatorRows,
  options: { readonly zeroDivision?: number } = {},
): Scores {
  indicatorWidth(truth, predicted);
  const { zeroDivision = 0 } = options;
  checkZeroDivision(zeroDivision);
  const perRow = truth.map((row, i) => {
    const counts: Counts = { truePositive: 0, predicted: 0, actual: 0 };
    row.forEach((actual, label) => {
      countPair(counts, actual, predicted[i]?.[label] ?? 0);
    });
    return scoresOf(counts, zeroDivision);
  });
  return meanScores(perRow);
}

/** Share of rows in which all labels are right, 0 to 1. */
export function subsetAccuracy(truth: IndicatorRows, predicted: IndicatorRows): number {
  indicatorWidth(truth, predicted);
  const same = truth.filter((row, i) => row.every((value, j) => value === predicted[i]?.[j]));
  return same.length / truth.length;
}

/** Share of single values that differ, 0 to 1. */
export function hammingLoss(truth: IndicatorRows, predicted: IndicatorRows): number {
  const width = indicatorWidth(truth, predicted);
  let different = 0;
  truth.forEach((row, i) => {
    row.forEach((value, j) => {
      if (value !== predicted[i]?.[j]) different += 1;
    });
  });
  return different / (truth.length * width);
}
