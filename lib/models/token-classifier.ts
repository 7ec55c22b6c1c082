/**
 * A tagger of words: named entities and other spans of a text.
 */

import type { NativeProgram } from '../core/native.js';
import { readOptions } from '../core/options.js';
import { type EntityScores, entityScores, type Tags } from '../metrics/index.js';
import type { Corpus } from '../train/corpus.js';
import { crossEntropy } from '../train/objectives.js';
import type { TrainReport } from '../train/train-report.js';
import { forwardAligned, PIECE_TEXTS } from './aligned-forward.js';
import { checkLabels } from './classifier.js';
import { collectRows, collectSets, type Rows } from './collect-rows.js';
import { AGGREGATIONS, type Aggregation, type Entity, entitiesOfWindow } from './entities.js';
import { EMBEDDED_MODEL, loadModel } from './load-model.js';
import type { ModelParts } from './model-parts.js';
import { argmax, meanCrossEntropy } from './numbers.js';
import {
  HEAD_LOAD_OPTIONS,
  type HeadLoadOptions,
  loadSettings,
  PREDICT_OPTIONS,
  type PredictOptions,
  readPredictOptions,
} from './predict-options.js';
import type { QuantizeOptions } from './quantize-model.js';
import { type TaggedRow, taggedRows } from './tagged-rows.js';
import { checkTexts } from './text-model.js';
import {
  type EvaluateOptions,
  MODEL_TRAIN_OPTIONS,
  type ModelTrainOptions,
  TrainableModel,
} from './trainable-model.js';
import { corpusLogits } from './training.js';

export interface TokenClassifierLoadOptions<L extends string = string> extends HeadLoadOptions {
  /**
   * Names for the tags of the folder's trained head, as many as it has and in its order; its weights stay. A folder without a
   * head gets a new, untrained one for them.
   */
  readonly labels?: readonly L[];
}

export interface TagOptions extends PredictOptions {
  /** How tokens become entities. Default: 'simple'. */
  readonly aggregation?: Aggregation;
}

/** Scores on the held-out rows. */
export interface TagScores {
  /** Mean cross entropy of the first tokens of words. */
  readonly loss: number;
  /** Of whole entities, over all types. */
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** Share of words whose tag is right. */
  readonly tagAccuracy: number;
}

export interface TagEvaluation extends TagScores {
  readonly rows: number;
  readonly types: EntityScores['types'];
  /** Tags of each row's words, as far as they were not cut off. */
  readonly predicted: readonly Tags[];
}

export type TokenTrainOptions = ModelTrainOptions<TaggedRow, TagScores>;

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

  /** The entities of each text, in their order. Throws TypeError or RangeError naming texts[i]. */
  async predict(texts: readonly string[], options: TagOptions = {}): Promise<Entity[][]> {
    const where = 'predict';
    checkTexts(where, texts);
    const known = { ...PREDICT_OPTIONS, aggregation: true } as const;
    const { truncate, ...run } = readPredictOptions(where, options, known, texts.length);
    const read = readOptions(where, options, known);
    const aggregation = read.choice('aggregation', 'simple', AGGREGATIONS);
    const { maxTokens, labels } = this;
    const { graph, tokenizer } = this.parts;
    return this.use(where, async (program) => {
      const found: Entity[][] = [];
      for (let firstIndex = 0; firstIndex < texts.length; firstIndex += PIECE_TEXTS) {
        const piece = texts.slice(firstIndex, firstIndex + PIECE_TEXTS);
        const encode = { maxTokens, truncate, firstIndex, signal: run.signal };
        const aligned = await tokenizer.encodeAligned(piece, encode);
        const all = await forwardAligned(program, graph, aligned, { where, ...run });
        for (const [i, text] of piece.entries()) {
          found.push(entitiesOfWindow(text, all, i, labels, aggregation));
        }
      }
      return found;
    });
  }

  /** Tags the words of all rows and compares whole entities, as seqeval does. */
  async evaluate(rows: Rows<TaggedRow>, options: EvaluateOptions = {}): Promise<TagEvaluation> {
    const where = 'evaluate';
    const signal = readOptions(where, options, { signal: true }).signal();
    return this.use(where, async (program) => {
      const reader = this.reader(this.maxTokens, signal);
      const { corpus } = await collectRows(rows, reader, { where, name: 'rows', signal });
      return this.score(program, corpus, { where, signal });
    });
  }

  /**
   * Fine-tunes all weights on tagged words with AdamW and cross entropy. On success the model has the new weights; an error
   * or an abort leaves the old ones.
   */
  async train(
    rows: Rows<TaggedRow>,
    options: TokenTrainOptions = {},
  ): Promise<TrainReport<TagScores>> {
    const known = MODEL_TRAIN_OPTIONS;
    return this.runTraining<TaggedRow, TagScores, TokenTrainOptions>(
      options,
      known,
      async ({ where, maxTokens, signal }) => {
        const readers = {
          train: this.reader(maxTokens, signal),
          held: this.reader(this.maxTokens, signal),
        };
        const { train, held } = await collectSets(rows, options.eval, readers, { where, signal });
        const evaluate =
          held &&
          (async (program: NativeProgram) => {
            const scored = await this.score(program, held.corpus, { where, signal });
            const { loss, precision, recall, f1, tagAccuracy } = scored;
            return { loss, precision, recall, f1, tagAccuracy };
          });
        return { ...train, objective: crossEntropy, evaluate };
      },
    );
  }

  /** A new model with int8 weights; this one still works. */
  async quantize(options: QuantizeOptions = {}): Promise<TokenClassifier<L>> {
    return new TokenClassifier<L>(await this.quantizedParts(options));
  }

  private reader(maxTokens: number, signal: AbortSignal | undefined) {
    const { graph, tokenizer } = this.parts;
    return taggedRows(this.labels, { tokenizer, graph, maxTokens, signal });
  }

  private async score(
    program: NativeProgram,
    corpus: Corpus,
    options: { readonly where: string; readonly signal: AbortSignal | undefined },
  ): Promise<TagEvaluation> {
    const logits = await corpusLogits(program, this.parts.graph, corpus, options);
    const { values } = corpus.targets;
    const truth: string[][] = [];
    const predicted: string[][] = [];
    let token = 0;
    for (let row = 0; row < corpus.size; row++) {
      const end = token + corpus.lengthOf(row);
      const counted: number[] = [];
      for (; token < end; token++) if ((values[token] ?? -1) >= 0) counted.push(token);
      truth.push(counted.map((i) => this.labels[values[i] ?? 0] ?? ''));
      predicted.push(counted.map((i) => this.labels[argmax(logits.row(i))] ?? ''));
    }
    const { micro, types, tagAccuracy } = entityScores(truth, predicted);
    const loss = meanCrossEntropy(logits, values);
    return { rows: corpus.size, loss, ...micro, tagAccuracy, types, predicted };
  }
}
