/**
 * Rows whose label looks wrong, by confident learning (Northcutt, Jiang and Chuang 2021, "Confident Learning: Estimating
 * Uncertainty in Dataset Labels").
 *
 * The rule: probabilities are of models that were not trained on the row, else every label looks right.
 */
import { rangeMistake } from '../core/errors.js';

/** A row that looks as if it had another label. */
export interface LabelIssue<L extends string = string> {
  /** Index of the row. */
  readonly index: number;
  /** The label that the row has, and its probability. */
  readonly label: L;
  readonly probability: number;
  /** The label that it looks like, and its probability. */
  readonly suggested: L;
  readonly score: number;
}

/**
 * The rows off the diagonal of the confident joint. The limit of a label is the mean probability that rows with this label got
 * for it; a row is counted for the most probable label of those whose limit it reaches, and looks wrong if that is not its own.
 * `scores`: out-of-fold probabilities of every label for each row, as `crossValidate` has them in `predictions`. The rows with
 * the largest difference of the two probabilities come first. Throws RangeError unless both lists are as long.
 */
export function labelIssues<L extends string>(
  labels: readonly L[],
  scores: readonly Readonly<Record<L, number>>[],
): LabelIssue<L>[] {
  if (scores.length !== labels.length)
    throw rangeMistake('scores', `as long as labels (${labels.length})`, scores.length);
  const limits = limitsOf(labels, scores);
  const issues = labels.flatMap((label, index): LabelIssue<L>[] => {
    const own = scores[index] as Readonly<Record<L, number>>;
    let suggested: L | undefined;
    for (const [other, limit] of limits) {
      if (!(own[other] >= limit)) continue;
      if (suggested === undefined || own[other] > own[suggested]) suggested = other;
    }
    if (suggested === undefined || suggested === label) return [];
    return [{ index, label, probability: own[label], suggested, score: own[suggested] }];
  });
  const margin = ({ score, probability }: LabelIssue<L>) => score - probability;
  return issues.sort((a, b) => margin(b) - margin(a) || a.index - b.index);
}

/** The mean probability that rows of each label got for it. */
function limitsOf<L extends string>(
  labels: readonly L[],
  scores: readonly Readonly<Record<L, number>>[],
): Map<L, number> {
  const sums = new Map<L, { sum: number; count: number }>();
  for (const [i, label] of labels.entries()) {
    const probability = scores[i]?.[label];
    if (!(probability !== undefined && probability >= 0 && probability <= 1))
      throw rangeMistake(
        `scores[${i}][${JSON.stringify(label)}]`,
        'a number from 0 to 1',
        probability,
      );
    const one = sums.get(label) ?? { sum: 0, count: 0 };
    sums.set(label, { sum: one.sum + probability, count: one.count + 1 });
  }
  return new Map([...sums].map(([label, { sum, count }]) => [label, sum / count]));
}
