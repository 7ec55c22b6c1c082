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
import { isQuantized } from '../graph/rewrite/quantize.js';
import type { ClassificationReport } from '../metrics/index.js';
import type { NativeProgram } from '../native/native.js';
import { forwardTexts } from '../runtime/forward.js';
import type { ModelParts } from '../runtime/model-parts.js';
import type { RunSettings } from '../runtime/predict-options.js';
import { forwardWindows, type WindowSettings } from '../runtime/windowed-logits.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';
import type { CollectOptions, Rows } from '../train/collect-rows.js';
import type { Corpus, Examples } from '../train/corpus.js';
import type { Objective } from '../train/objectives.js';
import { type TrainAdviceCode, trainAdvice } from '../train/train-advice.js';
import type { TrainPlan } from '../train/train-model.js';
import { readTrainOptions, TRAIN_OPTIONS, type TrainOptions } from '../train/train-options.js';
import type { EpochProgress, StepProgress, TrainReport } from '../train/train-report.js';
import { trainingRecord } from '../train/training-record.js';
import { TextModel } from './text-model.js';

/** Options of every `train`; `Row` is the type of the rows, `S` that of the reported scores. */
export interface ModelTrainOptions<Row, S> extends TrainOptions {
  /** Held-out rows, evaluated after each epoch. */
  readonly eval?: Rows<Row>;
  /** Truncates rows at this many tokens. Default: the model's limit. */
  readonly maxTokens?: number;
  /** Called after each step; the training waits for a returned promise. */
  readonly onStep?: (progress: StepProgress) => void | Promise<void>;
  /** Called after each epoch and its evaluation; the training waits for a returned promise. */
  readonly onEpoch?: (progress: EpochProgress<S>) => void | Promise<void>;
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
  eval: true,
  maxTokens: true,
  onStep: true,
  onEpoch: true,
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
  /** The advice that fits this kind of training. Default: all. */
  readonly advice?: readonly TrainAdviceCode[];
  /** Settings for training.json beside those of every training; read after the rows to train on were collected. */
  readonly recorded?: JsonObject;
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
    options: CallOptions,
  ) => Promise<Evaluation>;
  /** The scores of an evaluation that the training report keeps. */
  scores(evaluation: Evaluation): S;
}

interface PlanOptions {
  readonly where: 'train';
  readonly maxTokens: number;
  readonly signal: AbortSignal;
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
    const settings = readTrainOptions<TrainOptions>(where, options, known as never);
    const read = readOptions<ModelTrainOptions<Row, S>>(where, options, known as never);
    const maxTokens = read.count('maxTokens', this.maxTokens);
    if (maxTokens > this.maxTokens) {
      const what = `at most ${this.maxTokens}, the model's own limit`;
      throw rangeMistake(`${where}: maxTokens`, what, maxTokens);
    }
    const hooks = { onStep: read.callback('onStep'), onEpoch: read.callback('onEpoch') };
    const own = read.signal();
    const signal = AbortSignal.any([this.ended.signal, ...(own === undefined ? [] : [own])]);
    if (isQuantized(this.parts.graph)) {
      throw new SinterError(
        'UNSUPPORTED_MODEL',
        'train: the model is quantized; train the f32 model and quantize it afterwards, or load an ONNX file with widen: true',
      );
    }
    if (this.training) throw new SinterError('OVERLOADED', 'train: the model is being trained');
    this.training = true;
    try {
      const { parts } = this;
      const seen: { labels?: ClassificationReport } = {};
      let how: Learning<Set, E, S> | undefined;
      const {
        graph,
        program,
        report: found,
      } = await this.use(where, async (current) => {
        const limits = { where, maxTokens, signal } as const;
        how = learning(where);
        const plan = await this.plan(how, rows, options.eval, { ...limits, seen });
        const { trainParts } = await import('../train/train-model.js');
        return trainParts(parts, current, plan, { settings, hooks, signal });
      });
      const { labels } = seen;
      const all = trainAdvice({ steps: found.steps, labels }, settings);
      const advice = all.filter(({ code }) => how?.advice?.includes(code) ?? true);
      const report = { ...found, advice };
      const recorded = { ...settings, maxTokens, ...how?.recorded };
      const training = trainingRecord(parts, recorded, report);
      const origin = { ...parts.origin, untrained: [] };
      this.parts = { ...parts, graph, program, training, origin };
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
    { where, maxTokens, signal, seen }: PlanOptions,
  ): Promise<TrainPlan<S>> {
    const call = { where, signal };
    const own = { ...call, name: 'rows', maxTokens, held: false };
    const { corpus, truncated = 0 } = await learning.collect(rows, own);
    const { objective } = learning;
    if (heldRows === undefined) return { corpus, truncated, objective, evaluate: undefined };
    const theirs = { ...call, name: 'eval', maxTokens: this.maxTokens, held: true };
    const set = await learning.collect(heldRows, theirs);
    const evaluate = async (program: NativeProgram) => {
      const evaluation = await learning.evaluate(program, set, call);
      const { report } = evaluation as { readonly report?: ClassificationReport };
      if (report !== undefined) seen.labels = report;
      return learning.scores(evaluation);
    };
    return { corpus, truncated, objective, evaluate };
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
