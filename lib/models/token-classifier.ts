/** A classifier of words: named entities and other spans of a text. */

import { setImmediate as turn } from 'node:timers/promises';
import { BATCH_OPTIONS, type BatchOptions } from '../batching/batch-options.js';
import type { Batcher } from '../batching/batcher.js';
import { EMBEDDED_MODEL } from '../checkpoint/embedded-model.js';
import { loadModel } from '../checkpoint/load-lazily.js';
import {
  HEAD_LOAD_OPTIONS,
  type HeadLoadOptions,
  loadSettings,
} from '../checkpoint/load-options.js';
import type { QuantizeOptions } from '../compress/quantize-model.js';
import { rangeMistake } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import { makeInTurns } from '../core/turns.js';
import { type EntityScores, entityScores } from '../metrics/index.js';
import { argmax, meanCrossEntropy } from '../metrics/logits.js';
import type { NativeProgram } from '../native/program.js';
import type { ModelParts } from '../runtime/model-parts.js';
import {
  type AdapterOption,
  PREDICT_OPTIONS,
  type PredictOptions,
  readPredictOptions,
} from '../runtime/predict-options.js';
import { windowStride } from '../runtime/window-share.js';
import { lossObjective } from '../tasks/text-classification/loss-objective.js';
import {
  type ClassifierLossOptions,
  readLossOptions,
} from '../tasks/text-classification/loss-options.js';
import {
  AGGREGATIONS,
  type Aggregation,
  type Entity,
  type EntityName,
} from '../tasks/token-classification/entities.js';
import {
  type CheckedRow,
  type TaggedRow,
  taggedRows,
  withSameWindows,
} from '../tasks/token-classification/tagged-rows.js';
import { tagTexts } from '../tasks/token-classification/tagged-texts.js';
import {
  type CollectOptions,
  collectRows,
  type RowReader,
  type Rows,
} from '../train/collect-rows.js';
import type { Corpus } from '../train/corpus.js';
import { corpusLogits } from '../train/corpus-logits.js';
import { crossEntropy } from '../train/objectives.js';
import type { TrainReport } from '../train/train-report.js';
import { type TagRunOptions, tagBatch } from './batches/tag-batch.js';
import { checkLabels } from './classifier-labels.js';
import type { CompressOptions } from './compression/options.js';
import type { CompressResult } from './compression/run.js';
import { checkTeacherLimit, type ModelDistillation } from './distillation.js';
import { checkTexts } from './text-model.js';
import {
  TOKEN_DISTILL_OPTIONS,
  type TokenDistillOptions,
  tokenDistillation,
} from './token-distillation.js';
import {
  type EvaluateOptions,
  type Learning,
  MODEL_TRAIN_OPTIONS,
  type ModelTrainOptions,
  TrainableModel,
} from './trainable-model.js';

export interface TokenClassifierLoadOptions<L extends string = string> extends HeadLoadOptions {
  /**
   * Names for the tags of the folder's trained head, as many as it has, in the order of its logits; its weights stay. A
   * folder without a head gets a new, untrained one with these labels.
   */
  readonly labels?: readonly L[];
}

/** Options of `predict` of a token classifier. */
export interface TagOptions<A extends Aggregation = Aggregation> extends PredictOptions {
  /**
   * Left out: a text over the limit is read in windows, and every token counts once. true: it is truncated. false: it throws
   * a RangeError that names texts[i].
   */
  readonly truncate?: boolean;
  /** Tokens that neighbouring windows share, at most half a window. Default: 128, at most a quarter of a window. */
  readonly stride?: number;
  /** How tokens become entities. Default: 'simple'. */
  readonly aggregation?: A;
}

/** Options of `batch` of a token classifier. */
export interface TagBatchOptions extends BatchOptions, AdapterOption {
  /** As for `predict`: left out, texts over the limit are read in windows. */
  readonly truncate?: boolean;
  /** As for `predict`; not with `truncate`. */
  readonly stride?: number;
}

/** Scores on the held-out rows. */
export interface TagScores {
  /** Mean cross entropy over the first tokens of words. */
  readonly loss: number;
  /** Scores over whole entities, all types together. */
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** Share of words whose tag is right. */
  readonly tagAccuracy: number;
}

/** Scores of a token classifier on rows. */
export interface TagEvaluation<L extends string = string> extends TagScores {
  readonly rows: number;
  /** Scores of each type of entity. */
  readonly types: EntityScores['types'];
  /** Tags of each row's words. */
  readonly predicted: readonly (readonly L[])[];
}

/** Options of `train` of a token classifier. */
export type TokenTrainOptions = ModelTrainOptions<TaggedRow, TagScores> &
  TagLossOptions &
  TokenDistillOptions;

/** The loss of a training: those of a classifier with one label, over the first tokens of words. */
export type TagLossOptions = Pick<
  ClassifierLossOptions<'single_label_classification'>,
  'loss' | 'labelSmoothing' | 'classWeights' | 'focalGamma'
>;

const TAG_LOSS_OPTIONS = {
  loss: true,
  labelSmoothing: true,
  classWeights: true,
  focalGamma: true,
} as const;

/** Make it with `TokenClassifier.load`. */
export class TokenClassifier<L extends string = string> extends TrainableModel {
  private constructor(parts: ModelParts) {
    super(parts);
  }

  /**
   * Loads a model folder with a token classification head, or adds a new one to any encoder (without a path: to the one in
   * this package).
   */
  static async load<const L extends string = string>(
    path = EMBEDDED_MODEL,
    options: TokenClassifierLoadOptions<L> = {},
  ): Promise<TokenClassifier<L>> {
    const where = 'TokenClassifier.load';
    const read = readOptions(where, options, { ...HEAD_LOAD_OPTIONS, labels: true });
    const { labels } = options;
    if (labels !== undefined) checkLabels(where, labels, 1);
    const { settings, limit } = loadSettings(read);
    const own = labels === undefined ? {} : { labels };
    const request = { task: 'token-classification', ...own, ...limit } as const;
    return new TokenClassifier<L>(await loadModel(where, path, request, settings));
  }

  /** Tag names in the order of the logits. */
  get labels(): readonly L[] {
    return (this.parts.head.labels ?? []) as readonly L[];
  }

  /** The entities of each text, in the order of the texts. Throws TypeError or RangeError naming texts[i]. */
  async predict<A extends Aggregation = 'simple'>(
    texts: readonly string[],
    options: TagOptions<A> = {},
  ): Promise<Entity<EntityName<L, A>>[][]> {
    const where = 'predict';
    const other = this.routed(where, options);
    if (other !== null) return other.model.predict(texts, other.options);
    checkTexts(where, texts);
    const known = { ...PREDICT_OPTIONS, aggregation: true, stride: true } as const;
    const { truncate, cuts, ...run } = readPredictOptions(where, options, known, texts.length);
    const read = readOptions(where, options, known);
    const aggregation = read.choice('aggregation', 'simple', AGGREGATIONS);
    const { maxTokens } = this;
    const shared = windowStride(where, read.count('stride', undefined, 0), maxTokens);
    const stride = options.truncate === undefined ? shared : null;
    const request = { where, ...run, aggregation, maxTokens, stride, truncate, onCut: cuts.add };
    return this.use(where, async (program) => {
      const found = await tagTexts(program, this.parts, texts, request);
      cuts.report();
      return found as Entity<EntityName<L, A>>[][];
    });
  }

  /**
   * A batcher for a server: `run(text)` resolves with the entities that `predict([text])` has. Long texts are read in windows,
   * each an item of the batches, unless `truncate` is given. Dispose it, or the model.
   */
  batch(
    options: TagBatchOptions = {},
  ): Batcher<Entity<EntityName<L, Aggregation>>[], string, TagRunOptions> {
    const where = 'batch';
    const other = this.routed(where, options);
    if (other !== null) return other.model.batch(other.options);
    const read = readOptions(where, options, { ...BATCH_OPTIONS, stride: true, adapter: true });
    const { stride: given, adapter: _, ...limits } = options;
    const shared = windowStride(where, read.count('stride', undefined, 0), this.maxTokens);
    if (options.truncate !== undefined && given !== undefined)
      throw rangeMistake(`${where}: stride`, 'left out with truncate', given);
    const stride = options.truncate === undefined ? shared : null;
    const settings = { stride, truncate: read.boolean('truncate', true) };
    const made = this.batcher(limits, (model) => tagBatch(model, settings));
    return made as Batcher<Entity<EntityName<L, Aggregation>>[], string, TagRunOptions>;
  }

  /** Tags the words of all rows and compares whole entities, as seqeval does. */
  async evaluate(
    rows: Rows<TaggedRow>,
    options: EvaluateOptions & AdapterOption = {},
  ): Promise<TagEvaluation<L>> {
    const where = 'evaluate';
    const other = this.routed(where, options);
    if (other !== null) return other.model.evaluate(rows, other.options);
    const signal = readOptions(where, options, { adapter: true, signal: true }).signal();
    return (await this.measure(rows, { where, signal }, this.learning())).evaluation;
  }

  /**
   * Fine-tunes all weights on tagged words with AdamW, by default with cross entropy. On success the model has the new weights; an error
   * or an abort leaves the old ones.
   */
  async train(
    rows: Rows<TaggedRow>,
    options: TokenTrainOptions = {},
  ): Promise<TrainReport<TagScores>> {
    const known = {
      ...MODEL_TRAIN_OPTIONS,
      ...TAG_LOSS_OPTIONS,
      ...TOKEN_DISTILL_OPTIONS,
    } as const;
    return this.learn<TaggedRow, TagScores, TokenTrainOptions, TaggedCorpus, TagEvaluation<L>>(
      rows,
      options,
      known,
      (where) => {
        const { labels } = this;
        const problem = 'single_label_classification';
        const { teacher, alpha, temperature, distillation: _, ...plain } = options;
        const choice = readLossOptions(where, plain, { problem, labels });
        const distillation = tokenDistillation(where, options, labels);
        const record = { ...choice.record, ...distillation?.record };
        const tailor = ({ corpus }: TaggedCorpus) => ({
          objective: lossObjective(choice, corpus, labels.length),
        });
        const taught = distillation !== undefined && {
          distillation,
          collect: (rows: Rows<unknown>, { maxTokens, held, ...own }: TagCollectOptions) =>
            this.collect(rows, maxTokens, own, held ? null : distillation.teacher),
        };
        return { ...this.learning(), record, tailor, ...taught };
      },
    );
  }

  /** @internal */
  protected override over(parts: ModelParts): this {
    return new TokenClassifier<L>(parts) as this;
  }

  /**
   * The smallest, fastest form of this model that keeps its quality, with the evidence: fewer tokens, layers, heads and neurons,
   * trained again with this model as the teacher, and int8. This model stays as it is. `report.verdict` says whether the gate is
   * passed: the model is returned in any case. Words without
   * `tags` get those of this model. Throws INVALID_DATA where `eval` has texts of
   * `rows`.
   */
  async compress(
    options: CompressOptions<TaggedRow | Pick<TaggedRow, 'words'>>,
  ): Promise<CompressResult<TokenClassifier<L>>> {
    const { compressModel } = await import('./compression/run.js');
    const { tokenSubject, tokenRows } = await import('./compression/token-subject.js');
    return compressModel<TokenClassifier<L>>(this, options as CompressOptions<never>, {
      make: tokenSubject as never,
      check: tokenRows as never,
      load: (folder) => TokenClassifier.load<L>(folder),
    });
  }

  /** A new model with int8 weights; this one still works. */
  async quantize(options: QuantizeOptions = {}): Promise<TokenClassifier<L>> {
    return new TokenClassifier<L>(await this.quantizedParts(options));
  }

  private learning(): Learning<TaggedCorpus, TagEvaluation<L>, TagScores> {
    return {
      objective: crossEntropy,
      reader: (maxTokens) => this.reader(maxTokens),
      collect: (rows, { maxTokens, ...options }) => this.collect(rows, maxTokens, options),
      evaluate: (program, set, options) => this.score(program, set, options),
      scores: ({ loss, precision, recall, f1, tagAccuracy }) => {
        return { loss, precision, recall, f1, tagAccuracy };
      },
    };
  }

  /** The windows of all rows, and the row of each window. */
  private async collect(
    rows: Rows<unknown>,
    maxTokens: number,
    options: CollectOptions,
    teacher: ModelDistillation['teacher'] = null,
  ): Promise<TaggedCorpus> {
    const { graph, tokenizer } = this.parts;
    const { where, name, signal } = options;
    const windowRows: number[] = [];
    const reader = taggedRows(this.labels, {
      ...{ tokenizer, graph, maxTokens },
      nameOf: (i) => `${where}: ${name}[${i}]`,
      onWindow: (row) => windowRows.push(row),
    });
    if (teacher !== null) checkTeacherLimit(where, maxTokens, teacher.graph);
    const checked =
      teacher === null
        ? reader
        : withSameWindows(reader, this.labels, { ...teacher, maxTokens, signal, where, name });
    const { corpus } = await collectRows(rows, checked, options);
    return { corpus, windowRows };
  }

  /** Reads rows that are streamed: the windows of a row are a list. */
  private reader(maxTokens: number): RowReader<CheckedRow> {
    const { graph, tokenizer } = this.parts;
    let lengths = new Int32Array();
    const reader = taggedRows(this.labels, {
      ...{ tokenizer, graph, maxTokens },
      nameOf: (i) => `train: rows[${i}]`,
      onWindow: (row) => {
        lengths[row] = (lengths[row] ?? 0) + 1;
      },
    });
    return {
      parse: reader.parse,
      encode: async (rows, firstIndex, cancel) => {
        lengths = new Int32Array(firstIndex + rows.length);
        const { batch, truncated } = await reader.encode(rows, firstIndex, cancel);
        const lists = { lengths: lengths.subarray(firstIndex), indices: [...rows.keys()] };
        return { batch: { ...batch, lists }, truncated };
      },
    };
  }

  private async score(
    program: NativeProgram,
    { corpus, windowRows }: TaggedCorpus,
    options: { readonly where: string; readonly signal: AbortSignal | undefined },
  ): Promise<TagEvaluation<L>> {
    const logits = await corpusLogits(program, this.parts.graph, corpus, options);
    const { values } = corpus.targets;
    const truth: L[][] = [];
    const predicted: L[][] = [];
    let token = 0;
    const addWindow = (window: number) => {
      const row = windowRows[window] ?? 0;
      const end = token + corpus.lengthOf(window);
      truth[row] ??= [];
      predicted[row] ??= [];
      for (; token < end; token++) {
        const value = values[token] ?? -1;
        if (value < 0) continue;
        truth[row]?.push(this.labels[value] as L);
        predicted[row]?.push(this.labels[argmax(logits.row(token))] as L);
      }
    };
    await makeInTurns(windowRows.length, WINDOWS_PER_TURN, addWindow, options);
    const { micro, types, tagAccuracy } = entityScores(truth, predicted);
    await turn();
    const loss = meanCrossEntropy(logits, values);
    return { rows: truth.length, loss, ...micro, tagAccuracy, types, predicted };
  }
}

/** Windows that are processed before the event loop turns. */
const WINDOWS_PER_TURN = 256;

type TagCollectOptions = CollectOptions & { readonly maxTokens: number; readonly held: boolean };

interface TaggedCorpus {
  readonly corpus: Corpus;
  /** Row index of each window, which is a text of the corpus. */
  readonly windowRows: readonly number[];
}
