/** The scores of all labels as numbers, for programs that show them their own way. */

import type { ClassificationProblem } from '../graph/checkpoint.js';
import { sigmoid, softmax } from '../metrics/logits.js';

/** Scores of a classifier for one text, in the order of its labels. */
export interface ClassScores {
  /** The scores before softmax or sigmoid; `calibrate` is in them. */
  readonly logits: Float32Array;
  /**
   * Probabilities, as the scores of `predict`: by softmax for one label a text, by sigmoid for several (or a head of one label).
   * Of numbers: the numbers.
   */
  readonly scores: Float32Array;
  /** Whether the text exceeded the limit and was truncated. */
  readonly truncated: boolean;
}

/** The scores of a row of logits, which is a view. */
export function classScores(
  problem: ClassificationProblem,
  row: Float32Array,
  truncated: boolean,
): ClassScores {
  const logits = row.slice();
  if (problem === 'regression') return { logits, scores: row.slice(), truncated };
  const isSoftmax = problem === 'single_label_classification' && row.length > 1;
  const scores = isSoftmax ? Float32Array.from(softmax(row)) : row.map(sigmoid);
  return { logits, scores, truncated };
}
