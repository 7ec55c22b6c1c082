/**
 * The interface of a classification problem: the rows for training, the loss, and the meaning of the logits.
 *
 * It is a table of functions; the classifier is the same for all problems.
 */

import type { Matrix } from '../../core/matrix.js';
import type { TextTarget } from '../../train/collect-rows.js';
import type { Objective } from '../../train/objectives.js';
import type { TargetNumbers } from '../../train/targets.js';

export interface PredictionSettings {
  /** Probability from which each label of a multi-label text counts, in the order of the labels. */
  readonly thresholds: readonly number[];
  /** One label: the probability below which the label is null. Default: 0. */
  readonly minScore?: number | undefined;
  /** Whether the text was truncated. */
  readonly truncated: boolean;
  /** Labels to name in order of their probability; undefined: none are. */
  readonly topK?: number | undefined;
}

/** `P`: prediction for a text; `E`: evaluation on labelled rows; `S`: the scores that a training report keeps of it. */
export interface Problem<P, E, S> {
  /** Target numbers per text, and whether they are class indices. */
  readonly target: { readonly width: number; readonly kind: 'classes' | 'numbers' };
  readonly objective: Objective;
  /** Checks a row; `at` is its name in messages. */
  parse(at: string, row: unknown): TextTarget;
  prediction(logits: Float32Array, settings: PredictionSettings): P;
  /** `targets` belong to the rows of `logits`, in the same order; `thresholds` as in a prediction. */
  evaluate(logits: Matrix, targets: TargetNumbers, thresholds: readonly number[]): E;
  scores(evaluation: E): S;
  /** The labels in the target numbers of a row; left out where rows have no labels. */
  labelsOf?(target: ArrayLike<number>): readonly number[];
}
