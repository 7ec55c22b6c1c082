/**
 * The paired bootstrap of any score: rows are drawn with replacement, and both models are scored on the same draws.
 *
 * The rule: the same seed gives the same intervals on every machine; the event loop turns between resamples.
 */
import { rangeMistake, throwIfAborted } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import { SeededRandom } from '../core/random.js';
import { Turn } from '../core/turns.js';
import type { PairedComparison, ScoreWithInterval } from './accuracy-bootstrap.js';
import { checkConfidence, type Interval } from './proportions.js';

/** The score of the rows with these numbers; a row may be there more than once. The array is used again by the next call. */
export type SampleScore = (sample: Int32Array) => number;

export interface PairedBootstrapOptions {
  /** Number of rows, at least 1. */
  readonly rows: number;
  readonly first: SampleScore;
  readonly second: SampleScore;
  /** Default: 10,000. */
  readonly resamples?: number;
  /** A whole number from 0. Default: 0. */
  readonly seed?: number;
  /** Above 0, below 1. Default: 0.95. */
  readonly confidence?: number;
  readonly signal?: AbortSignal;
}

export interface PairedBootstrap extends PairedComparison {
  readonly resamples: number;
  /** Resamples on which a score was not a number (a correlation of a constant column); they are left out of the intervals. */
  readonly undefinedResamples: number;
}

const WHERE = 'pairedBootstrap';

/**
 * Scores of two models on the same rows, their difference (first less second), and percentile intervals of the three (Efron and
 * Tibshirani 1993, chapter 13): the smallest resampled value whose cumulative share reaches (1 - confidence) / 2, and 1 less that. For
 * accuracies `accuracyBootstrap` has the same without drawing. Throws TypeError or RangeError for options, SinterError
 * CANCELLED.
 */
export async function pairedBootstrap(options: PairedBootstrapOptions): Promise<PairedBootstrap> {
  const read = readOptions(WHERE, options, {
    ...{ rows: true, first: true, second: true, resamples: true, seed: true, confidence: true },
    signal: true,
  });
  const rows = read.count('rows', 0);
  if (rows === 0) throw rangeMistake(`${WHERE}: rows`, 'a whole number from 1', options.rows);
  const resamples = read.count('resamples', 10_000);
  const random = new SeededRandom(read.count('seed', 0, 0));
  const { first, second, confidence = 0.95 } = options;
  checkConfidence(confidence);
  const signal = read.signal();
  const sample = Int32Array.from({ length: rows }, (_, row) => row);
  const scores = { first: first(sample), second: second(sample) };
  const drawn = {
    first: new Float64Array(resamples),
    second: new Float64Array(resamples),
    difference: new Float64Array(resamples),
  };
  let count = 0;
  const turn = new Turn();
  for (let resample = 0; resample < resamples; resample++) {
    if (turn.isOver) {
      await turn.end();
      throwIfAborted(signal, WHERE);
    }
    for (let i = 0; i < rows; i++) sample[i] = random.below(rows);
    const [one, two] = [first(sample), second(sample)];
    if (!Number.isFinite(one - two)) continue;
    drawn.first[count] = one;
    drawn.second[count] = two;
    drawn.difference[count++] = one - two;
  }
  const of = (score: number, values: Float64Array): ScoreWithInterval => ({
    score,
    interval: percentiles(values.subarray(0, count), confidence),
  });
  return {
    first: of(scores.first, drawn.first),
    second: of(scores.second, drawn.second),
    difference: of(scores.first - scores.second, drawn.difference),
    resamples,
    undefinedResamples: resamples - count,
  };
}

function percentiles(values: Float64Array, confidence: number): Interval {
  if (values.length === 0) return { low: Number.NaN, high: Number.NaN };
  values.sort();
  const tail = (1 - confidence) / 2;
  const at = (share: number): number =>
    values[Math.max(0, Math.ceil(share * values.length - 1e-9) - 1)] ?? Number.NaN;
  return { low: at(tail), high: at(1 - tail) };
}
