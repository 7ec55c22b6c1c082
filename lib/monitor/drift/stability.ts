/**
 * The population stability index of two samples in the same bins, and how much of it chance explains.
 *
 * The rule: a sample that could have such an index by chance gets no verdict.
 */
import { upperQuantile } from '../../metrics/normal.js';

/** Bounds in use since scorecards: below 0.1 nothing has changed, above 0.2 much has (N. Siddiqi, Credit Risk Scorecards, 2006). */
export const PSI_WARNING = 0.1;
export const PSI_ALERT = 0.2;

/** Added to the count of each bin, so that an empty one has a logarithm. */
const PRIOR = 0.5;

/** Chance that samples of the same distribution exceed `psiByChance`. */
const BY_CHANCE = 0.001;

function sum(counts: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < counts.length; i++) total += counts[i] ?? 0;
  return total;
}

/**
 * The population stability index: the sum over the bins of (a - e) ln(a / e), where a and e are the shares of the bin in the two
 * samples, each count with half a row added. The bins are the same, and at least two.
 */
export function stabilityIndex(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  const bins = expected.length;
  const [n, m] = [sum(actual) + PRIOR * bins, sum(expected) + PRIOR * bins];
  let index = 0;
  for (let i = 0; i < bins; i++) {
    const a = ((actual[i] ?? 0) + PRIOR) / n;
    const e = ((expected[i] ?? 0) + PRIOR) / m;
    index += (a - e) * Math.log(a / e);
  }
  return index;
}

/**
 * The value above which a number of the chi-squared distribution is with the probability `upper` (Wilson and Hilferty, The
 * distribution of chi-square, 1931); within 1 % from 3 degrees of freedom on.
 */
export function chiSquaredQuantile(degrees: number, upper: number): number {
  return chiSquaredOf(degrees, upperQuantile(upper));
}

/** As `chiSquaredQuantile`, for the quantile of the normal distribution with the same probability. */
function chiSquaredOf(degrees: number, normal: number): number {
  const spread = 2 / (9 * degrees);
  return degrees * (1 - spread + normal * Math.sqrt(spread)) ** 3;
}

/** Found once, because it takes some time. */
let normalByChance: number | undefined;

function byChance(bins: number): number {
  normalByChance ??= upperQuantile(BY_CHANCE);
  return chiSquaredOf(bins - 1, normalByChance);
}

/**
 * The index that samples of n and m rows of the same distribution exceed once in a thousand times: then it is distributed as
 * chi-squared with bins - 1 degrees of freedom, times 1/n + 1/m (B. Yurdakul and J. Naranjo, Statistical properties of the
 * population stability index, 2020).
 */
export function psiByChance(bins: number, n: number, m: number): number {
  return byChance(bins) * (1 / n + 1 / m);
}

/** Rows with which chance stays below PSI_WARNING; null where no number is enough, because the other sample has too few. */
export function rowsNeeded(bins: number, m: number): number | null {
  const rest = PSI_WARNING / byChance(bins) - 1 / m;
  return rest > 0 ? Math.ceil(1 / rest) : null;
}
