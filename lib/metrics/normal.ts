/**
 * The normal distribution: its tails and its quantiles, to about 13 digits.
 *
 * The rule: tails are computed as tails, never as 1 - something, so that small ones keep their digits.
 */

/** Below it the series is exact enough, above it the continued fraction converges quickly. */
const SERIES_UP_TO = 2;

/**
 * 2 / sqrt(pi) * integral from x to infinity of exp(-t^2), for any x (Abramowitz and Stegun 7.1.6 below 2, 7.1.14 above).
 */
export function erfc(x: number): number {
  if (x < 0) return 2 - erfc(-x);
  const scale = Math.exp(-x * x) / Math.sqrt(Math.PI);
  if (x < SERIES_UP_TO) {
    let term = 2 * x;
    let sum = term;
    for (let n = 1; term > sum * 1e-17; n++) {
      term *= (2 * x * x) / (2 * n + 1);
      sum += term;
    }
    return 1 - scale * sum;
  }
  // x + (1/2) / (x + 1 / (x + (3/2) / (x + ...))), from its inner end.
  let fraction = x;
  for (let k = 120; k > 0; k--) fraction = x + k / 2 / fraction;
  return scale / fraction;
}

/** The probability that a standard normal number is above z. */
export const upperTail = (z: number): number => erfc(z / Math.SQRT2) / 2;

/** The z above which a standard normal number is with this probability, above 0 and below 1, by bisection. */
export function upperQuantile(probability: number): number {
  let [low, high] = [-40, 40];
  for (let step = 0; step < 80; step++) {
    const middle = (low + high) / 2;
    if (upperTail(middle) > probability) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
