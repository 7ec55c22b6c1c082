/**
 * The bootstrap of accuracies without any drawing: the distribution of what random resamples would give, exactly.
 *
 * The rule: a draw adds -1, 0 or 1; the sum of n draws is looked at in a window that leaves out less than 1e-15 of it.
 */
import { rangeMistake } from '../core/errors.js';
import { inTurns, type Steps } from '../core/turns.js';
import { checkConfidence, type Interval } from './proportions.js';

/** Rows of two models, by which of them is right. */
export interface PairedCounts {
  readonly bothRight: number;
  readonly onlyFirst: number;
  readonly onlySecond: number;
  readonly bothWrong: number;
}

/** Two scores on the same rows, their difference (first less second), and the intervals of all three. */
export interface PairedComparison {
  readonly first: ScoreWithInterval;
  readonly second: ScoreWithInterval;
  readonly difference: ScoreWithInterval;
}

export interface ScoreWithInterval {
  readonly score: number;
  /** Percentiles of the bootstrap distribution. */
  readonly interval: Interval;
}

/** Standard deviations of the window on either side, and whole numbers beyond them. */
const [DEVIATIONS, BEYOND] = [10, 40] as const;

/**
 * Accuracies of two models and their difference, with the percentile intervals that the bootstrap over rows has in the limit of
 * infinitely many resamples. Throws RangeError for counts that are no whole numbers from 0, or for no rows.
 */
export async function accuracyBootstrap(
  counts: PairedCounts,
  confidence = 0.95,
): Promise<PairedComparison> {
  const { bothRight, onlyFirst, onlySecond, bothWrong } = counts;
  for (const [name, value] of Object.entries(counts)) {
    if (!(Number.isSafeInteger(value) && value >= 0)) {
      throw rangeMistake(name, 'a whole number from 0', value);
    }
  }
  const rows = bothRight + onlyFirst + onlySecond + bothWrong;
  if (rows === 0) throw rangeMistake('counts', 'those of one row or more', 0);
  checkConfidence(confidence);
  const of = async (minus: number, plus: number): Promise<ScoreWithInterval> => ({
    score: (plus - minus) / rows,
    interval: await inTurns(intervalOf(rows, minus, plus, confidence)),
  });
  return {
    first: await of(0, bothRight + onlyFirst),
    second: await of(0, bothRight + onlySecond),
    difference: await of(onlySecond, onlyFirst),
  };
}

function* intervalOf(
  rows: number,
  minus: number,
  plus: number,
  confidence: number,
): Steps<Interval> {
  const { first, probabilities } = yield* sumOfDraws(rows, minus / rows, plus / rows);
  const tail = (1 - confidence) / 2;
  const quantile = (share: number): number => {
    let sum = 0;
    for (let i = 0; i < probabilities.length; i++) {
      sum += probabilities[i] ?? 0;
      if (sum >= share) return (first + i) / rows;
    }
    return (first + probabilities.length - 1) / rows;
  };
  return { low: quantile(tail), high: quantile(1 - tail) };
}

/**
 * Probabilities of the sums of n draws, each -1 with probability `minus` and 1 with `plus`: `probabilities[i]` is that of
 * `first + i`. They are the discrete Fourier transform of the n-th power of a draw's characteristic function, taken over a
 * window; what lies outside would be added to the other side of it, but is less than the rounding.
 */
export function* sumOfDraws(
  n: number,
  minus: number,
  plus: number,
): Steps<{ readonly first: number; readonly probabilities: Float64Array }> {
  const mean = n * (plus - minus);
  const variance = n * (plus + minus - (plus - minus) ** 2);
  const centre = Math.round(mean);
  const half = Math.min(n, Math.ceil(DEVIATIONS * Math.sqrt(Math.max(variance, 0))) + BEYOND);
  const size = 2 * half + 1;
  const cosines = Float64Array.from({ length: size }, (_, j) => Math.cos((2 * Math.PI * j) / size));
  const sines = Float64Array.from({ length: size }, (_, j) => Math.sin((2 * Math.PI * j) / size));
  const probabilities = new Float64Array(size).fill(1 / size);
  for (let j = 1; j <= half; j++) {
    // The n-th power of the function at angle 2 pi j / size, turned so that the centre has the angle 0.
    const re = 1 + (plus + minus) * ((cosines[j] ?? 0) - 1);
    const im = (plus - minus) * (sines[j] ?? 0);
    const length = Math.hypot(re, im) ** n;
    if (length < 1e-18) continue;
    const angle = n * Math.atan2(im, re) - (2 * Math.PI * j * centre) / size;
    const [c, s] = [(2 / size) * length * Math.cos(angle), (2 / size) * length * Math.sin(angle)];
    for (let i = 0, at = size - ((j * half) % size); i < size; i++, at += j) {
      if (at >= size) at -= size;
      const real = c * (cosines[at] ?? 0) + s * (sines[at] ?? 0);
      probabilities[i] = (probabilities[i] ?? 0) + real;
    }
    yield;
  }
  return { first: centre - half, probabilities };
}
