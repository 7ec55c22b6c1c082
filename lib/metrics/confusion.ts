/**
 * The confusion matrix and the agreement scores that follow from it.
 *
 * The rule: rows are the true labels, columns the predicted ones, both in the order of `labels`.
 */
import { rangeMistake } from '../core/errors.js';
import { checkColumns, type Label, labelIndex, sortedLabels } from './labels.js';

/** Divisor of the counts: `true` is the row's sum, `pred` the column's, `all` the total; an empty sum gives 0. */
export type Normalize = 'true' | 'pred' | 'all';

export interface ConfusionMatrix<L extends Label> {
  readonly labels: readonly L[];
  /** values[i][j]: number of rows (or their share) with truth labels[i] and prediction labels[j]. */
  readonly values: readonly (readonly number[])[];
}

/** Two labels that are mistaken for each other, in one direction. */
export interface Confusion<L extends Label> {
  readonly truth: L;
  readonly predicted: L;
  readonly count: number;
  /** count / rows with this truth. */
  readonly share: number;
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const columnSums = (values: readonly (readonly number[])[]): number[] =>
  values.map((_, j) => sum(values.map((row) => row[j] ?? 0)));

/** Counts pairs of true and predicted labels; rows with a label outside `labels` are left out. */
export function confusionMatrix<L extends Label>(
  truth: readonly L[],
  predicted: readonly L[],
  options: { readonly labels?: readonly L[]; readonly normalize?: Normalize } = {},
): ConfusionMatrix<L> {
  checkColumns(truth, predicted);
  const labels = options.labels ?? sortedLabels(truth, predicted);
  const index = labelIndex(labels);
  const counts = labels.map(() => new Array<number>(labels.length).fill(0));
  truth.forEach((label, row) => {
    const guess = predicted[row];
    const line = counts[index.get(label) ?? -1];
    const j = guess === undefined ? undefined : index.get(guess);
    if (line && j !== undefined) line[j] = (line[j] ?? 0) + 1;
  });
  return { labels, values: options.normalize ? normalized(counts, options.normalize) : counts };
}

function normalized(counts: readonly number[][], normalize: Normalize): number[][] {
  const columns = columnSums(counts);
  const total = sum(columns);
  return counts.map((row) => {
    const rowSum = sum(row);
    return row.map((value, j) => {
      const by = normalize === 'true' ? rowSum : normalize === 'pred' ? (columns[j] ?? 0) : total;
      return by === 0 ? 0 : value / by;
    });
  });
}

/** The most frequent mistakes, most frequent first (ties: by the order of the labels). Counts, not shares. */
export function topConfusions<L extends Label>(
  matrix: ConfusionMatrix<L>,
  limit = Number.POSITIVE_INFINITY,
): Confusion<L>[] {
  if (!(limit >= 0)) throw rangeMistake('limit', '0 or more', limit);
  const found: Confusion<L>[] = [];
  matrix.values.forEach((row, i) => {
    const support = sum(row);
    row.forEach((count, j) => {
      const truth = matrix.labels[i];
      const predicted = matrix.labels[j];
      if (i === j || count === 0 || truth === undefined || predicted === undefined) return;
      found.push({ truth, predicted, count, share: count / support });
    });
  });
  return found.sort((a, b) => b.count - a.count).slice(0, limit);
}

/** Mean of the recalls of the labels that occur in the truth, 0 to 1. */
export function balancedAccuracy<L extends Label>(
  truth: readonly L[],
  predicted: readonly L[],
): number {
  const { values } = confusionMatrix(truth, predicted);
  const recalls: number[] = [];
  values.forEach((row, i) => {
    const support = sum(row);
    if (support > 0) recalls.push((row[i] ?? 0) / support);
  });
  return sum(recalls) / recalls.length;
}

/** Matthews' correlation, -1 to 1; 0 if a column has only one class. */
export function matthewsCorrelation<L extends Label>(
  truth: readonly L[],
  predicted: readonly L[],
): number {
  const { values } = confusionMatrix(truth, predicted);
  const rows = values.map(sum);
  const columns = columnSums(values);
  const total = sum(rows);
  const right = sum(values.map((row, i) => row[i] ?? 0));
  const dot = (a: readonly number[], b: readonly number[]) => sum(a.map((x, i) => x * (b[i] ?? 0)));
  const covariance = right * total - dot(rows, columns);
  const scale = (total * total - dot(rows, rows)) * (total * total - dot(columns, columns));
  return scale === 0 ? 0 : covariance / Math.sqrt(scale);
}

/**
 * Cohen's kappa: agreement beyond chance, up to 1; NaN if both columns hold the same single class. With weights, a mistake
 * counts by the distance of the labels in their sorted order (or its square).
 */
export function cohenKappa<L extends Label>(
  truth: readonly L[],
  predicted: readonly L[],
  options: { readonly weights?: 'linear' | 'quadratic' } = {},
): number {
  const { values } = confusionMatrix(truth, predicted);
  const rows = values.map(sum);
  const columns = columnSums(values);
  const total = sum(rows);
  let observed = 0;
  let expected = 0;
  values.forEach((row, i) => {
    row.forEach((count, j) => {
      const distance = Math.abs(i - j);
      const weight =
        options.weights === 'quadratic'
          ? distance * distance
          : options.weights === 'linear'
            ? distance
            : Math.sign(distance);
      observed += weight * count;
      expected += (weight * ((rows[i] ?? 0) * (columns[j] ?? 0))) / total;
    });
  });
  return 1 - observed / expected;
}
