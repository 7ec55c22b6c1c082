/**
 * Correlations of two columns of numbers: Pearson, Spearman (average ranks) and Kendall's tau-b.
 *
 * The rule: a constant column has no correlation: the result is NaN, never 0 and never an error.
 */
import { rangeMistake } from '../core/errors.js';
import { checkColumns } from './labels.js';
import type { Numbers } from './regression.js';

function checkPairs(a: Numbers, b: Numbers): void {
  checkColumns(a, b);
  if (a.length < 2) throw rangeMistake('truth', 'at least two values', a.length);
}

const isConstant = (values: Numbers): boolean => {
  for (let i = 1; i < values.length; i++) if (values[i] !== values[0]) return false;
  return true;
};

/** Pearson's product-moment correlation, -1 to 1. */
export function pearson(a: Numbers, b: Numbers): number {
  checkPairs(a, b);
  if (isConstant(a) || isConstant(b)) return Number.NaN;
  const centred = (values: Numbers): number[] => {
    const list = Array.from(values);
    const mean = list.reduce((x, y) => x + y, 0) / list.length;
    const shifted = list.map((value) => value - mean);
    const norm = Math.sqrt(shifted.reduce((sum, value) => sum + value * value, 0));
    return shifted.map((value) => value / norm);
  };
  const x = centred(a);
  const y = centred(b);
  const dot = x.reduce((sum, value, i) => sum + value * (y[i] ?? 0), 0);
  return Math.max(-1, Math.min(1, dot));
}

/** Ranks from 1; equal values share the mean of their ranks. */
export function averageRanks(values: Numbers): Float64Array {
  const order = Array.from({ length: values.length }, (_, i) => i);
  order.sort((i, j) => (values[i] ?? 0) - (values[j] ?? 0));
  const ranks = new Float64Array(values.length);
  let start = 0;
  while (start < order.length) {
    let end = start + 1;
    while (end < order.length && values[order[end] ?? 0] === values[order[start] ?? 0]) end += 1;
    for (let k = start; k < end; k++) ranks[order[k] ?? 0] = (start + end + 1) / 2;
    start = end;
  }
  return ranks;
}

/** Spearman's rank correlation: Pearson of the average ranks. NaN in a column gives NaN. */
export function spearman(a: Numbers, b: Numbers): number {
  checkPairs(a, b);
  if (Array.from(a).some(Number.isNaN) || Array.from(b).some(Number.isNaN)) return Number.NaN;
  return pearson(averageRanks(a), averageRanks(b));
}

/** Number of tied pairs within runs of equal keys: sum of t (t - 1) / 2. */
function tiedPairs(keys: readonly number[], same: (i: number, j: number) => boolean): number {
  let pairs = 0;
  let start = 0;
  for (let end = 1; end <= keys.length; end++) {
    if (end < keys.length && same(keys[end] ?? 0, keys[start] ?? 0)) continue;
    pairs += ((end - start) * (end - start - 1)) / 2;
    start = end;
  }
  return pairs;
}

/** Number of pairs of values in the wrong order, counted by a merge sort. Overwrites `values`. */
function countInversions(values: Float64Array<ArrayBuffer>): number {
  let source = values;
  let target = new Float64Array(values.length);
  let inversions = 0;
  for (let width = 1; width < values.length; width *= 2) {
    for (let low = 0; low < values.length; low += 2 * width) {
      const middle = Math.min(low + width, values.length);
      const high = Math.min(low + 2 * width, values.length);
      let i = low;
      let j = middle;
      for (let k = low; k < high; k++) {
        if (j >= high || (i < middle && (source[i] ?? 0) <= (source[j] ?? 0))) {
          target[k] = source[i++] ?? 0;
        } else {
          target[k] = source[j++] ?? 0;
          inversions += middle - i;
        }
      }
    }
    [source, target] = [target, source];
  }
  return inversions;
}

/** Kendall's tau-b, which corrects for ties, in n log n steps (Knight's method). NaN values give NaN. */
export function kendallTauB(a: Numbers, b: Numbers): number {
  checkPairs(a, b);
  const x = Float64Array.from(a);
  const y = Float64Array.from(b);
  if (x.some(Number.isNaN) || y.some(Number.isNaN)) return Number.NaN;
  const at = (values: Float64Array, i: number): number => values[i] ?? 0;
  const order = Array.from(x.keys());
  order.sort((i, j) => at(x, i) - at(x, j) || at(y, i) - at(y, j));
  const sameX = (i: number, j: number): boolean => x[i] === x[j];
  const sameY = (i: number, j: number): boolean => y[i] === y[j];
  const tiedX = tiedPairs(order, sameX);
  const tiedBoth = tiedPairs(order, (i, j) => sameX(i, j) && sameY(i, j));
  const discordant = countInversions(Float64Array.from(order, (i) => at(y, i)));
  const byY = Array.from(y.keys()).sort((i, j) => at(y, i) - at(y, j));
  const tiedY = tiedPairs(byY, sameY);
  const pairs = (x.length * (x.length - 1)) / 2;
  if (tiedX === pairs || tiedY === pairs) return Number.NaN;
  const difference = pairs - tiedX - tiedY + tiedBoth - 2 * discordant;
  return difference / Math.sqrt(pairs - tiedX) / Math.sqrt(pairs - tiedY);
}
