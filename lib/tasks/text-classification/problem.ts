/**
 * What a classification problem knows: the rows it learns from, its loss, and what its logits mean.
 *
 * A table of functions; the classifier itself is the same for all.
 */

import type { Matrix } from '../../core/matrix.js';
import type { TextTarget } from '../../train/collect-rows.js';
import type { Objective } from '../../train/objectives.js';
import type { TargetNumbers } from '../../train/targets.js';

export interface PredictionSettings {
  /** Probability from which a label of several counts. */
  readonly threshold: number;
  /** Whether the text was cut. */
  readonly truncated: boolean;
  /** Labels to name in order of their probability; undefined: none are. */
  readonly topK?: number | undefined;
}

/** `P`: of one text; `E`: of labelled rows; `S`: what of it a training report keeps. */
export interface Problem<P, E, S> {
  /** Numbers per text, and whether they are class numbers. */
  readonly target: { readonly width: number; readonly kind: 'classes' | 'numbers' };
  readonly objective: Objective;
  /** Checks a row; `at` is what it is called in messages. */
  parse(at: string, row: unknown): TextTarget;
  prediction(logits: Float32Array, settings: PredictionSettings): P;
  /** `targets` are those of the rows of `logits`. */
  evaluate(logits: Matrix, targets: TargetNumbers): E;
  scores(evaluation: E): S;
}
