/**
 * Cross-validation of classifiers: a new model for each fold is trained on the other folds and says what it makes of this one.
 */

import { throwIfAborted, typeMistake } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import { type FoldOptions, foldRows } from '../data/folds.js';
import type { ClassificationProblem } from '../graph/checkpoint.js';
import type {
  EvaluationOf,
  PredictionOf,
  RowOf,
  ScoresOf,
} from '../tasks/text-classification/problems.js';
import { textOf } from '../train/collect-rows.js';
import type { TrainReport } from '../train/train-report.js';
import type { Classifier } from './classifier.js';
import type { ClassifierTrainOptions, Truncated } from './classifier-options.js';

/** Options of `crossValidate`. */
export interface CrossValidateOptions<L extends string, K extends ClassificationProblem>
  extends FoldOptions<RowOf<K>> {
  /** Makes the model of a fold (0, 1 ...), untrained; it is disposed of after its fold. */
  readonly make: (fold: number) => Promise<Classifier<L, K>>;
  /** Options of each training, without `signal`. `eval` of the fold's own rows would choose nothing, so none is given. */
  readonly train?: Omit<ClassifierTrainOptions<K>, 'eval' | 'signal'>;
  /** Called after each fold. */
  readonly onFold?: (fold: FoldResult<L, K>, index: number) => void | Promise<void>;
  /** Ends the call with CANCELLED. */
  readonly signal?: AbortSignal;
}

/** What one fold's model makes of the rows that it was not trained on. */
export interface FoldResult<L extends string, K extends ClassificationProblem> {
  /** Indices of the held-out rows. */
  readonly indices: readonly number[];
  readonly report: TrainReport<ScoresOf<K>>;
  readonly evaluation: EvaluationOf<L, K> & Truncated;
}

/** Mean and sample standard deviation over the folds. */
export interface FoldScore {
  readonly mean: number;
  readonly deviation: number;
}

/** Result of `crossValidate`. */
export interface CrossValidation<L extends string, K extends ClassificationProblem> {
  readonly folds: readonly FoldResult<L, K>[];
  /** The out-of-fold prediction of each row, in the order of the rows: by the model that was not trained on it. */
  readonly predictions: readonly PredictionOf<L, K>[];
  /** Every score of the evaluations that is one number, by its name. */
  readonly scores: Readonly<Record<string, FoldScore>>;
  /** Labels whose rows are all in one fold. */
  readonly notes: readonly string[];
}

const KNOWN = {
  folds: true,
  seed: true,
  stratified: true,
  groupBy: true,
  make: true,
  train: true,
  onFold: true,
  signal: true,
} as const;

/**
 * k-fold cross-validation. The folds are those of `foldRows`; they are trained one after the other. Throws RangeError for fewer
 * rows than folds, and whatever `make`, the training or the evaluation throws.
 */
export async function crossValidate<L extends string, K extends ClassificationProblem>(
  rows: readonly RowOf<K>[],
  options: CrossValidateOptions<L, K>,
): Promise<CrossValidation<L, K>> {
  const where = 'crossValidate';
  const read = readOptions(where, options, KNOWN);
  const { make, train = {}, onFold, groupBy } = options;
  if (!Array.isArray(rows)) throw typeMistake(`${where}: rows`, 'an array of rows', rows);
  if (typeof make !== 'function') throw typeMistake(`${where}: make`, 'a function', make);
  const signal = read.signal();
  const { folds, notes } = foldRows<RowOf<K>>(rows, {
    folds: read.count('folds', 5, 2),
    seed: read.count('seed', 42, 0),
    stratified: read.boolean('stratified', true),
    ...(groupBy && { groupBy }),
  });
  const results: FoldResult<L, K>[] = [];
  const predictions = new Array<PredictionOf<L, K>>(rows.length);
  const own = signal === undefined ? {} : { signal };
  for (const [index, { train: rest, held, indices }] of folds.entries()) {
    throwIfAborted(signal, where);
    await using model = await make(index);
    const report = await model.train(rest, { ...train, ...own } as ClassifierTrainOptions<K>);
    const evaluation = await model.evaluate(held, own);
    const texts = held.map((row, i) => textOf(`rows[${indices[i]}]`, row, 'text'));
    const found = await model.predict(texts, own);
    found.forEach((prediction, i) => {
      predictions[indices[i] ?? 0] = prediction;
    });
    const result = { indices, report, evaluation };
    results.push(result);
    await onFold?.(result, index);
  }
  return { folds: results, predictions, scores: scoresOf(results), notes };
}

function scoresOf<L extends string, K extends ClassificationProblem>(
  folds: readonly FoldResult<L, K>[],
): Record<string, FoldScore> {
  const all = folds.map(
    ({ evaluation }) => evaluation as unknown as Readonly<Record<string, unknown>>,
  );
  const names = Object.keys(all[0] ?? {}).filter((name) => typeof all[0]?.[name] === 'number');
  return Object.fromEntries(
    names.map((name) => {
      const values = all.map((one) => Number(one[name]));
      const mean = values.reduce((a, b) => a + b, 0) / values.length;
      const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
      return [name, { mean, deviation: Math.sqrt(squares / (values.length - 1)) }];
    }),
  );
}
