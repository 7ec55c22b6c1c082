/**
 * How far a share that was counted on some rows can be from the true one.
 *
 * The rule: an interval has a lower and an upper end and the confidence that was asked for; shares stay within 0 and 1.
 */
import { rangeMistake } from '../core/errors.js';
import { upperQuantile } from './normal.js';

/** The ends of a two-sided confidence interval. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/**
 * Wilson's score interval of a share: `successes` of `n`. It is right on average even where rows are few or all of them agree
 * (Wilson 1927; Brown, Cai and DasGupta 2001). Throws RangeError unless n is from 1 and successes is from 0 to n.
 */
export function wilson(successes: number, n: number, confidence = 0.95): Interval {
  if (!(Number.isSafeInteger(n) && n > 0)) throw rangeMistake('n', 'a whole number from 1', n);
  if (!(Number.isSafeInteger(successes) && successes >= 0 && successes <= n)) {
    throw rangeMistake('successes', `a whole number from 0 to ${n}`, successes);
  }
  checkConfidence(confidence);
  const z = upperQuantile((1 - confidence) / 2);
  const share = successes / n;
  const centre = share + (z * z) / (2 * n);
  const half = z * Math.sqrt((share * (1 - share)) / n + (z * z) / (4 * n * n));
  const scale = 1 + (z * z) / n;
  return {
    low: successes === 0 ? 0 : (centre - half) / scale,
    high: successes === n ? 1 : (centre + half) / scale,
  };
}

/** RangeError unless the confidence is above 0 and below 1. */
export function checkConfidence(confidence: number): void {
  if (confidence > 0 && confidence < 1) return;
  throw rangeMistake('confidence', 'a number above 0 and below 1', confidence);
}
