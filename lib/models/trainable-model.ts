/**
 * A model with a head that can be trained.
 *
 * Only `train` changes its weights, and only if it succeeds: until then, and after an error or an abort, the old weights are
 * in use. Calls that run meanwhile keep the weights they began with.
 */

import type { QuantizeOptions } from '../compress/quantize-model.js';
import { rangeMistake, SinterError } from '../core/errors.js';
import type { JsonObject } from '../core/json.js';
import type { Matrix } from '../core/matrix.js';
import { type KnownOptions, readOptions } from '../core/options.js';
import type { LoraOptions, LoraSettings } from '../graph/adapter-options.js';
import { withoutClassifierSettings } from '../graph/classifier-settings.js';
import { isQuantized } from '../graph/rewrite/quantize.js';
import type { EncoderGraph } from '../graph/types.js';
import type { ClassificationReport } from '../metrics/index.js';
import type { NativeProgram } from '../native/native.js';
import { forwardTexts } from '../runtime/forward.js';
import type { ModelParts } from '../runtime/model-parts.js';
import type { RunSettings } from '../runtime/predict-options.js';
import { forwardWindows, type WindowSettings } from '../runtime/windowed-logits.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';
import { readCheckpointOptions } from '../train/checkpoint-options.js';
import type { CollectOptions, RowReader, Rows, TextTarget } from '../train/collect-rows.js';
import type { Corpus, Examples } from '../train/corpus.js';
import { checkNeedsRows, withMetric } from '../train/eval-options.js';
import { readLoraOptions } from '../train/lora-options.js';
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
import { streamedPlan } from './stream-plan.js';
import { TextModel } from './text-model.js';
import { readTrainHooks } from './train-hooks.js';

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

/** `full`: all weights are trained. `head`: only what the model computes from the vector of a text. `lora`: low-rank adapters and the head. */
export type TrainMethod = 'full' | 'head' | 'lora';

export const TRAIN_METHODS: readonly TrainMethod[] = ['full', 'head', 'lora'];

/** Which weights a training changes. */
export interface MethodOption {
  /**
   * `full` (default) trains all weights. `head` leaves the encoder as it is: the vector of each text is computed once, without
   * dropout, and only the head is trained over those vectors, which takes seconds; it is for classifiers and cross-encoders.
   * `lora` trains low-rank adapters beside the matrices of the encoder, and the head, and adds them to the weights at the
   * end; `saveAdapter` writes them alone. With `head` and `lora` the learning rate is 1e-3 by default.
   */
  readonly method?: TrainMethod;
  /** For `method: 'lora'`. */
  readonly lora?: LoraOptions;
}

/** The learning rate for a head alone, or with adapters: far fewer weights, and none of them were trained before. */
const NEW_WEIGHTS_RATE = 1e-3;

/** Options of every `evaluate`. */
export interface EvaluateOptions {
  /** Ends the call with CANCELLED; an aborted training leaves the model as it was. */
  readonly signal?: AbortSignal;
}

export const MODEL_TRAIN_OPTIONS = {
  ...TRAIN_OPTIONS,
  method: true,
  lora: true,
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
  /** Reads single rows, for rows that are streamed; left out where a row may become several texts. */
  readonly reader?: (maxTokens: number) => RowReader<TextTarget>;
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
  readonly metric?: (held: Set) => string;
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

/** What every model with a head has: training and evaluation. */
export abstract class TrainableModel extends TextModel {
  private training = false;

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
    const { method, lora } = readMethod(where, options as MethodOption);
    const { learningRate = method === 'full' ? undefined : NEW_WEIGHTS_RATE } = options;
    const given = { ...options, ...(learningRate !== undefined && { learningRate }) };
    let settings = readTrainOptions<TrainOptions>(where, given, known as never);
    checkWhole(where, method, settings);
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
    if (this.training) throw new SinterError('OVERLOADED', 'train: the model is being trained');
    this.training = true;
    try {
      const { parts } = this;
      const how = learning(where);
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
        if (method === 'head') {
          const { trainHeadParts } = await import('../train/head-training.js');
          return trainHeadParts(parts, current, plan, request);
        }
        if (method === 'lora') {
          const { trainLoraParts } = await import('../train/lora-training.js');
          return trainLoraParts(parts, current, plan, request, lora);
        }
        const { trainParts } = await import('../train/train-model.js');
        return trainParts(parts, current, plan, request);
      });
      const { labels } = seen;
      const all = trainAdvice({ steps: found.steps, labels }, settings);
      const advice = all.filter(({ code }) => how.advice?.includes(code) ?? true);
      const report = { ...found, advice };
      const record = { ...settings, ...how.record, method, maxTokens };
      const training = trainingRecord(parts, record, report);
      const origin = { ...parts.origin, untrained: [] };
      // What was fitted to the old weights does not fit the new ones.
      const config = withoutClassifierSettings(parts.config);
      const { adapter: _, ...rest } = parts;
      const made = adapter === undefined ? {} : { adapter };
      this.parts = { ...rest, graph, program, config, training, origin, ...made };
      // The old weights are freed when the calls that use them have ended; this does not wait for them.
      void parts.program.retire();
      if (this.isDisposed) void program.retire();
      return report;
    } finally {
      this.training = false;
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
        : planOf<Set, S>(learning, await learning.collect(rows, own));
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

  /**
   * @internal Replaces the parts by what `make` returns. Like a training it changes the model only if it succeeds, and it is
   * OVERLOADED while the model is being trained or changed.
   */
  protected async change<R>(
    where: string,
    make: (program: NativeProgram) => Promise<{ readonly parts: ModelParts; readonly result: R }>,
  ): Promise<R> {
    if (this.training) throw new SinterError('OVERLOADED', `${where}: the model is being trained`);
    this.training = true;
    try {
      const before = this.parts;
      const { parts, result } = await this.use(where, make);
      const isReplaced = parts.program !== before.program;
      // An adapter from before does not have the new weights.
      const { adapter, ...bare } = parts;
      this.parts = isReplaced && adapter === before.adapter ? bare : parts;
      if (isReplaced) {
        void before.program.retire();
        if (this.isDisposed) void parts.program.retire();
      }
      return result;
    } finally {
      this.training = false;
    }
  }

  /**
   * Writes the adapter that the last training with `method: 'lora'` made, as the `peft` package stores it; its base is the model
   * before that training. INVALID_DATA if there is none.
   */
  async saveAdapter(path: string, options: { readonly overwrite?: boolean } = {}): Promise<void> {
    const where = 'saveAdapter';
    const overwrite = readOptions(where, options, { overwrite: true }).boolean('overwrite', false);
    const { savePeft } = await import('../checkpoint/peft.js');
    await savePeft(where, this.parts, path, overwrite);
  }

  /**
   * Adds a LoRA adapter of the `peft` package, and the head saved with it, to the weights of this model, which must be its
   * base. On success calls use the new weights. Throws CORRUPT_MODEL for an adapter of another model, UNSUPPORTED_MODEL for
   * another kind of adapter or a quantized model, OVERLOADED while the model is being trained.
   */
  async mergeAdapter(path: string, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const where = 'mergeAdapter';
    const signal = readOptions(where, options, { signal: true }).signal();
    if (isQuantized(this.parts.graph)) {
      throw new SinterError(
        'UNSUPPORTED_MODEL',
        `${where}: the model is quantized; merge into the f32 model`,
      );
    }
    const { loadPeft } = await import('../checkpoint/peft.js');
    const { mergeAdapter } = await import('../adapters/merge.js');
    await this.change(where, async (program) => {
      const { parts } = this;
      const adapter = await loadPeft(parts, path);
      const merged = await mergeAdapter(parts, program, adapter, { where, signal });
      const untrained = parts.origin.untrained.filter((name) => !adapter.whole.includes(name));
      const origin = { ...parts.origin, untrained };
      return { parts: { ...parts, ...merged, adapter, origin }, result: undefined };
    });
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

/** The method of a training, and the settings of its adapters. Throws RangeError for another than those of TRAIN_METHODS. */
function readMethod(
  where: string,
  { method: named, lora }: MethodOption,
): { readonly method: TrainMethod; readonly lora: LoraSettings } {
  const read = readOptions<Pick<MethodOption, 'method'>>(
    where,
    named === undefined ? {} : { method: named },
    { method: true },
  );
  const method = read.choice('method', 'full', TRAIN_METHODS);
  if (lora !== undefined && method !== 'lora') {
    throw rangeMistake(`${where}: method`, "'lora' where lora is given", method);
  }
  return { method, lora: readLoraOptions(where, lora) };
}

/** Throws RangeError for options that choose among all weights, beside a method that chooses them itself. */
function checkWhole(where: string, method: TrainMethod, settings: TrainSettings): void {
  const { freeze, trainable } = settings;
  if (method === 'full' || (freeze.length === 0 && trainable === 'all')) return;
  const option = trainable === 'all' ? 'freeze' : 'trainable';
  throw rangeMistake(`${where}: method`, `'full' where ${option} is given`, method);
}

/** The data of a training whose rows are all there. */
function planOf<Set extends ExampleRows, S>(
  learning: Learning<Set, unknown, S>,
  found: Set,
): Pick<TrainPlan<S>, 'corpus' | 'truncated' | 'objective' | 'classes'> {
  const { corpus, truncated = 0 } = found;
  const own = learning.tailor?.(found) ?? { objective: learning.objective };
  return { corpus, truncated, ...own };
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
