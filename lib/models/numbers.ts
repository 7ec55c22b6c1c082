/**
 * Logits to probabilities and losses, in double precision.
 */

import type { Matrix } from '../core/matrix.js';
import { makeInTurns } from '../core/turns.js';
import type { Corpus } from '../train/corpus.js';

/** Rows of a loss before the event loop turns: less than a millisecond. */
const ROWS_PER_TURN = 64;

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

/** Probability of one logit by itself. */
export function sigmoid(logit: number): number {
  if (logit >= 0) return 1 / (1 + Math.exp(-logit));
  const power = Math.exp(logit);
  return power / (1 + power);
}

/** Index of the largest value, the first of equals. */
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

/** Cross entropy of the labelled start and end over the tokens of each text, mean of both; `logits` are [tokens, 2]. */
export async function meanSpanLoss(logits: Matrix, corpus: Corpus): Promise<number> {
  let token = 0;
  const losses = await makeInTurns(corpus.size, ROWS_PER_TURN, (text) => {
    const length = corpus.lengthOf(text);
    let loss = 0;
    for (const which of [0, 1] as const) {
      const column = new Float32Array(length);
      for (let i = 0; i < length; i++) {
        column[i] = logits.data[(token + i) * logits.cols + which] ?? 0;
      }
      const label = corpus.targets.values[2 * text + which] ?? 0;
      loss += logSumExp(column) - (column[label] ?? Number.NaN);
    }
    token += length;
    return loss;
  });
  return losses.reduce((sum, loss) => sum + loss, 0) / (2 * corpus.size);
}
