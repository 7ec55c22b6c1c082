/**
 * Logits to probabilities, predictions, loss and scores. In double precision, in the order of the rows.
 */

import type { Matrix } from '../core/matrix.js';
import {
  accuracy,
  averagedScores,
  type ClassificationReport,
  type ConfusionMatrix,
  classificationReport,
  confusionMatrix,
} from '../metrics/index.js';

/** Scores of a classifier on labelled rows. */
export interface Evaluation<L extends string = string> {
  readonly rows: number;
  /** Mean cross entropy. */
  readonly loss: number;
  readonly accuracy: number;
  /** Mean F1 over the labels that occur in the rows or the predictions. */
  readonly macroF1: number;
  readonly report: ClassificationReport;
  /** Rows are the true labels, columns the predicted ones, all labels of the model in its order. */
  readonly confusion: ConfusionMatrix<L>;
  /** Per row. */
  readonly predicted: readonly L[];
}

/** log(sum(exp(row))), safe for large logits. */
function logSumExp(row: Float32Array): number {
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

/** Index of the largest value, the first of equals. */
export function argmax(row: Float32Array): number {
  let best = 0;
  for (let i = 1; i < row.length; i++) if ((row[i] ?? 0) > (row[best] ?? 0)) best = i;
  return best;
}

/** Mean of -log softmax(row)[class]. */
export function meanCrossEntropy(logits: Matrix, classes: Int32Array): number {
  let sum = 0;
  for (const [i, target] of classes.entries()) {
    const row = logits.row(i);
    sum += logSumExp(row) - (row[target] ?? Number.NaN);
  }
  return sum / classes.length;
}

/** All scores of `logits` [rows, labels] against the true classes. */
export function scoreLogits<L extends string>(
  logits: Matrix,
  classes: Int32Array,
  labels: readonly L[],
): Evaluation<L> {
  const name = (index: number) => labels[index] as L;
  const truth = Array.from(classes, name);
  const predicted = truth.map((_, i) => name(argmax(logits.row(i))));
  const macro = averagedScores(truth, predicted, 'macro');
  return {
    rows: truth.length,
    loss: meanCrossEntropy(logits, classes),
    accuracy: accuracy(truth, predicted),
    macroF1: macro.f1,
    report: classificationReport(truth, predicted),
    confusion: confusionMatrix(truth, predicted, { labels }),
    predicted,
  };
}
