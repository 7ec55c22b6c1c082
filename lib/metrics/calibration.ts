/**
 * How far probabilities can be believed: reliability, its summary as the calibration error, and what a limit on the score costs.
 *
 * The rule: functions take (probabilities, outcomes); an outcome is whether the thing that was given a probability was so.
 */
import { rangeMistake } from '../core/errors.js';

/** Predictions whose probability is in one range. */
export interface ReliabilityBin {
  /** The range of probabilities: above `from` (the first bin: from 0), up to `to`. */
  readonly from: number;
  readonly to: number;
  /** Number of predictions; bins without any are left out. */
  readonly count: number;
  /** Their mean probability. */
  readonly probability: number;
  /** The share of them that was so. Of a calibrated model it is about `probability`. */
  readonly share: number;
}

const BINS = 15;

/** Predictions in `bins` ranges of the same width. Throws RangeError unless both lists are as long and not empty. */
export function reliability(
  probabilities: ArrayLike<number>,
  outcomes: ArrayLike<boolean>,
  bins: number = BINS,
): ReliabilityBin[] {
  checkLists(probabilities, outcomes);
  if (!(Number.isSafeInteger(bins) && bins > 0))
    throw rangeMistake('bins', 'a whole number from 1', bins);
  const sums = Array.from({ length: bins }, () => ({ count: 0, sum: 0, right: 0 }));
  for (let i = 0; i < probabilities.length; i++) {
    const p = probabilities[i] ?? Number.NaN;
    if (!(p >= 0 && p <= 1)) throw rangeMistake(`probabilities[${i}]`, 'a number from 0 to 1', p);
    const bin = sums[Math.min(bins - 1, Math.max(0, Math.ceil(p * bins) - 1))];
    if (bin === undefined) continue;
    bin.count++;
    bin.sum += p;
    bin.right += outcomes[i] === true ? 1 : 0;
  }
  return sums.flatMap(({ count, sum, right }, i) =>
    count === 0
      ? []
      : [
          {
            from: i / bins,
            to: (i + 1) / bins,
            count,
            probability: sum / count,
            share: right / count,
          },
        ],
  );
}

/** The expected calibration error: mean distance of `share` and `probability` over all predictions, 0 to 1. */
export function calibrationError(bins: readonly ReliabilityBin[]): number {
  const total = bins.reduce((sum, { count }) => sum + count, 0);
  const apart = bins.reduce(
    (sum, { count, probability, share }) => sum + count * Math.abs(probability - share),
    0,
  );
  return total === 0 ? Number.NaN : apart / total;
}

/** What is left, and how much of it is right, where predictions below `minScore` are rejected. */
export interface CoveragePoint {
  /** The limit. */
  readonly minScore: number;
  /** Share of the predictions that reach it. */
  readonly coverage: number;
  /** Share of those that are right; NaN where none reaches it. */
  readonly accuracy: number;
}

/** One point for each of the limits, by default 0, 0.05 ... 0.95. */
export function coverageCurve(
  scores: ArrayLike<number>,
  right: ArrayLike<boolean>,
  limits: readonly number[] = Array.from({ length: 20 }, (_, i) => i / 20),
): CoveragePoint[] {
  checkLists(scores, right);
  return limits.map((minScore) => {
    let [kept, good] = [0, 0];
    for (let i = 0; i < scores.length; i++) {
      if (!((scores[i] ?? 0) >= minScore)) continue;
      kept++;
      good += right[i] === true ? 1 : 0;
    }
    return { minScore, coverage: kept / scores.length, accuracy: good / kept };
  });
}

function checkLists(values: ArrayLike<number>, outcomes: ArrayLike<boolean>): void {
  if (values.length === 0) throw rangeMistake('probabilities', 'at least one number', 'none');
  if (values.length !== outcomes.length) {
    throw rangeMistake('outcomes', `as many as probabilities (${values.length})`, outcomes.length);
  }
}
