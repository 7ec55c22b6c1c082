/** The table of classification problems, and the types of each. */

import type { FileRow } from '../../data/types.js';
import type { ClassificationProblem } from '../../graph/checkpoint.js';
import type { EvalScores } from '../../train/train-report.js';
import {
  type MultiLabelEvaluation,
  type MultiLabelPrediction,
  type MultiLabelRow,
  type MultiLabelScores,
  multiLabel,
} from './multi-label.js';
import type { Problem } from './problem.js';
import {
  regression,
  type ValueEvaluation,
  type ValuePrediction,
  type ValueRow,
  type ValueScores,
} from './regression.js';
import { type Evaluation, type LabelledRow, type Prediction, singleLabel } from './single-label.js';

/** Types of a problem: a training row, the prediction for a text, the evaluation of rows, and the scores in a training report. */
export interface ProblemTypes<L extends string> {
  readonly single_label_classification: {
    readonly row: LabelledRow | FileRow;
    readonly prediction: Prediction<L>;
    readonly evaluation: Evaluation<L>;
    readonly scores: EvalScores;
  };
  readonly multi_label_classification: {
    readonly row: MultiLabelRow;
    readonly prediction: MultiLabelPrediction<L>;
    readonly evaluation: MultiLabelEvaluation<L>;
    readonly scores: MultiLabelScores;
  };
  readonly regression: {
    readonly row: ValueRow;
    readonly prediction: ValuePrediction;
    readonly evaluation: ValueEvaluation;
    readonly scores: ValueScores;
  };
}

/** What a classifier learns from and is measured on. */
export type RowOf<K extends ClassificationProblem> = ProblemTypes<string>[K]['row'];
/** What a classifier predicts for a text. */
export type PredictionOf<
  L extends string,
  K extends ClassificationProblem,
> = ProblemTypes<L>[K]['prediction'];
/** What `evaluate` of a classifier gives. */
export type EvaluationOf<
  L extends string,
  K extends ClassificationProblem,
> = ProblemTypes<L>[K]['evaluation'];
/** Scores in the report of a training. */
export type ScoresOf<K extends ClassificationProblem> = ProblemTypes<string>[K]['scores'];

/** @internal */
export type ProblemOf<L extends string, K extends ClassificationProblem> = Problem<
  PredictionOf<L, K>,
  EvaluationOf<L, K>,
  ScoresOf<K>
>;

/** @internal The problem of kind `kind` with these labels. */
export function problemOf<L extends string, K extends ClassificationProblem>(
  kind: K,
  labels: readonly L[],
): ProblemOf<L, K> {
  const made =
    kind === 'regression'
      ? regression(labels.length)
      : kind === 'multi_label_classification'
        ? multiLabel(labels)
        : singleLabel(labels);
  return made as unknown as ProblemOf<L, K>;
}
