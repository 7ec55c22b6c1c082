/**
 * What a model answers on held-out rows, in the form that the gate compares: a score of any sample of the rows, and where there are
 * some, which rows are right, the classes and the probabilities.
 *
 * The rule: two outcomes can be compared only on the same rows in the same order; a larger score is better.
 */

import { rangeMistake } from '../core/errors.js';
import { f1Of, meanOf, type SampleScore, spearmanOf } from '../metrics/index.js';

/** Classes by their numbers: `names[truth[row]]` is the label of a row. */
export interface OutcomeClasses {
  readonly names: readonly string[];
  /** Class number of each row. */
  readonly truth: Int32Array;
  readonly predicted: Int32Array;
}

export interface Outcome {
  /** "accuracy", "macro F1", "spearman", "ndcg@10", "exact match" ... A score from -1 to 1. */
  readonly metric: string;
  readonly higherIsBetter: true;
  /** Number of held-out rows (queries, for rankings). */
  readonly rows: number;
  /** The score of a sample of row numbers, which may repeat; of all rows where it is left out. */
  readonly scoreOf: (sample?: Int32Array) => number;
  /** 1 where a row is right, 0 where it is wrong; for metrics that have right and wrong rows. */
  readonly right?: Uint8Array;
  readonly classes?: OutcomeClasses;
  /** For each row the probability of the label that was given, 0 to 1. */
  readonly probabilities?: ArrayLike<number>;
}

/** The outcome of a metric that is any score of a sample. Throws RangeError for no rows. */
function outcomeOf(
  metric: string,
  rows: number,
  score: SampleScore,
  more: Pick<Outcome, 'right' | 'classes' | 'probabilities'> = {},
): Outcome {
  if (rows === 0) throw rangeMistake('rows', 'one row or more', rows);
  const all = Int32Array.from({ length: rows }, (_, row) => row);
  return { metric, higherIsBetter: true, rows, scoreOf: (sample = all) => score(sample), ...more };
}

/** A classifier's outcome. `metric`: the share of right rows (default), or F1 over classes. */
export function classificationOutcome(
  classes: OutcomeClasses,
  options: {
    readonly metric?: 'accuracy' | 'macro F1' | 'weighted F1';
    readonly probabilities?: ArrayLike<number>;
  } = {},
): Outcome {
  const { metric = 'accuracy', probabilities } = options;
  const { truth, predicted, names } = classes;
  const right = Uint8Array.from(truth, (label, row) => Number(label === predicted[row]));
  const average = metric === 'weighted F1' ? 'weighted' : 'macro';
  const score =
    metric === 'accuracy' ? meanOf(right) : f1Of(truth, predicted, names.length, average);
  return outcomeOf(metric, truth.length, score, {
    ...{ right, classes },
    ...(probabilities !== undefined && { probabilities }),
  });
}

/** Spearman's correlation of predicted and true numbers. */
export function spearmanOutcome(predicted: ArrayLike<number>, truth: ArrayLike<number>): Outcome {
  return outcomeOf('spearman', truth.length, spearmanOf(predicted, truth));
}

/** The mean of one number per row, such as NDCG of a query. Numbers that are all 0 or 1 count as wrong and right. */
export function meanOutcome(metric: string, values: ArrayLike<number>): Outcome {
  const isRight = Array.from(values).every((value) => value === 0 || value === 1);
  const right = isRight ? { right: Uint8Array.from(values) } : {};
  return outcomeOf(metric, values.length, meanOf(values), right);
}
