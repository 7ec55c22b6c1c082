/**
 * The kinds of models that the command line trains, evaluates and loads: a row for each, by its name for `--task`.
 *
 * A folder is of the first kind that fits its task, problem and labels.
 */

import type { ClassificationProblem } from '../graph/checkpoint.js';
import type { Task } from '../graph/tasks.js';
import type { FolderTask } from '../tasks/folder-task.js';
import { Classifier } from './classifier.js';
import { CrossEncoder } from './cross-encoder.js';
import { type KindPredictor, PREDICTORS } from './kind-predictions.js';
import { MaskedLM } from './masked-lm.js';
import { QuestionAnswerer } from './question-answerer.js';
import { TokenClassifier } from './token-classifier.js';

/** Form of the rows that a kind is trained on. */
export type RowForm =
  /** One label for each text. */
  | 'label'
  /** A list of labels for each text, or of tags for its words. */
  | 'labels'
  | 'tags'
  /** A number for each text. */
  | 'value'
  /** Two texts with a number, or a query with documents. */
  | 'reranking'
  /** Objects with question, context and answers. */
  | 'answers'
  /** Texts alone. */
  | 'text';

export interface KindRow<Model> {
  readonly task: Task;
  /** null except for classification. */
  readonly problem: ClassificationProblem | null;
  readonly rows: RowForm;
  readonly predictor: KindPredictor<Model>;
  load(path: string, options: object): Promise<Model>;
}

/** If several rows fit a folder, the first one counts. A cross-encoder and a regression differ only in `scorer`. */
export const KINDS = {
  'multi-label': {
    task: 'classification',
    problem: 'multi_label_classification',
    rows: 'labels',
    predictor: PREDICTORS.labels,
    load: (path, options) =>
      Classifier.load(path, { ...options, problem: 'multi_label_classification' }),
  },
  pairs: {
    task: 'classification',
    problem: null,
    rows: 'reranking',
    predictor: PREDICTORS.score,
    load: (path, options) => CrossEncoder.load(path, options),
  },
  regression: {
    task: 'classification',
    problem: 'regression',
    rows: 'value',
    predictor: PREDICTORS.value,
    load: (path, options) => Classifier.load(path, { ...options, problem: 'regression' }),
  },
  classification: {
    task: 'classification',
    problem: 'single_label_classification',
    rows: 'label',
    predictor: PREDICTORS.label,
    load: (path, options) => Classifier.load(path, options),
  },
  tags: {
    task: 'token-classification',
    problem: null,
    rows: 'tags',
    predictor: PREDICTORS.tags,
    load: (path, options) => TokenClassifier.load(path, options),
  },
  answers: {
    task: 'question-answering',
    problem: null,
    rows: 'answers',
    predictor: PREDICTORS.answers,
    load: (path, options) => QuestionAnswerer.load(path, options),
  },
  'masked-lm': {
    task: 'masked-lm',
    problem: null,
    rows: 'text',
    predictor: PREDICTORS.text,
    load: (path, options) => MaskedLM.load(path, options),
  },
} as const satisfies Readonly<Record<string, KindRow<AsyncDisposable>>>;

export type Kind = keyof typeof KINDS;

export const KIND_NAMES = Object.keys(KINDS) as readonly Kind[];

/** A model of any of these kinds. */
export type KindModel = Awaited<ReturnType<(typeof KINDS)[Kind]['load']>>;

/** The kind of model in a folder; null for an encoder. */
export function kindOf({ task, problem, scorer }: FolderTask): Kind | null {
  const found = KIND_NAMES.find((kind) => {
    const row = KINDS[kind];
    return row.task === task && (kind === 'pairs' ? scorer : row.problem === problem);
  });
  return found ?? null;
}
