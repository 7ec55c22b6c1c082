/**
 * Precision, recall and F1 from counts: the arithmetic shared by single-label and multilabel scores.
 *
 * The rule: a ratio 0/0 is `zeroDivision` (0, 1 or NaN); averages leave NaN values out, as scikit-learn does.
 */
import { rangeMistake } from '../core/errors.js';

/** Counts for one label (or for one row of a multilabel set). */
export interface Counts {
  /** Rows where the label is both true and predicted. */
  truePositive: number;
  /** Rows for which the label was predicted. */
  predicted: number;
  /** Rows for which the label is true: the support. */
  actual: number;
}

/** Each between 0 and 1; NaN only with `zeroDivision: NaN`. */
export interface Scores {
  /** Share of the predictions that are right, 0 to 1. */
  readonly precision: number;
  /** Share of the true ones that are found, 0 to 1. */
  readonly recall: number;
  /** Harmonic mean of precision and recall, 0 to 1. */
  readonly f1: number;
}

/** `micro` pools the counts, `macro` is the plain mean over labels, `weighted` the mean by support. */
export type Average = 'micro' | 'macro' | 'weighted';

/** RangeError unless the value is 0, 1 or NaN. */
export function checkZeroDivision(value: number): void {
  if (value !== 0 && value !== 1 && !Number.isNaN(value)) {
    throw rangeMistake('zeroDivision', '0, 1 or NaN', value);
  }
}

function ratio(numerator: number, denominator: number, zeroDivision: number): number {
  return denominator === 0 ? zeroDivision : numerator / denominator;
}

export function scoresOf(counts: Counts, zeroDivision: number): Scores {
  const { truePositive, predicted, actual } = counts;
  return {
    precision: ratio(truePositive, predicted, zeroDivision),
    recall: ratio(truePositive, actual, zeroDivision),
    f1: ratio(2 * truePositive, predicted + actual, zeroDivision),
  };
}

export function sumCounts(counts: readonly Counts[]): Counts {
  const sum: Counts = { truePositive: 0, predicted: 0, actual: 0 };
  for (const one of counts) {
    sum.truePositive += one.truePositive;
    sum.predicted += one.predicted;
    sum.actual += one.actual;
  }
  return sum;
}

/** Mean of the values that are not NaN. If all weights are zero, they count as equal. */
export function meanWithoutNan(values: readonly number[], weights?: readonly number[]): number {
  let sum = 0;
  let weightSum = 0;
  let plainSum = 0;
  let plainCount = 0;
  values.forEach((value, i) => {
    if (Number.isNaN(value)) return;
    const weight = weights?.[i] ?? 1;
    sum += weight * value;
    weightSum += weight;
    plainSum += value;
    plainCount += 1;
  });
  if (weightSum !== 0) return sum / weightSum;
  return plainCount === 0 ? Number.NaN : plainSum / plainCount;
}

/** Means of scores that are computed already, by the given weights (default: all equal). */
export function meanScores(scores: readonly Scores[], weights?: readonly number[]): Scores {
  return {
    precision: meanWithoutNan(
      scores.map((s) => s.precision),
      weights,
    ),
    recall: meanWithoutNan(
      scores.map((s) => s.recall),
      weights,
    ),
    f1: meanWithoutNan(
      scores.map((s) => s.f1),
      weights,
    ),
  };
}

/** The chosen average over labels. */
export function averageScores(
  counts: readonly Counts[],
  average: Average,
  zeroDivision: number,
): Scores {
  if (average === 'micro') return scoresOf(sumCounts(counts), zeroDivision);
  const scores = counts.map((one) => scoresOf(one, zeroDivision));
  if (average === 'macro') return meanScores(scores);
  return meanScores(
    scores,
    counts.map((one) => one.actual),
  );
}
