/**
 * A model with a head that can be trained.
 *
 * Only `train` changes its weights, and only if it succeeds: until then, and after an error or an abort, the old weights are
 * in use. Calls that run meanwhile keep the weights they began with.
 */

import type { PruneVocabularyOptions, VocabularyReport } from '../compress/prune-vocabulary.js';
import type { QuantizeOptions } from '../compress/quantize-model.js';
import type { Texts } from '../compress/vocabulary-corpus.js';
import { rangeMistake, SinterError } from '../core/errors.js';
import type { JsonObject } from '../core/json.js';
import type { Matrix } from '../core/matrix.js';
import { type KnownOptions, readOptions } from '../core/options.js';
import { withoutClassifierSettings } from '../graph/classifier-settings.js';
import { isQuantized } from '../graph/rewrite/quantize.js';
import type { EncoderGraph } from '../graph/types.js';
import type { ClassificationReport } from '../metrics/index.js';
import type { NativeProgram } from '../native/program.js';
import { forwardTexts } from '../runtime/forward.js';
import type { ModelParts } from '../runtime/model-parts.js';
import type { RunSettings } from '../runtime/predict-options.js';
import { forwardWindows, type WindowSettings } from '../runtime/windowed-logits.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';
import { readCheckpointOptions } from '../train/checkpoint-options.js';
import type { CollectOptions, RowReader, Rows } from '../train/collect-rows.js';
import type { RowLabels } from '../train/contrastive-pairs.js';
import type { Corpus, Examples } from '../train/corpus.js';
import type { Distillation } from '../train/distillation-training.js';
import { checkNeedsRows, withMetric } from '../train/eval-options.js';
import type { Objective } from '../train/objectives.js';
import { type TrainAdviceCode, trainAdvice } from '../train/train-advice.js';
import type { EvaluatedOver, TrainPlan } from '../train/train-model.js';
import {
  readTrainOptions,
  TRAIN_OPTIONS,
  type TrainOptions,
  type TrainSettings,
} from '../train/train-options.js';
import type {
  EpochProgress,
  EvaluationRecord,
  StepProgress,
  TrainReport,
} from '../train/train-report.js';
import { trainingRecord } from '../train/training-record.js';
import { AdaptedModel } from './adapted-model.js';
import { streamedPlan } from './stream-plan.js';
import { readTrainHooks } from './train-hooks.js';
import {
  checkMethod,
  METHOD_DEFAULTS,
  type MethodOption,
  readMethod,
  trainByMethod,
  withoutUndefined,
} from './train-method.js';

/** Options of every `train`; `Row` is the type of the rows, `S` that of the reported scores. */
export interface ModelTrainOptions<Row, S> extends TrainOptions, MethodOption {
  /** Held-out rows, evaluated after each epoch, or every `evalSteps` steps. */
  readonly eval?: Rows<Row>;
  /** Truncates rows at this many tokens. Default: the model's limit. */
  readonly maxTokens?: number;
  /** Called after each step; the training waits for a returned promise. */
  readonly onStep?: (progress: StepProgress) => void | Promise<void>;
  /** Called after each epoch and its evaluation; the training waits for a returned promise. */
  readonly onEpoch?: (progress: EpochProgress<S>) => void | Promise<void>;
  /** Called after each evaluation; the training waits for a returned promise. */
  readonly onEvaluation?: (record: EvaluationRecord<S>) => void | Promise<void>;
  /** Ends the call with CANCELLED; an aborted training leaves the model as it was. */
  readonly signal?: AbortSignal;
}

/** Options of every `evaluate`. */
export interface EvaluateOptions {
  /** Ends the call with CANCELLED; an aborted training leaves the model as it was. */
  readonly signal?: AbortSignal;
}

export const MODEL_TRAIN_OPTIONS = {
  ...TRAIN_OPTIONS,
  method: true,
  lora: true,
  ia3: true,
  bottleneck: true,
  fewShot: true,
  eval: true,
  maxTokens: true,
  onStep: true,
  onEpoch: true,
  onEvaluation: true,
  signal: true,
} as const;

/** The rows of a call, tokenized. */
export interface RowSet {
  readonly corpus: Corpus;
  /** Number of truncated rows. Default: 0. */
  readonly truncated?: number;
}

/** What every kind of training has of its rows. */
interface ExampleRows {
  readonly corpus: Examples;
  readonly truncated?: number;
}

interface CallOptions {
  readonly where: string;
  readonly signal: AbortSignal | undefined;
}

/** How a kind of model is trained and evaluated on its rows. */
export interface Learning<Set extends ExampleRows, Evaluation, S> {
  /** Is read after the rows to train on were collected. */
  readonly objective: Objective;
  /** What the rows to train on decide: an objective in place of the one above, and the rows of each class to balance. */
  readonly tailor?: (set: Set) => Pick<TrainPlan<S>, 'objective' | 'classes'>;
  /** The labels of the rows to train on. Left out: this kind of training has no few-shot method. */
  readonly labelsOf?: (set: Set) => RowLabels;
  /** What is learned from the inside of a teacher. Left out: nothing. */
  readonly distillation?: Distillation;
  /**
   * Weights that only the loss reads and that are gone after the training. Left out, or undefined: there are none. Is asked after the
   * rows to train on were read, or counted.
   */
  readonly extension?: (settings: TrainSettings) => TrainPlan<S>['extension'];
  /** Numbers of a row's vector from a teacher. Is read after the rows to train on were collected. */
  readonly targetWidth?: () => number;
  /**
   * Reads single rows, for rows that are streamed; left out where that is not supported. `counts`: all rows are checked before
   * the first step. A row that becomes several texts is a list of its batch.
   */
  readonly reader?: (maxTokens: number, counts: boolean) => RowReader<unknown>;
  /** Settings of this kind of training, for its record and its checkpoints. Is read after the rows to train on were collected. */
  readonly record?: JsonObject;
  /** The advice that fits this kind of training. Default: all. */
  readonly advice?: readonly TrainAdviceCode[];
  /**
   * Reads rows. `held`: rows for evaluation, which are truncated as in `evaluate`, so that a training and `evaluate` give
   * the same scores.
   */
  readonly collect: (
    rows: Rows<unknown>,
    options: CollectOptions & { readonly maxTokens: number; readonly held: boolean },
  ) => Promise<Set>;
  readonly evaluate: (
    program: NativeProgram,
    set: Set,
    options: CallOptions & { readonly graph?: EncoderGraph },
  ) => Promise<Evaluation>;
  /** The score, of which more is better, by which evaluations are compared by default. Left out: `loss`. */
  readonly metric?: (held: Set) => string | undefined;
  /** The scores of an evaluation that the training report keeps. */
  scores(evaluation: Evaluation): S;
}

interface PlanOptions {
  readonly where: 'train';
  readonly maxTokens: number;
  readonly signal: AbortSignal;
  readonly settings: TrainSettings;
  /** Gets the scores of each label of the last evaluation, where the kind of model has them. */
  readonly seen: { labels?: ClassificationReport };
}

/** A model over fewer tokens, and what became of its vocabulary. */
export interface PrunedVocabulary<M> {
  readonly model: M;
  readonly report: VocabularyReport;
}

/** What every model with a head has: training, evaluation and a vocabulary that can be cut. */
export abstract class TrainableModel extends AdaptedModel {
  /**
   * A new model without the tokens that none of `texts` has; this one still works. The texts get the same tokens and the same
   * bits as before, which the call checks. Other texts are cut into the tokens that are left, and most often into the same
   * ones. Special and added tokens and single characters stay. Throws UNSUPPORTED_MODEL unless the tokenizer is WordPiece, BPE
   * or Unigram.
   *
   * `texts` is an (async) iterable of the model's inputs, without prompts: each is also read behind each of the model's
   * prompts. A stream is kept in a temporary file meanwhile.
   */
  async pruneVocabulary(
    texts: Texts,
    options: PruneVocabularyOptions = {},
  ): Promise<PrunedVocabulary<this>> {
    const where = 'pruneVocabulary';
    const { parts } = this;
    const made = await this.use(where, async (program) => {
      const { pruneVocabulary } = await import('../compress/prune-vocabulary.js');
      return pruneVocabulary(where, parts, program, texts, options);
    });
    return { model: this.over(made.parts), report: made.report };
  }

  /**
   * @internal Trains the model on the rows. `learning` is called once the options are checked. `known` holds the option
   * names.
   */
  protected async learn<Row, S, O extends ModelTrainOptions<Row, S>, Set extends ExampleRows, E>(
    rows: Rows<Row>,
    options: O,
    known: KnownOptions<O>,
    learning: (where: 'train') => Learning<Set, E, S>,
  ): Promise<TrainReport<S>> {
    const where = 'train';
    const chosen = readMethod(where, options as MethodOption);
    const { method } = chosen;
    const given = { ...METHOD_DEFAULTS[method], ...withoutUndefined(options) };
    let settings = readTrainOptions<TrainOptions>(where, given, known as never);
    const read = readOptions<ModelTrainOptions<Row, S>>(where, options, known as never);
    const maxTokens = read.count('maxTokens', this.maxTokens);
    if (maxTokens > this.maxTokens) {
      const what = `at most ${this.maxTokens}, the model's own limit`;
      throw rangeMistake(`${where}: maxTokens`, what, maxTokens);
    }
    const saving = readCheckpointOptions<TrainOptions>(where, options, known as never);
    checkNeedsRows(where, options, options.eval !== undefined);
    const hooks = readTrainHooks<Row, S, O>(where, options, known);
    const own = read.signal();
    const signal = AbortSignal.any([this.ended.signal, ...(own === undefined ? [] : [own])]);
    checkFloats(this.parts);
    this.checkIdle(where);
    this.checkNoAdapters(where);
    this.changing = true;
    try {
      const { parts } = this;
      const how = learning(where);
      const { labelsOf, distillation } = how;
      checkMethod(where, method, settings, {
        ...{ saving, distils: distillation !== undefined, hasLabels: labelsOf !== undefined },
      });
      const seen: { labels?: ClassificationReport } = {};
      const {
        graph,
        program,
        report: found,
        adapter,
      } = await this.use(where, async (current) => {
        const limits = { where, maxTokens, signal } as const;
        const plan = await this.plan(how, rows, options.eval, { ...limits, seen, settings });
        checkGrouping(where, settings, plan.corpus);
        settings = withMetric(settings, options, plan.metric);
        const request = { settings: { ...settings, ...how.record }, hooks, saving, signal };
        return trainByMethod(parts, current, plan, request, { ...chosen, distillation });
      });
      const { labels } = seen;
      const all = trainAdvice({ steps: found.steps, labels }, settings);
      const advice = all.filter(({ code }) => how.advice?.includes(code) ?? true);
      const report = { ...found, advice };
      const first = chosen.method === 'few-shot' ? { fewShot: { ...chosen.settings } } : {};
      const record = { ...settings, ...how.record, method, ...first, maxTokens };
      const training = trainingRecord(parts, record, report);
      const origin = { ...parts.origin, untrained: [] };
      // What was fitted to the old weights does not fit the new ones.
      const config = withoutClassifierSettings(parts.config);
      const { adapter: _, compression: __, ...rest } = parts;
      const made = adapter === undefined ? {} : { adapter };
      const trained = { graph, program, config, training, origin, isChanged: true };
      this.replace({ ...rest, ...trained, ...made });
      return report;
    } finally {
      this.changing = false;
    }
  }

  private async plan<Set extends ExampleRows, E, S>(
    learning: Learning<Set, E, S>,
    rows: Rows<unknown>,
    heldRows: Rows<unknown> | undefined,
    { where, maxTokens, signal, seen, settings }: PlanOptions,
  ): Promise<TrainPlan<S>> {
    const call = { where, signal };
    const own = { ...call, name: 'rows', maxTokens, held: false };
    const plan =
      settings.shuffleBuffer > 0
        ? await streamedPlan<S>(rows, learning as never, settings, own)
        : planOf<Set, S>(learning, await learning.collect(rows, own), settings);
    if (heldRows === undefined) return { ...plan, evaluate: undefined };
    const theirs = { ...call, name: 'eval', maxTokens: this.maxTokens, held: true };
    const set = await learning.collect(heldRows, theirs);
    const evaluate = async (program: NativeProgram, over?: EvaluatedOver) => {
      const own = over === undefined ? set : { ...set, corpus: over.corpus };
      const evaluation = await learning.evaluate(program, own, {
        ...call,
        ...(over !== undefined && { graph: over.graph }),
      });
      const { report } = evaluation as { readonly report?: ClassificationReport };
      if (report !== undefined) seen.labels = report;
      return learning.scores(evaluation);
    };
    return { ...plan, held: set.corpus, metric: learning.metric?.(set), evaluate };
  }

  /** @internal Evaluates the model on the rows as `learning` defines. */
  protected async measure<Set extends ExampleRows, E>(
    rows: Rows<unknown>,
    call: CallOptions,
    learning: Learning<Set, E, unknown>,
  ): Promise<{ readonly evaluation: E; readonly truncated: number }> {
    return this.use(call.where, async (program) => {
      const own = { ...call, name: 'rows', maxTokens: this.maxTokens, held: true };
      const set = await learning.collect(rows, own);
      const evaluation = await learning.evaluate(program, set, call);
      return { evaluation, truncated: set.truncated ?? 0 };
    });
  }

  /** @internal One row of logits per text. `onTruncated` is called if any text was truncated. */
  protected async forward(
    where: string,
    texts: readonly TextInput[],
    { cuts, ...run }: RunSettings,
    windows: WindowSettings | null = null,
  ): Promise<Matrix> {
    const { parts } = this;
    const { graph, tokenizer } = parts;
    const request = { where, output: 'logits', maxTokens: this.maxTokens, ...run } as const;
    const logits = await this.use(where, (program) =>
      windows === null
        ? forwardTexts(program, tokenizer, graph, texts, { ...request, onCut: cuts.add })
        : forwardWindows(program, parts, texts, { ...request, ...windows }),
    );
    cuts.report();
    return logits;
  }

  /** @internal Parts of a new model with int8 weights. */
  protected async quantizedParts(options: QuantizeOptions): Promise<ModelParts> {
    const { parts } = this;
    return this.use('quantize', async (program) => {
      const { quantizeModel } = await import('../compress/quantize-model.js');
      return quantizeModel(parts, program, options);
    });
  }
}

/** The data of a training whose rows are all there. */
function planOf<Set extends ExampleRows, S>(
  learning: Learning<Set, unknown, S>,
  found: Set,
  settings: TrainSettings,
): Omit<TrainPlan<S>, 'evaluate'> {
  const { corpus, truncated = 0 } = found;
  const own = learning.tailor?.(found) ?? { objective: learning.objective };
  const labelsOf = learning.labelsOf?.(found);
  const targetWidth = learning.targetWidth?.();
  const extension = learning.extension?.(settings);
  return { corpus, truncated, labelsOf, targetWidth, extension, ...own };
}

/** Throws UNSUPPORTED_MODEL for a quantized model. */
function checkFloats({ graph }: ModelParts): void {
  if (!isQuantized(graph)) return;
  throw new SinterError(
    'UNSUPPORTED_MODEL',
    'train: the model is quantized; train the f32 model and quantize it afterwards, or load an ONNX file with widen: true',
  );
}

/** Throws RangeError for batches of similar lengths where which texts may meet decides the batches. */
function checkGrouping(where: string, { groupByLength }: TrainSettings, corpus: Examples): void {
  if (!groupByLength || corpus.textsOf === undefined) return;
  const what = "false where no batch may hold a text twice (batchSampler: 'no_duplicates')";
  throw rangeMistake(`${where}: groupByLength`, what, groupByLength);
}
