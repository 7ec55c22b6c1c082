/**
 * Two models on the same rows: whether their difference could be chance, and how small a difference the rows can show at all.
 *
 * The rule: only rows on which one model is right and the other is wrong say anything; all others cancel out.
 */
import { rangeMistake } from '../core/errors.js';
import { upperQuantile, upperTail } from './normal.js';
import { checkConfidence } from './proportions.js';

/** McNemar's test in its usual forms. Probabilities are two-sided. */
export interface McNemarTest {
  /** Rows that only the first model gets right. */
  readonly onlyFirst: number;
  /** Rows that only the second model gets right. */
  readonly onlySecond: number;
  /** min(1, 2 P(K <= min(b, c))), K binomial with b + c draws of 1/2: never too small. */
  readonly exactP: number;
  /** The exact one less P(K = min(b, c)): nearer to the stated level where rows are few (Fagerland et al. 2013). */
  readonly midP: number;
  /** (b - c)^2 / (b + c), and its probability; null where no row differs. */
  readonly chi2: number | null;
  readonly chi2P: number | null;
  /** (|b - c| - 1)^2 / (b + c), 0 where b = c, and its probability; null where no row differs. */
  readonly chi2Corrected: number | null;
  readonly chi2CorrectedP: number | null;
}

/**
 * McNemar's test of two models on the same rows. `b`: number of rows that only the first gets right; `c`: that only the second
 * does. Throws RangeError unless both are whole numbers from 0.
 */
export function mcnemar(b: number, c: number): McNemarTest {
  checkCount('b', b);
  checkCount('c', c);
  const differing = b + c;
  const { below, at } = lowerTail(Math.min(b, c), differing);
  const exactP = Math.min(1, 2 * (below + at));
  const midP = Math.min(1, 2 * below + at);
  const tests = { onlyFirst: b, onlySecond: c, exactP, midP };
  if (differing === 0) {
    return { ...tests, chi2: null, chi2P: null, chi2Corrected: null, chi2CorrectedP: null };
  }
  const chi2 = (b - c) ** 2 / differing;
  const chi2Corrected = Math.max(Math.abs(b - c) - 1, 0) ** 2 / differing;
  const tail = (value: number): number => Math.min(1, 2 * upperTail(Math.sqrt(value)));
  const [chi2P, chi2CorrectedP] = [tail(chi2), tail(chi2Corrected)];
  return { ...tests, chi2, chi2P, chi2Corrected, chi2CorrectedP };
}

/** P(K < k) and P(K = k) of K, binomial with n draws of 1/2; k is at most n / 2. */
function lowerTail(k: number, n: number): { below: number; at: number } {
  let log = -n * Math.LN2;
  for (let i = 1; i <= k; i++) log += Math.log((n - k + i) / i);
  const at = Math.exp(log);
  let [below, term] = [0, at];
  for (let i = k; i > 0 && term > 0; i--) {
    term *= i / (n - i + 1);
    below += term;
  }
  return { below, at };
}

/** What `resolvableDrop` and `rowsToResolve` look at. */
export interface PairedDesign {
  /** Share of the rows on which one model is right and the other is wrong, 0 to 1: (b + c) / rows. */
  readonly disagreement: number;
  /** Of the two-sided interval, above 0 and below 1. Default: 0.95. */
  readonly confidence?: number;
  /**
   * Probability with which a true difference of this size is found, from 0.5 and below 1. Default: 0.5, so a measured
   * difference of this size is just clear of 0. Planning usually asks for 0.8.
   */
  readonly power?: number;
}

/**
 * The smallest difference of two accuracies that so many paired rows can show, as a share from 0 to 1; Infinity where they can
 * show none. It is the d for which Connor's sample size (Biometrics 43, 1987; after Miettinen 1968) is `rows`:
 *
 *     rows = (z1 sqrt(D) + z2 sqrt(D - d^2))^2 / d^2
 *
 * with D the disagreement, z1 the quantile of the two-sided confidence and z2 that of the power; z2 is 0 for a power of 0.5,
 * so that d = z1 sqrt(D / rows). Where hardly any row differs the approximation promises too much: d is at least k / rows, k
 * the number of rows that must all differ in one direction before McNemar's exact test rejects (2 * 2^-k <= 1 - confidence; 6
 * at 95 %).
 */
export function resolvableDrop(rows: number, design: PairedDesign): number {
  checkCount('rows', rows);
  const { least } = checkDesign(design);
  if (rows < least) return Number.POSITIVE_INFINITY;
  // The number of rows that is needed falls as the drop grows, so bisection finds where it is `rows`.
  let [low, high] = [0, 1];
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (rowsNeeded(middle, design) > rows) low = middle;
    else high = middle;
  }
  return Math.max(high, least / rows);
}

/** The number of paired rows that show a difference of `drop` (above 0, at most 1): the inverse of `resolvableDrop`. */
export function rowsToResolve(drop: number, design: PairedDesign): number {
  if (!(drop > 0 && drop <= 1)) throw rangeMistake('drop', 'a number above 0, at most 1', drop);
  const { least } = checkDesign(design);
  return Math.ceil(Math.max(rowsNeeded(drop, design), least / drop) - 1e-9);
}

function rowsNeeded(drop: number, design: PairedDesign): number {
  const { confidence = 0.95, power = 0.5 } = design;
  // A difference of d needs a disagreement of d at least.
  const disagreement = Math.max(design.disagreement, drop);
  const first = upperQuantile((1 - confidence) / 2) * Math.sqrt(disagreement);
  const second = power === 0.5 ? 0 : upperQuantile(1 - power) * Math.sqrt(disagreement - drop ** 2);
  return ((first + second) / drop) ** 2;
}

/** The least number of rows that can differ and show something. */
function checkDesign({ disagreement, confidence = 0.95, power = 0.5 }: PairedDesign) {
  if (!(disagreement >= 0 && disagreement <= 1)) {
    throw rangeMistake('disagreement', 'a number from 0 to 1', disagreement);
  }
  checkConfidence(confidence);
  if (!(power >= 0.5 && power < 1)) throw rangeMistake('power', 'from 0.5, below 1', power);
  return { least: Math.ceil(1 - Math.log2(1 - confidence) - 1e-9) };
}

function checkCount(where: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 0) return;
  throw rangeMistake(where, 'a whole number from 0', value);
}
