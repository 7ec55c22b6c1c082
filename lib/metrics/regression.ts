/**
 * Errors of predicted numbers: squared, absolute, largest, and the share of variance explained.
 *
 * The rule: every function takes (truth, predicted) of equal length, at least one value; RangeError otherwise.
 */
import { checkColumns } from './labels.js';

/** A column of numbers; typed arrays are welcome. */
export type Numbers = ArrayLike<number>;

function differences(truth: Numbers, predicted: Numbers): number[] {
  checkColumns(truth, predicted);
  return Array.from(truth, (value, i) => value - (predicted[i] ?? Number.NaN));
}

const mean = (values: readonly number[]): number =>
  values.reduce((a, b) => a + b, 0) / values.length;

/** Mean of the squared differences. */
export function meanSquaredError(truth: Numbers, predicted: Numbers): number {
  return mean(differences(truth, predicted).map((d) => d * d));
}

/** Square root of the mean of the squared differences. */
export function rootMeanSquaredError(truth: Numbers, predicted: Numbers): number {
  return Math.sqrt(meanSquaredError(truth, predicted));
}

/** Mean of the absolute differences. */
export function meanAbsoluteError(truth: Numbers, predicted: Numbers): number {
  return mean(differences(truth, predicted).map(Math.abs));
}

/** Largest absolute difference. */
export function maxError(truth: Numbers, predicted: Numbers): number {
  return differences(truth, predicted).reduce((most, d) => Math.max(most, Math.abs(d)), 0);
}

/** Median of the absolute differences. */
export function medianAbsoluteError(truth: Numbers, predicted: Numbers): number {
  const sorted = differences(truth, predicted)
    .map(Math.abs)
    .sort((a, b) => a - b);
  const upper = sorted[sorted.length >> 1] ?? Number.NaN;
  const lower = sorted[(sorted.length - 1) >> 1] ?? Number.NaN;
  return (lower + upper) / 2;
}

/** Coefficient of determination, up to 1. A constant truth gives 1 if every value is right, else 0. */
export function r2Score(truth: Numbers, predicted: Numbers): number {
  const residual = differences(truth, predicted).reduce((a, d) => a + d * d, 0);
  const values = Array.from(truth);
  const centre = mean(values);
  const total = values.reduce((a, value) => a + (value - centre) ** 2, 0);
  if (total === 0) return residual === 0 ? 1 : 0;
  return 1 - residual / total;
}
