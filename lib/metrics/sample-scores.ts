/**
 * Scores of a resample in one pass over its rows: what is the same for every resample (ranks, classes) is prepared once.
 *
 * The rule: on all rows in their order the value is that of the plain metric, up to rounding; a resample costs O(rows).
 */
import { rangeMistake } from '../core/errors.js';
import type { SampleScore } from './paired-bootstrap.js';
import type { Numbers } from './regression.js';

/** The mean of a value per row: a share of right rows, NDCG of queries, F1 of answers. */
export function meanOf(values: Numbers): SampleScore {
  return (sample) => {
    let sum = 0;
    for (const row of sample) sum += values[row] ?? Number.NaN;
    return sum / sample.length;
  };
}

/**
 * F1 of class numbers from 0 to `classes` - 1; RangeError for others. The average is over the classes that the truth or the
 * predictions of the resample have, as scikit-learn takes it.
 */
export function f1Of(
  truth: Int32Array,
  predicted: Int32Array,
  classes: number,
  average: 'macro' | 'weighted' = 'macro',
): SampleScore {
  checkLengths(truth, predicted);
  for (const column of [truth, predicted]) {
    const wrong = column.find((one) => one < 0 || one >= classes);
    if (wrong !== undefined) throw rangeMistake('a class', `from 0 to ${classes - 1}`, wrong);
  }
  const counts = new Int32Array(3 * classes);
  const add = (at: number): void => {
    counts[at] = (counts[at] ?? 0) + 1;
  };
  return (sample) => {
    counts.fill(0);
    for (const row of sample) {
      const [is, said] = [truth[row] ?? 0, predicted[row] ?? 0];
      add(3 * is);
      add(3 * said + 1);
      if (is === said) add(3 * is + 2);
    }
    let [sum, occurring] = [0, 0];
    for (let one = 0; one < 3 * classes; one += 3) {
      const [actual, guessed, right] = [counts[one], counts[one + 1], counts[one + 2]] as const;
      const both = (actual ?? 0) + (guessed ?? 0);
      if (both === 0) continue;
      occurring++;
      const weight = average === 'macro' ? 1 : (actual ?? 0) / sample.length;
      sum += weight * ((2 * (right ?? 0)) / both);
    }
    return average === 'macro' ? sum / occurring : sum;
  };
}

/** Spearman's correlation of two columns; NaN where the resample has only one value in either. */
export function spearmanOf(a: Numbers, b: Numbers): SampleScore {
  checkLengths(a, b);
  const columns = [tieGroups(a), tieGroups(b)] as const;
  const ranks = columns.map(({ count }) => new Float64Array(count)) as [Float64Array, Float64Array];
  return (sample) => {
    columns.forEach(({ groups }, i) => {
      centredRanks(groups, sample, ranks[i] ?? new Float64Array());
    });
    let [product, first, second] = [0, 0, 0];
    for (const row of sample) {
      const x = ranks[0][columns[0].groups[row] ?? 0] ?? 0;
      const y = ranks[1][columns[1].groups[row] ?? 0] ?? 0;
      product += x * y;
      first += x * x;
      second += y * y;
    }
    const spread = Math.sqrt(first) * Math.sqrt(second);
    return spread === 0 ? Number.NaN : Math.max(-1, Math.min(1, product / spread));
  };
}

/** For each row the number of its value among the different values, in ascending order. */
function tieGroups(values: Numbers): { readonly groups: Int32Array; readonly count: number } {
  const order = Array.from({ length: values.length }, (_, i) => i);
  order.sort((i, j) => (values[i] ?? 0) - (values[j] ?? 0));
  const groups = new Int32Array(values.length);
  let count = 0;
  order.forEach((row, i) => {
    if (i > 0 && values[row] !== values[order[i - 1] ?? 0]) count++;
    groups[row] = count;
  });
  return { groups, count: count + 1 };
}

/** Writes for each group the mean rank of its rows in the sample, less the mean of all ranks. */
function centredRanks(groups: Int32Array, sample: Int32Array, ranks: Float64Array): void {
  ranks.fill(0);
  for (const row of sample) {
    const group = groups[row] ?? 0;
    ranks[group] = (ranks[group] ?? 0) + 1;
  }
  let below = 0;
  for (let group = 0; group < ranks.length; group++) {
    const count = ranks[group] ?? 0;
    ranks[group] = below + (count + 1) / 2 - (sample.length + 1) / 2;
    below += count;
  }
}

function checkLengths(a: ArrayLike<number>, b: ArrayLike<number>): void {
  if (a.length === b.length && a.length > 0) return;
  throw rangeMistake('predicted', `as many as there are rows (${a.length}), one or more`, b.length);
}
