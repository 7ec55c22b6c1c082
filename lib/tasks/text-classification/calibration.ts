/** Fits what turns logits into decisions on held-out rows: one temperature for all logits, and a threshold for each label. */

import { SinterError } from '../../core/errors.js';
import type { Matrix } from '../../core/matrix.js';
import { sigmoid } from '../../metrics/logits.js';
import type { TargetNumbers } from '../../train/targets.js';

/** Inverse temperatures that are looked at. */
const [LEAST, MOST] = [0.02, 50] as const;
const STEPS = 60;

/** First and second derivative of the mean loss by the inverse temperature. */
type Slopes = (inverse: number) => readonly [number, number];

/** Cross entropy of softmax(logits * inverse). */
function softmaxSlopes(logits: Matrix, classes: TargetNumbers): Slopes {
  return (inverse) => {
    let [slope, bend] = [0, 0];
    for (let i = 0; i < logits.rows; i++) {
      const row = logits.row(i);
      const top = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
      let [total, mean, square] = [0, 0, 0];
      for (const x of row) {
        const power = Math.exp((x - top) * inverse);
        total += power;
        mean += power * x;
        square += power * x * x;
      }
      mean /= total;
      slope += mean - (row[classes[i] ?? -1] ?? Number.NaN);
      bend += square / total - mean * mean;
    }
    return [slope / logits.rows, bend / logits.rows];
  };
}

/** Binary cross entropy of sigmoid(logits * inverse). */
function sigmoidSlopes({ data }: Matrix, targets: TargetNumbers): Slopes {
  return (inverse) => {
    let [slope, bend] = [0, 0];
    for (let i = 0; i < data.length; i++) {
      const x = data[i] ?? 0;
      const p = sigmoid(x * inverse);
      slope += (p - (targets[i] ?? Number.NaN)) * x;
      bend += p * (1 - p) * x * x;
    }
    return [slope / data.length, bend / data.length];
  };
}

/**
 * The temperature with the smallest loss of logits / temperature. `kind`: targets are one class per row, or 0 and 1 for each
 * logit. Throws INVALID_DATA if there is none: the loss falls for ever where every row is right.
 */
export function fitTemperature(
  logits: Matrix,
  targets: TargetNumbers,
  kind: 'classes' | 'numbers',
): number {
  const slopes = (kind === 'classes' ? softmaxSlopes : sigmoidSlopes)(logits, targets);
  if (!(slopes(MOST)[0] > 0)) {
    throw noTemperature('the model is right on all rows: give rows that it was not trained on');
  }
  if (!(slopes(LEAST)[0] < 0)) {
    throw noTemperature('the labels do not follow the logits, which are no better than chance');
  }
  // The loss is convex in the inverse temperature. Newton's steps, and halves where one leaves the bounds.
  let [low, high, inverse]: [number, number, number] = [LEAST, MOST, 1];
  for (let step = 0; step < STEPS && high - low > 1e-9 * inverse; step++) {
    const [slope, bend] = slopes(inverse);
    if (slope > 0) high = inverse;
    else low = inverse;
    const next = inverse - slope / bend;
    const chosen = next > low && next < high ? next : Math.sqrt(low * high);
    if (Math.abs(chosen - inverse) < 1e-10 * inverse) break;
    inverse = chosen;
  }
  return 1 / inverse;
}

function noTemperature(why: string): SinterError {
  return new SinterError('INVALID_DATA', `calibrate: no temperature fits the rows: ${why}`);
}

/**
 * For each label the threshold with the best F1: between two neighbouring probabilities, and of equal ones nearest to 0.5. A
 * label without a row, or with all rows, keeps `fallback`.
 */
export function bestThresholds(
  logits: Matrix,
  targets: TargetNumbers,
  fallback: readonly number[],
): number[] {
  return fallback.map((own, label) => {
    const rows = Array.from({ length: logits.rows }, (_, i) => ({
      p: sigmoid(logits.row(i)[label] ?? 0),
      is: (targets[i * logits.cols + label] ?? 0) > 0,
    })).sort((a, b) => b.p - a.p);
    const positives = rows.filter(({ is }) => is).length;
    if (positives === 0 || positives === rows.length) return own;
    let best = { f1: -1, threshold: own };
    let found = 0;
    for (const [i, { p, is }] of rows.entries()) {
      found += is ? 1 : 0;
      const next = rows[i + 1]?.p ?? 0;
      if (next === p) continue;
      const f1 = (2 * found) / (i + 1 + positives);
      const threshold = (p + next) / 2;
      const nearer = Math.abs(threshold - 0.5) < Math.abs(best.threshold - 0.5);
      if (f1 > best.f1 || (f1 === best.f1 && nearer)) best = { f1, threshold };
    }
    return best.threshold;
  });
}

/** The threshold that decides the same on logits / temperature as `threshold` does on the logits. */
export function movedThreshold(threshold: number, temperature: number): number {
  if (threshold <= 0 || threshold >= 1) return threshold;
  return sigmoid(Math.log(threshold / (1 - threshold)) / temperature);
}
