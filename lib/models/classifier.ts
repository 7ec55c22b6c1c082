/**
 * A text classifier: an encoder with a head over its pooled first token.
 *
 * Only `train` changes its weights, and only when it ends well: until then, and after an abort, the model is what it
 * was. Calls that run meanwhile use the weights they began with.
 */

import { isQuantized } from '../compress/quantize.js';
import { SinterError, typeMistake } from '../core/errors.js';
import type { Matrix } from '../core/matrix.js';
import { readOptions } from '../core/options.js';
import { makeInTurns } from '../core/turns.js';
import {
  type BatchOptions,
  defaultPriority,
  PRIORITIES,
  type Priority,
} from '../serve/batch-options.js';
import type { Batcher } from '../serve/batcher.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';
import { readTrainOptions, TRAIN_OPTIONS, type TrainOptions } from '../train/train-options.js';
import type { EpochProgress, StepProgress, TrainReport } from '../train/train-report.js';
import { evaluateCorpus, trainParts } from './classifier-training.js';
import { argmax, type Evaluation, softmax } from './evaluation.js';
import { forwardTexts } from './forward.js';
import { collectRows, type LabelledRows } from './labelled-rows.js';
import { loadModel } from './load-model.js';
import type { ModelParts } from './model-parts.js';
import { type QuantizeOptions, quantizeModel } from './quantize-model.js';
import { checkTexts, TextModel } from './text-model.js';

export interface ClassifierLoadOptions<L extends string = string> {
  /** Adds a new, untrained head for these labels; left out, the folder must have a trained one. */
  readonly labels?: readonly L[];
  /** Of a new head. Default: 42. */
  readonly seed?: number;
  /** Lowers the length limit. */
  readonly maxTokens?: number;
  /** Threads that compute, shared by all models. Default: SINTER_LANES, else one per usable CPU. */
  readonly lanes?: number;
  readonly signal?: AbortSignal;
}

export interface PredictOptions {
  /** true (default): texts over the limit are cut. false: they are a RangeError that names texts[i]. */
  readonly truncate?: boolean;
  /** Default: 'interactive' for one text, 'bulk' for more. */
  readonly priority?: Priority;
  readonly signal?: AbortSignal;
}

export interface EvaluateOptions {
  readonly signal?: AbortSignal;
}

export interface Prediction<L extends string = string> {
  readonly label: L;
  /** Probability of `label`. */
  readonly score: number;
  /** Probability of every label. */
  readonly scores: Readonly<Record<L, number>>;
}

export interface ClassifierTrainOptions extends TrainOptions {
  /** Held-out rows, evaluated after each epoch. */
  readonly eval?: LabelledRows;
  /** Cuts rows at this many tokens. Default: the model's limit. */
  readonly maxTokens?: number;
  /** Called after each step; a promise is waited for. */
  readonly onStep?: (progress: StepProgress) => void | Promise<void>;
  /** Called after each epoch and its evaluation; a promise is waited for. */
  readonly onEpoch?: (progress: EpochProgress) => void | Promise<void>;
  readonly signal?: AbortSignal;
}

/** Scores that become objects before other events of the JavaScript thread have their turn: about a millisecond. */
const SCORES_PER_TURN = 4096;

const TRAIN_KNOWN = {
  ...TRAIN_OPTIONS,
  eval: true,
  maxTokens: true,
  onStep: true,
  onEpoch: true,
  signal: true,
} as const;

/** Make it with `encoder.classifier` or `Classifier.load`. */
export class Classifier<L extends string = string> extends TextModel {
  private training = false;

  private constructor(parts: ModelParts) {
    super(parts);
  }

  /** Loads a model folder (f32, f16, bf16 or quantized by Sinter) with a classification head, or adds a new head. */
  static async load<const L extends string = string>(
    path: string,
    options: ClassifierLoadOptions<L> = {},
  ): Promise<Classifier<L>> {
    const where = 'Classifier.load';
    const known = { labels: true, seed: true, maxTokens: true, lanes: true, signal: true } as const;
    const read = readOptions(where, options, known);
    const { labels } = options;
    if (labels !== undefined) checkLabels(where, labels);
    const maxTokens = read.count('maxTokens', undefined);
    const request = {
      task: 'classification',
      ...(labels === undefined ? {} : { labels }),
      ...(maxTokens === undefined ? {} : { maxTokens }),
    } as const;
    const settings = {
      lanes: read.count('lanes', undefined),
      signal: read.signal(),
      seed: read.count('seed', 42, 0),
    };
    return new Classifier<L>(await loadModel(where, path, request, settings));
  }

  /** @internal */
  static fromParts<L extends string>(parts: ModelParts): Classifier<L> {
    return new Classifier<L>(parts);
  }

  /** Label names in the order of the logits. */
  get labels(): readonly L[] {
    return (this.parts.head.labels ?? []) as readonly L[];
  }

  /** One prediction per text or pair, in their order. Throws TypeError or RangeError naming texts[i]. */
  async predict(
    texts: readonly TextInput[],
    options: PredictOptions = {},
  ): Promise<Prediction<L>[]> {
    const logits = await this.forward('predict', texts, options);
    const rows = Math.max(1, Math.floor(SCORES_PER_TURN / logits.cols));
    return makeInTurns(logits.rows, rows, (i) => this.prediction(logits.row(i)));
  }

  /** A batcher for a server: `run(text)` gives what `predict([text])` gives. Dispose it, or the model. */
  batch(options: BatchOptions = {}): Batcher<Prediction<L>> {
    const result = (row: Float32Array) => this.prediction(row);
    return this.batcher(options, { output: 'logits', prepare: (text) => text, result });
  }

  /** The scores before softmax, [texts, labels]. */
  async logits(texts: readonly TextInput[], options: PredictOptions = {}): Promise<Matrix> {
    return this.forward('logits', texts, options);
  }

  /** Predicts all rows and compares with their labels. */
  async evaluate(rows: LabelledRows, options: EvaluateOptions = {}): Promise<Evaluation<L>> {
    const where = 'evaluate';
    const signal = readOptions(where, options, { signal: true }).signal();
    const { graph, tokenizer } = this.parts;
    return this.use(where, async (program) => {
      const { labels } = this;
      const collect = { where, name: 'rows', labels, maxTokens: this.maxTokens, signal };
      const { corpus } = await collectRows(rows, tokenizer, graph, collect);
      return evaluateCorpus(program, graph, corpus, labels, { where, signal });
    });
  }

  /**
   * Fine-tunes all weights on `rows` with AdamW and cross entropy. On success the model has the new weights; an error
   * or an abort leaves the old ones. One training at a time: a second one is OVERLOADED.
   */
  async train(rows: LabelledRows, options: ClassifierTrainOptions = {}): Promise<TrainReport> {
    const settings = readTrainOptions('train', options, TRAIN_KNOWN);
    const read = readOptions('train', options, TRAIN_KNOWN);
    const maxTokens = Math.min(read.count('maxTokens', this.maxTokens), this.maxTokens);
    const onStep = read.callback('onStep');
    const onEpoch = read.callback('onEpoch');
    const own = read.signal();
    const signal = AbortSignal.any([this.ended.signal, ...(own === undefined ? [] : [own])]);
    const request = { settings, maxTokens, onStep, onEpoch, signal, eval: options.eval };
    if (isQuantized(this.parts.graph)) {
      throw new SinterError(
        'UNSUPPORTED_MODEL',
        'train: the model is quantized; train the f32 model and quantize it afterwards',
      );
    }
    if (this.training) throw new SinterError('OVERLOADED', 'train: the model is being trained');
    this.training = true;
    try {
      const { parts } = this;
      const { program, report } = await this.use('train', (current) =>
        trainParts(parts, current, rows, request),
      );
      this.parts = { ...parts, program };
      // Calls that still use the old weights end first; they are not waited for.
      void parts.program.retire();
      if (this.isDisposed) void program.retire();
      return report;
    } finally {
      this.training = false;
    }
  }

  /** A new model with int8 weights; this one still works. */
  async quantize(options: QuantizeOptions = {}): Promise<Classifier<L>> {
    const { parts } = this;
    return this.use(
      'quantize',
      async (program) => new Classifier<L>(await quantizeModel(parts, program, options)),
    );
  }

  private prediction(logits: Float32Array): Prediction<L> {
    const { labels } = this;
    const probabilities = softmax(logits);
    const best = argmax(logits);
    const scores = Object.fromEntries(labels.map((label, i) => [label, probabilities[i]]));
    return {
      label: labels[best] as L,
      score: probabilities[best] ?? 0,
      scores: scores as Record<L, number>,
    };
  }

  private async forward(
    where: string,
    texts: readonly TextInput[],
    options: PredictOptions,
  ): Promise<Matrix> {
    const read = readOptions(where, options, { truncate: true, priority: true, signal: true });
    const truncate = read.boolean('truncate', true);
    const signal = read.signal();
    checkTexts(where, texts);
    const priority = read.choice('priority', defaultPriority(texts.length), PRIORITIES);
    const { graph, tokenizer } = this.parts;
    const request = {
      where,
      output: 'logits',
      maxTokens: this.maxTokens,
      truncate,
      priority,
      signal,
    } as const;
    return this.use(where, (program) => forwardTexts(program, tokenizer, graph, texts, request));
  }
}

/** Throws TypeError unless `labels` is a list of at least two different, non-empty strings. */
export function checkLabels(where: string, labels: readonly string[]): void {
  const what = 'an array of at least two different, non-empty strings';
  if (!Array.isArray(labels)) throw typeMistake(`${where}: labels`, what, labels);
  for (const [i, label] of labels.entries()) {
    if (typeof label !== 'string' || label === '') {
      throw typeMistake(`${where}: labels[${i}]`, 'a non-empty string', label);
    }
    const first = labels.indexOf(label);
    if (first !== i) {
      throw new RangeError(
        `${where}: labels[${i}] must be different from labels[${first}], got ${JSON.stringify(label)}`,
      );
    }
  }
  if (labels.length < 2) throw typeMistake(`${where}: labels`, what, labels);
}
