/**
 * A text classifier: an encoder with a head over its pooled tokens, for one label, several labels or a number per text.
 *
 * The three kinds differ only in their rows and in the meaning of the logits (lib/tasks/text-classification).
 */

import { BATCH_OPTIONS } from '../batching/batch-options.js';
import type { Batcher } from '../batching/batcher.js';
import { loadModel } from '../checkpoint/load-lazily.js';
import { HEAD_LOAD_OPTIONS, loadSettings } from '../checkpoint/load-options.js';
import type { QuantizeOptions } from '../compress/quantize-model.js';
import { SinterError } from '../core/errors.js';
import type { Matrix } from '../core/matrix.js';
import { readOptions } from '../core/options.js';
import { makeInTurns } from '../core/turns.js';
import type { ClassificationProblem } from '../graph/checkpoint.js';
import { classifierSettings } from '../graph/classifier-settings.js';
import type { NativeProgram } from '../native/program.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { PREDICT_OPTIONS, readPredictOptions } from '../runtime/predict-options.js';
import { forwardWindows, readWindows, WINDOWED_OPTIONS } from '../runtime/windowed-logits.js';
import {
  LOSS_OPTIONS,
  readLossOptions,
  type Teacher,
} from '../tasks/text-classification/loss-options.js';
import {
  type EvaluationOf,
  type PredictionOf,
  type ProblemOf,
  problemOf,
  type RowOf,
  type ScoresOf,
} from '../tasks/text-classification/problems.js';
import type { TaughtRow } from '../tasks/text-classification/single-label.js';
import type { TopLabels } from '../tasks/text-classification/top-labels.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';
import { collectTexts, type Rows } from '../train/collect-rows.js';
import type { TrainReport } from '../train/train-report.js';
import { type ClassifierRunOptions, labelBatch } from './batches/label-batch.js';
import type { BatchInput } from './batches/run-input.js';
import { type ClassScores, classScores } from './class-scores.js';
import { classifierDistillation } from './classifier-distillation.js';
import { checkLabels, readProblem } from './classifier-labels.js';
import { classifierLearning, taughtLearning } from './classifier-learning.js';
import {
  type ClassifierBatchOptions,
  type ClassifierEvaluateOptions,
  type ClassifierLoadOptions,
  type ClassifierTrainOptions,
  type ClassifyOptions,
  classifyOptions,
  type LogitsOptions,
  type Rejectable,
  type Truncated,
} from './classifier-options.js';
import type { CompressOptions } from './compression/options.js';
import type { CompressResult } from './compression/run.js';
import {
  type CalibrationReport,
  calibrateHead,
  checkCalibrated,
  checkThresholded,
  fitHeadThresholds,
  type HeldLogits,
  heldLogits,
  type ThresholdReport,
} from './fit-classifier.js';
import { labelThresholds } from './label-thresholds.js';
import { checkTexts } from './text-model.js';
import {
  type EvaluateOptions,
  type Learning,
  MODEL_TRAIN_OPTIONS,
  type RowSet,
  TrainableModel,
} from './trainable-model.js';

/** Scores that become objects before the event loop turns: about a millisecond. */
const SCORES_PER_TURN = 4096;

/** Make it with `encoder.classifier` or `Classifier.load`. */
export class Classifier<
  L extends string = string,
  K extends ClassificationProblem = 'single_label_classification',
> extends TrainableModel {
  private readonly rules: ProblemOf<L, K>;

  private constructor(parts: ModelParts) {
    super(parts);
    this.rules = problemOf<L, K>(this.problem, this.labels);
  }

  /**
   * Loads a model folder (f32, f16, bf16 or quantized by Sinter) or an ONNX file with a classification head, or adds a new
   * head. Throws RangeError if `labels` do not fit the trained head.
   */
  static async load<
    const L extends string = string,
    K extends ClassificationProblem = 'single_label_classification',
  >(path: string, options: ClassifierLoadOptions<L, K> = {}): Promise<Classifier<L, K>> {
    const where = 'Classifier.load';
    const known = { ...HEAD_LOAD_OPTIONS, labels: true, problem: true } as const;
    const read = readOptions(where, options, known);
    const { labels } = options;
    const problem = readProblem(where, options.problem);
    // The right number of labels depends on the folder and is checked later.
    if (labels !== undefined) checkLabels(where, labels, 1);
    const { settings, limit } = loadSettings(read);
    const own = {
      ...(labels === undefined ? {} : { labels }),
      ...(options.problem === undefined ? {} : { problem }),
    };
    const parts = await loadModel(
      where,
      path,
      { task: 'classification', ...own, ...limit },
      settings,
    );
    if (parts.head.problem === problem) {
      try {
        classifierSettings(parts.config, parts.head.labels?.length ?? 0, path);
      } catch (error) {
        await parts.program.retire();
        throw error;
      }
      return new Classifier<L, K>(parts);
    }
    await parts.program.retire();
    throw new SinterError(
      'UNSUPPORTED_MODEL',
      `${path}: its head is for ${parts.head.problem}; give problem: '${parts.head.problem}'`,
      { details: { file: path } },
    );
  }

  /** @internal */
  static fromParts<L extends string, K extends ClassificationProblem>(
    parts: ModelParts,
  ): Classifier<L, K> {
    return new Classifier<L, K>(parts);
  }

  /** Label names in the order of the logits. */
  get labels(): readonly L[] {
    return (this.parts.head.labels ?? []) as readonly L[];
  }

  /** The kind of problem that the head solves. */
  get problem(): K {
    return this.parts.head.problem as K;
  }

  /** One prediction per text or pair, in the same order. Throws TypeError or RangeError naming texts[i]. */
  async predict(
    texts: readonly TextInput[],
    options: ClassifyOptions & { readonly adapter: string; readonly minScore: number },
  ): Promise<(Rejectable<PredictionOf<string, K>> & Partial<TopLabels<string>>)[]>;
  async predict(
    texts: readonly TextInput[],
    options: ClassifyOptions & { readonly adapter: string },
  ): Promise<(PredictionOf<string, K> & Partial<TopLabels<string>>)[]>;
  async predict(
    texts: readonly TextInput[],
    options: ClassifyOptions & { readonly minScore: number },
  ): Promise<(Rejectable<PredictionOf<L, K>> & Partial<TopLabels<L>>)[]>;
  async predict(
    texts: readonly TextInput[],
    options: ClassifyOptions & { readonly topK: number },
  ): Promise<(PredictionOf<L, K> & TopLabels<L>)[]>;
  async predict(
    texts: readonly TextInput[],
    options?: ClassifyOptions,
  ): Promise<PredictionOf<L, K>[]>;
  async predict(texts: readonly TextInput[], options: ClassifyOptions = {}): Promise<object[]> {
    const where = 'predict';
    const other = this.routed(where, options);
    if (other !== null) return other.model.predict(texts, other.options);
    checkTexts(where, texts);
    const known = classifyOptions(this.problem);
    const run = readPredictOptions(where, options, known, texts.length);
    const thresholds = this.thresholds(where, options);
    const read = readOptions(where, options, known);
    const topK = read.count('topK', undefined);
    const minScore = read.number('minScore', 0, 'a number from 0 to 1', isShare);
    const windows = readWindows(where, options, this.maxTokens);
    const logits = await this.forward(where, texts, run, windows);
    const rows = Math.max(1, Math.floor(SCORES_PER_TURN / logits.cols));
    return makeInTurns<object>(logits.rows, rows, (i) =>
      this.rules.prediction(logits.row(i), {
        ...{ thresholds, topK, minScore, truncated: run.cuts.has(i) },
      }),
    );
  }

  /**
   * A batcher for a server: `run(text)` resolves with the same result as `predict([text])` has, or with `output: 'scores'` with
   * logits and scores. Dispose it, or the model.
   */
  batch(
    options: ClassifierBatchOptions & { readonly output: 'scores' },
  ): Batcher<ClassScores, BatchInput, ClassifierRunOptions>;
  batch(
    options?: ClassifierBatchOptions & { readonly output?: 'predictions' },
  ): Batcher<PredictionOf<L, K>, BatchInput, ClassifierRunOptions>;
  batch(
    options: ClassifierBatchOptions = {},
  ): Batcher<PredictionOf<L, K> | ClassScores, BatchInput, ClassifierRunOptions> {
    const where = 'batch';
    const other = this.routed(where, options);
    if (other !== null) return other.model.batch(other.options as { readonly output: 'scores' });
    const read = readOptions(where, options, {
      ...{ ...BATCH_OPTIONS, ...WINDOWED_OPTIONS, output: true, adapter: true },
    });
    const asked = read.choice('output', 'predictions', ['predictions', 'scores']);
    const windows = readWindows(where, options, this.maxTokens);
    const truncate = read.boolean('truncate', true);
    const { windows: _, stride: __, output: ___, adapter: ____, ...limits } = options;
    // Looked up for each result, because thresholds may be fitted meanwhile.
    const prediction = (row: Float32Array, truncated: boolean) =>
      this.rules.prediction(row, { thresholds: this.thresholds(where, {}), truncated });
    const scores = (row: Float32Array, truncated: boolean) =>
      classScores(this.problem, row, truncated);
    const result: (row: Float32Array, truncated: boolean) => PredictionOf<L, K> | ClassScores =
      asked === 'scores' ? scores : prediction;
    return this.batcher(limits, (model) => labelBatch(model, { truncate, windows, result }));
  }

  /** The scores before softmax or sigmoid, [texts, labels]. */
  async logits(texts: readonly TextInput[], options: LogitsOptions = {}): Promise<Matrix> {
    const other = this.routed('logits', options);
    if (other !== null) return other.model.logits(texts, other.options);
    checkTexts('logits', texts);
    const known = { ...PREDICT_OPTIONS, ...WINDOWED_OPTIONS } as const;
    const run = readPredictOptions('logits', options, known, texts.length);
    return this.forward('logits', texts, run, readWindows('logits', options, this.maxTokens));
  }

  /**
   * Predicts all rows and compares the predictions with the rows' labels or values. `truncated` is the number of truncated
   * rows.
   */
  async evaluate(
    rows: Rows<RowOf<K>>,
    options: ClassifierEvaluateOptions = {},
  ): Promise<EvaluationOf<L, K> & Truncated> {
    const where = 'evaluate';
    const other = this.routed(where, options);
    if (other !== null) return other.model.evaluate(rows, other.options);
    const signal = readOptions(where, options, {
      ...{ ...WINDOWED_OPTIONS, adapter: true, signal: true },
    }).signal();
    const windows = readWindows(where, options, this.maxTokens);
    if (windows === null) {
      const measured = await this.measure(rows, { where, signal }, this.learning());
      return { ...measured.evaluation, truncated: measured.truncated };
    }
    return this.use(where, async (program) => {
      const collect = { where, name: 'rows', signal };
      const { texts, targets } = await collectTexts(rows, this.rules, collect);
      const nameOf = (i: number) => `${where}: rows[${i}]`;
      const request = { where, signal, nameOf, ...windows };
      const logits = await forwardWindows(program, this.parts, texts, request);
      const thresholds = this.thresholds(where, {});
      return { ...this.rules.evaluate(logits, targets, thresholds), truncated: 0 };
    });
  }

  /**
   * Fine-tunes all weights on `rows`, or those that `method` chooses: by default with AdamW, cross entropy for one label, binary
   * cross entropy for several and squared error for numbers. On success the model has the new weights; an error or an abort leaves the old ones. One training at
   * a time: a second one is OVERLOADED.
   */
  async train(
    rows: Rows<RowOf<K> | TaughtRow>,
    options: ClassifierTrainOptions<K> & {
      readonly teacher: Teacher | 'logits';
      readonly alpha: 1;
    },
  ): Promise<TrainReport<ScoresOf<K>>>;
  async train(
    rows: Rows<RowOf<K>>,
    options?: ClassifierTrainOptions<K>,
  ): Promise<TrainReport<ScoresOf<K>>>;
  async train(
    rows: Rows<RowOf<K> | TaughtRow>,
    options: ClassifierTrainOptions<K> = {},
  ): Promise<TrainReport<ScoresOf<K>>> {
    const known = { ...MODEL_TRAIN_OPTIONS, ...LOSS_OPTIONS, distillation: true } as const;
    return this.learn<
      RowOf<K> | TaughtRow,
      ScoresOf<K>,
      ClassifierTrainOptions<K>,
      RowSet,
      EvaluationOf<L, K>
    >(rows, options, known, (where) => {
      const { distillation, ...plain } = options;
      const { problem } = this;
      const { loss, inner } = classifierDistillation(where, distillation, plain, problem);
      const choice = readLossOptions(where, loss, this);
      const { parts, rules, labels } = this;
      return taughtLearning<L, K>(parts, rules, { labels, choice, inner });
    });
  }

  /**
   * Temperature scaling (Guo et al. 2017): divides the logits by the number with the smallest cross entropy on `rows`, which
   * must be rows that the model was not trained on. Labels stay the same, and so do decisions by thresholds that were fitted;
   * probabilities become those that can be believed. The number is in the weights of the last product, so a saved, quantized
   * or exported model has it too, in any program; `info().temperature` is its record. A training ends it. Throws INVALID_DATA
   * if the model is right on all rows, and UNSUPPORTED_MODEL for a regression.
   */
  async calibrate(rows: Rows<RowOf<K>>, options: EvaluateOptions = {}): Promise<CalibrationReport> {
    const where = 'calibrate';
    const { rules, parts } = this;
    checkCalibrated(where, parts);
    return this.change(where, async (program) => {
      const found = await this.held(where, rows, options, program);
      return calibrateHead<L, K>(where, parts, program, rules, found);
    });
  }

  /**
   * Several labels: finds for each label the threshold with the best F1 on `rows`, which must be rows that the model was not
   * trained on. `predict`, `batch` and `evaluate` use them from then on, and a saved folder keeps them. A label that all or
   * none of the rows have keeps its own. A training ends them. Throws UNSUPPORTED_MODEL for other problems.
   */
  async fitThresholds(
    rows: Rows<RowOf<K>>,
    options: EvaluateOptions = {},
  ): Promise<ThresholdReport<L>> {
    const where = 'fitThresholds';
    const { rules, parts, labels } = this;
    checkThresholded(where, parts);
    return this.change(where, async (program) => {
      const found = await this.held(where, rows, options, program);
      return fitHeadThresholds<L, K>(parts, rules, labels, found, this.thresholds(where, {}));
    });
  }

  /** Logits and targets of held-out rows. */
  private async held(
    where: string,
    rows: Rows<RowOf<K>>,
    options: EvaluateOptions,
    program: NativeProgram,
  ): Promise<HeldLogits> {
    const signal = readOptions(where, options, { signal: true }).signal();
    const { maxTokens, parts } = this;
    const call = { where, signal, maxTokens, graph: parts.graph, program };
    return heldLogits(this.learning(), rows, call);
  }

  /** @internal */
  protected override over(parts: ModelParts): this {
    return new Classifier<L, K>(parts) as this;
  }

  /**
   * The smallest, fastest form of this model that keeps its quality, with the evidence: fewer tokens, layers, heads and neurons,
   * trained again with this model as the teacher, and int8. This model stays as it is. `report.verdict` says whether the gate is
   * passed: the model is returned in any case. Rows without an answer get the one of this model. Throws INVALID_DATA where `eval`
   * has texts of `rows`.
   */
  async compress(
    options: CompressOptions<RowOf<K> | Pick<TaughtRow, 'text' | 'pair'> | string>,
  ): Promise<CompressResult<Classifier<L, K>>> {
    const { compressModel } = await import('./compression/run.js');
    const { classifierRows, classifierSubject } = await import(
      './compression/classifier-subject.js'
    );
    return compressModel<Classifier<L, K>>(this, options as CompressOptions<never>, {
      make: classifierSubject as never,
      check: classifierRows as never,
      load: (folder) => Classifier.load<L, K>(folder, { problem: this.problem }),
    });
  }

  /** A new model with int8 weights; this one still works. */
  async quantize(options: QuantizeOptions = {}): Promise<Classifier<L, K>> {
    return new Classifier<L, K>(await this.quantizedParts(options));
  }

  private learning(
    thresholds = this.thresholds('evaluate', {}),
  ): Learning<RowSet, EvaluationOf<L, K>, ScoresOf<K>> {
    return classifierLearning<L, K>(this.parts, this.rules, thresholds);
  }

  /** The probability from which each label counts: by the options, else as it was fitted, else 0.5. */
  private thresholds(where: string, { threshold }: ClassifyOptions): readonly number[] {
    return labelThresholds(where, this.parts, this.labels, threshold);
  }
}

const isShare = (value: number) => value >= 0 && value <= 1;
