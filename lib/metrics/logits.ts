/**
 * Logits to probabilities and losses, in double precision.
 */

import type { Matrix } from '../core/matrix.js';

/** log(sum(exp(row))), safe for large logits. */
export function logSumExp(row: Float32Array): number {
  const largest = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  let sum = 0;
  for (const value of row) sum += Math.exp(value - largest);
  return largest + Math.log(sum);
}

/** Probabilities of a row of logits. */
export function softmax(row: Float32Array): number[] {
  const total = logSumExp(row);
  return Array.from(row, (value) => Math.exp(value - total));
}

/** Probability for a single logit. */
export function sigmoid(logit: number): number {
  if (logit >= 0) return 1 / (1 + Math.exp(-logit));
  const power = Math.exp(logit);
  return power / (1 + power);
}

/** A softmax or sigmoid as a number from 0 to 1: rounding may leave it above 1, and of logits that are no numbers it is 0. */
export function asProbability(value: number | undefined): number {
  return value === undefined || Number.isNaN(value) ? 0 : Math.min(1, value);
}

/** Index of the largest value; the first one if several are equal. */
export function argmax(row: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < row.length; i++) if ((row[i] ?? 0) > (row[best] ?? 0)) best = i;
  return best;
}

/** Mean of -log softmax(row)[class] over the rows whose class is not -1. */
export function meanCrossEntropy(logits: Matrix, classes: ArrayLike<number>): number {
  let sum = 0;
  let counted = 0;
  for (let i = 0; i < classes.length; i++) {
    const target = classes[i] ?? -1;
    if (target < 0) continue;
    const row = logits.row(i);
    sum += logSumExp(row) - (row[target] ?? Number.NaN);
    counted++;
  }
  return sum / counted;
}

/** Mean binary cross entropy of sigmoid(logit) against targets from 0 to 1, over all numbers. */
export function meanBinaryCrossEntropy(logits: Matrix, targets: ArrayLike<number>): number {
  let sum = 0;
  for (const [i, logit] of logits.data.entries()) {
    const positive = Math.max(logit, 0);
    sum += positive - logit * (targets[i] ?? Number.NaN) + Math.log1p(Math.exp(-Math.abs(logit)));
  }
  return sum / logits.data.length;
}
