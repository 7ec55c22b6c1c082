/** The options of a text classifier's calls, and the types that they change. */

import type { BatchOptions } from '../batching/batch-options.js';
import type { HeadLoadOptions } from '../checkpoint/load-options.js';
import type { ClassificationProblem } from '../graph/checkpoint.js';
import {
  type AdapterOption,
  PREDICT_OPTIONS,
  type PredictOptions,
} from '../runtime/predict-options.js';
import { WINDOWED_OPTIONS, type WindowedOptions } from '../runtime/windowed-logits.js';
import type { ClassifierLossOptions } from '../tasks/text-classification/loss-options.js';
import type { RowOf, ScoresOf } from '../tasks/text-classification/problems.js';
import type { ClassifierDistillation } from './classifier-distillation.js';
import type { EvaluateOptions, ModelTrainOptions } from './trainable-model.js';

export interface ClassifierLoadOptions<
  L extends string = string,
  K extends ClassificationProblem = 'single_label_classification',
> extends HeadLoadOptions {
  /**
   * Names for the classes of the folder's trained head, as many as it has, in the order of its logits; its weights stay. A
   * folder without a head gets a new, untrained one with these labels.
   */
  readonly labels?: readonly L[];
  /**
   * The kind of problem: one label per text (default), any number of labels, or numbers. It applies if config.json states
   * none. A trained head of another kind by config.json throws UNSUPPORTED_MODEL.
   */
  readonly problem?: K;
}

export interface ClassifyOptions extends PredictOptions, WindowedOptions {
  /**
   * Several labels: the probability from which a label counts, one number or one by label; a label that is not named has the
   * default. Default: what `fitThresholds` found, else 0.5.
   */
  readonly threshold?: number | Readonly<Record<string, number>>;
  /** One label: a prediction with a lower probability is rejected, its `label` is null. Default: 0, none is. */
  readonly minScore?: number;
  /** One or several labels: adds `top`, that many labels with the highest probabilities, best first. Default: no such field. */
  readonly topK?: number;
}

/** Names of the options: thresholds are for several labels, `topK` is not for numbers, which have no order of labels. */
export function classifyOptions(problem: ClassificationProblem) {
  const known = {
    ...PREDICT_OPTIONS,
    ...WINDOWED_OPTIONS,
    ...(problem !== 'regression' && { topK: true }),
    ...(problem === 'multi_label_classification' && { threshold: true }),
    ...(problem === 'single_label_classification' && { minScore: true }),
  };
  return known as typeof known & Readonly<Record<'threshold' | 'topK' | 'minScore', true>>;
}

/** A prediction where `minScore` was given: a rejected one has no label. */
export type Rejectable<P> = P extends { readonly label: infer L }
  ? Omit<P, 'label'> & { readonly label: L | null }
  : P;

/** Options of `logits`. */
export type LogitsOptions = PredictOptions & WindowedOptions;

/** Options of `batch` of a classifier. */
export type ClassifierBatchOptions = BatchOptions &
  WindowedOptions &
  AdapterOption & {
    /** `scores`: logits and scores as numbers, in the order of the labels. Default: `predictions`, as `predict` gives them. */
    readonly output?: 'predictions' | 'scores';
  };

/** Options of `evaluate` of a classifier. */
export type ClassifierEvaluateOptions = EvaluateOptions & WindowedOptions & AdapterOption;

/** Added to the evaluation of rows. */
export interface Truncated {
  /** Number of rows that exceeded the length limit and were truncated. */
  readonly truncated: number;
}

/** Options of `train` of a classifier, with the rows and scores of its kind of problem. */
export type ClassifierTrainOptions<
  K extends ClassificationProblem = 'single_label_classification',
> = ModelTrainOptions<RowOf<K>, ScoresOf<K>> &
  ClassifierLossOptions<K> & {
    /** What is learned from a teacher: logits, hidden states, relations. In place of `teacher`, `alpha` and `temperature`. */
    readonly distillation?: ClassifierDistillation;
  };
