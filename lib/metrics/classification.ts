/**
 * Scores for single-label classification: accuracy, precision, recall and F1 per label and averaged.
 *
 * The rule: the values are those of scikit-learn, also for labels that never occur.
 */
import {
  type Average,
  averageScores,
  type Counts,
  checkZeroDivision,
  type Scores,
  scoresOf,
} from './counts.js';
import { checkColumns, type Label, labelIndex, sortedLabels } from './labels.js';

export interface LabelScoreOptions<L extends Label> {
  /** The labels to score, in this order. Default: every label that occurs in either column, sorted. */
  readonly labels?: readonly L[];
  /** Value of a ratio 0/0: 0 (default), 1 or NaN (left out of averages). */
  readonly zeroDivision?: number;
}

/** The scores of one label. `support` is the number of rows for which it is the truth. */
export interface LabelScores<L extends Label> extends Scores {
  readonly label: L;
  readonly support: number;
}

/** Share of rows whose prediction equals the truth, 0 to 1. RangeError when empty or of unequal length. */
export function accuracy<L extends Label>(truth: readonly L[], predicted: readonly L[]): number {
  checkColumns(truth, predicted);
  let right = 0;
  truth.forEach((label, row) => {
    if (label === predicted[row]) right += 1;
  });
  return right / truth.length;
}

/**
 * Counts per label, in the order of `labels`. Rows with an unlisted label in one column still count as errors of the listed
 * label in the other.
 */
export function countLabels<L extends Label>(
  truth: readonly L[],
  predicted: readonly L[],
  labels: readonly L[],
): Counts[] {
  checkColumns(truth, predicted);
  const index = labelIndex(labels);
  const counts: Counts[] = labels.map(() => ({ truePositive: 0, predicted: 0, actual: 0 }));
  const at = (label: L | undefined): Counts | undefined =>
    label === undefined ? undefined : counts[index.get(label) ?? -1];
  truth.forEach((label, row) => {
    const actual = at(label);
    const guess = at(predicted[row]);
    if (actual) actual.actual += 1;
    if (guess) guess.predicted += 1;
    if (guess && guess === actual) guess.truePositive += 1;
  });
  return counts;
}

/** Precision, recall, F1 and support of every label. */
export function scoresPerLabel<L extends Label>(
  truth: readonly L[],
  predicted: readonly L[],
  options: LabelScoreOptions<L> = {},
): LabelScores<L>[] {
  const { zeroDivision = 0, labels = sortedLabels(truth, predicted) } = options;
  checkZeroDivision(zeroDivision);
  const counts = countLabels(truth, predicted, labels);
  const scored: LabelScores<L>[] = [];
  counts.forEach((one, i) => {
    const label = labels[i];
    if (label === undefined) return;
    scored.push({ label, ...scoresOf(one, zeroDivision), support: one.actual });
  });
  return scored;
}

/** Precision, recall and F1 averaged over labels. */
export function averagedScores<L extends Label>(
  truth: readonly L[],
  predicted: readonly L[],
  average: Average,
  options: LabelScoreOptions<L> = {},
): Scores {
  const { zeroDivision = 0, labels = sortedLabels(truth, predicted) } = options;
  checkZeroDivision(zeroDivision);
  return averageScores(countLabels(truth, predicted, labels), average, zeroDivision);
}

/** Precision, recall and F1 of one label against all others. */
export function binaryScores<L extends Label>(
  truth: readonly L[],
  predicted: readonly L[],
  positive: L,
  options: { readonly zeroDivision?: number } = {},
): Scores {
  const { zeroDivision = 0 } = options;
  checkZeroDivision(zeroDivision);
  const [counts] = countLabels(truth, predicted, [positive]);
  return scoresOf(counts ?? { truePositive: 0, predicted: 0, actual: 0 }, zeroDivision);
}
