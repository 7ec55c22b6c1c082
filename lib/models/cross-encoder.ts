/**
 * A cross-encoder: reads two texts together and scores how well they match, as rerankers do.
 *
 * It has one logit. The score is its sigmoid, as in sentence-transformers, unless the folder states another activation.
 */

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
import { SinterError, typeMistake } from '../core/errors.js';
import { isJsonObject, type JsonObject } from '../core/json.js';
import { readOptions } from '../core/options.js';
import { sigmoid } from '../metrics/logits.js';
import type { ModelParts } from '../runtime/model-parts.js';
import {
  type AdapterOption,
  PREDICT_OPTIONS,
  type PredictOptions,
  type RunSettings,
  readPredictOptions,
} from '../runtime/predict-options.js';
import { promptText, withPrompt } from '../runtime/prompts.js';
import { readWindows, WINDOWED_OPTIONS, type WindowedOptions } from '../runtime/windowed-logits.js';
import type {
  RerankingEvaluation,
  RerankingScores,
} from '../tasks/reranking/evaluate-reranking.js';
import {
  RERANKING_OPTIONS,
  type RerankingOptions,
  readRerankingOptions,
} from '../tasks/reranking/loss-options.js';
import type {
  CrossEncoderRow,
  QueryRow,
  RankedRow,
  ScoredPair,
} from '../tasks/reranking/reranking-rows.js';
import type { TextPair } from '../tokenize/text-tokenizer.js';
import type { Rows } from '../train/collect-rows.js';
import type { TrainReport } from '../train/train-report.js';
import { type PairRunOptions, pairBatch } from './batches/pair-batch.js';
import type { CompressOptions } from './compression/options.js';
import type { CompressResult } from './compression/run.js';
import { crossEncoderLearning } from './cross-encoder-learning.js';
import { checkTexts } from './text-model.js';
import {
  type EvaluateOptions,
  MODEL_TRAIN_OPTIONS,
  type ModelTrainOptions,
  TrainableModel,
} from './trainable-model.js';

/** Options of `CrossEncoder.load`. */
export type CrossEncoderLoadOptions = HeadLoadOptions;

export interface ScoreOptions extends PredictOptions, WindowedOptions {
  /**
   * Name of a prompt of the model, which is put in front of the first text of a pair. Default: the model's default prompt,
   * if any.
   */
  readonly promptName?: string;
}

export interface RankOptions extends ScoreOptions {
  /** How many texts to return. Default: all. */
  readonly topK?: number;
}

/** Options of `batch` of a cross-encoder. */
export interface PairBatchOptions extends BatchOptions, WindowedOptions, AdapterOption {
  /** As for `score`; applies to every pair of the batcher. */
  readonly promptName?: string;
}

/** A ranked text. */
export interface Ranked {
  /** Index in the given texts. */
  readonly index: number;
  /** How well the text fits the query; higher is better. */
  readonly score: number;
  /** Whether the pair exceeded the limit and was truncated. */
  readonly truncated: boolean;
}

/** Scores on the held-out rows. */
export interface PairScores {
  /** Mean binary cross entropy; after a training with `mse` the mean squared error. */
  readonly loss: number;
  readonly pearson: number;
  readonly spearman: number;
}

/** Scores of a cross-encoder on scored pairs. */
export interface PairEvaluation extends PairScores {
  readonly rows: number;
  /** Scores of the rows. */
  readonly predicted: readonly number[];
  /** Number of rows that exceeded the length limit and were truncated. */
  readonly truncated: number;
}

/** What `evaluate` returns for rows of a type. */
export type CrossEncoderEvaluation<Row extends CrossEncoderRow> = Row extends QueryRow | RankedRow
  ? RerankingEvaluation & { readonly truncated: number }
  : PairEvaluation;

/** The scores that a training reports for held-out rows of a type. */
export type CrossEncoderScores<Row extends CrossEncoderRow> = Row extends QueryRow | RankedRow
  ? RerankingScores
  : PairScores;

/** Options of `train` of a cross-encoder; `Held` is the type of the held-out rows. */
export interface CrossEncoderTrainOptions<Held extends CrossEncoderRow = ScoredPair>
  extends ModelTrainOptions<Held, CrossEncoderScores<Held>>,
    RerankingOptions {}

/** Options of `evaluate` of a cross-encoder. */
export interface CrossEncoderEvaluateOptions extends EvaluateOptions, AdapterOption {
  /** Of pairs: what `loss` is. `mse` allows any finite score. Default: binary_cross_entropy. */
  readonly loss?: 'binary_cross_entropy' | 'mse';
}

const SCORE_OPTIONS = { ...PREDICT_OPTIONS, ...WINDOWED_OPTIONS, promptName: true } as const;

/** The label of a new head, named as in transformers. */
const LABELS = ['LABEL_0'];

/** Make it with `CrossEncoder.load`. */
export class CrossEncoder extends TrainableModel {
  private readonly activation: (logit: number) => number;

  private constructor(parts: ModelParts) {
    super(withActivation(parts));
    this.activation = activationOf(parts);
  }

  /**
   * Loads a folder with a classification head of one label, or adds a new one to any encoder (without a path: to the one in
   * this package).
   */
  static async load(
    path = EMBEDDED_MODEL,
    options: CrossEncoderLoadOptions = {},
  ): Promise<CrossEncoder> {
    const where = 'CrossEncoder.load';
    const read = readOptions(where, options, HEAD_LOAD_OPTIONS);
    const { settings, limit } = loadSettings(read);
    const head = limit.newHead ? ({ labels: LABELS, problem: 'regression' } as const) : {};
    const parts = await loadModel(
      where,
      path,
      { task: 'classification', ...head, ...limit },
      settings,
    );
    try {
      const count = parts.head.labels?.length ?? 0;
      if (count !== 1)
        throw unsupported(path, `its head has ${count} labels; load it as a Classifier`);
      return new CrossEncoder(parts);
    } catch (error) {
      await parts.program.retire();
      throw error;
    }
  }

  /** A score for each pair of texts. Throws TypeError or RangeError naming texts[i]. */
  async score(
    pairs: readonly (readonly [string, string])[],
    options: ScoreOptions = {},
  ): Promise<number[]> {
    const other = this.routed('score', options);
    if (other !== null) return other.model.score(pairs, other.options);
    checkTexts('score', pairs);
    const run = readPredictOptions('score', options, SCORE_OPTIONS, pairs.length);
    return this.scores('score', pairs, run, options);
  }

  /**
   * A batcher for a server: `run([query, text])` resolves with the score that `score([[query, text]])` has. Dispose it, or the
   * model.
   */
  batch(options: PairBatchOptions = {}): Batcher<number, TextPair, PairRunOptions> {
    const where = 'batch';
    const other = this.routed(where, options);
    if (other !== null) return other.model.batch(other.options);
    const read = readOptions(where, options, {
      ...{ ...BATCH_OPTIONS, ...WINDOWED_OPTIONS, promptName: true, adapter: true },
    });
    const windows = readWindows(where, options, this.maxTokens);
    const truncate = read.boolean('truncate', true);
    const { windows: _, stride: __, promptName, adapter: ___, ...limits } = options;
    const settings = { truncate, windows, promptName, activation: this.activation };
    return this.batcher(limits, (model) => pairBatch(model, settings));
  }

  /** The texts sorted by how well they match the query, best first. */
  async rank(
    query: string,
    texts: readonly string[],
    options: RankOptions = {},
  ): Promise<Ranked[]> {
    const where = 'rank';
    const other = this.routed(where, options);
    if (other !== null) return other.model.rank(query, texts, other.options);
    if (typeof query !== 'string') throw typeMistake(`${where}: query`, 'a string', query);
    checkTexts(where, texts);
    const known = { ...SCORE_OPTIONS, topK: true } as const;
    const run = readPredictOptions(where, options, known, texts.length);
    const topK = readOptions(where, options, known).count('topK', texts.length, 1);
    const pairs = texts.map((text) => [query, text] as const);
    const scores = await this.scores(where, pairs, run, options);
    const order = scores.map((score, index) => {
      return { index, score, truncated: run.cuts.has(index) };
    });
    return order.sort((a, b) => b.score - a.score || a.index - b.index).slice(0, topK);
  }

  /**
   * Scores all rows by their fields: pairs with a score (correlations with the scores), queries with a positive or with docs
   * and labels (how well the scores rank them). Throws TypeError or RangeError naming rows[i].
   */
  async evaluate<Row extends CrossEncoderRow>(
    rows: Rows<Row>,
    options: CrossEncoderEvaluateOptions = {},
  ): Promise<CrossEncoderEvaluation<Row>> {
    const where = 'evaluate';
    const other = this.routed(where, options);
    if (other !== null) return other.model.evaluate(rows, other.options);
    const read = readOptions(where, options, { adapter: true, signal: true, loss: true });
    const signal = read.signal();
    const loss = read.choice('loss', undefined, ['binary_cross_entropy', 'mse'] as const);
    const settings = { loss, given: {}, batchSampler: undefined };
    const learning = crossEncoderLearning(this.parts, settings, this.activation);
    const measured = await this.measure(rows, { where, signal }, learning);
    const { evaluation, truncated } = measured;
    return { ...evaluation, truncated } as unknown as CrossEncoderEvaluation<Row>;
  }

  /**
   * Fine-tunes all weights, or with `method: 'head'` those of the head (pairs only), with a loss that fits the rows: pairs with
   * a score, queries with a positive and negatives, or queries with docs and labels. On success the model has the new weights;
   * an error or an abort leaves the old ones. Throws TypeError or RangeError naming rows[i].
   */
  async train<Held extends CrossEncoderRow = ScoredPair>(
    rows: Rows<CrossEncoderRow>,
    options: CrossEncoderTrainOptions<Held> = {},
  ): Promise<TrainReport<CrossEncoderScores<Held>>> {
    const known = { ...MODEL_TRAIN_OPTIONS, ...RERANKING_OPTIONS } as const;
    const { method } = options;
    return this.learn(rows as Rows<Held>, options, known, (where) => {
      const settings = { ...readRerankingOptions(where, options), method };
      return crossEncoderLearning<CrossEncoderScores<Held>>(this.parts, settings, this.activation);
    });
  }

  /** @internal */
  protected override over(parts: ModelParts): this {
    return new CrossEncoder(parts) as this;
  }

  /**
   * The smallest, fastest form of this model that keeps its quality, with the evidence: fewer tokens, layers, heads and neurons,
   * trained again with this model as the teacher, and int8. This model stays as it is. `report.verdict` says whether the gate is
   * passed: the model is returned in any case. Pairs without
   * a score are compared with this model's. Throws INVALID_DATA where `eval` has texts of
   * `rows`.
   */
  async compress(
    options: CompressOptions<CrossEncoderRow | Omit<ScoredPair, 'score'>>,
  ): Promise<CompressResult<CrossEncoder>> {
    const { compressModel } = await import('./compression/run.js');
    const { rerankingSubject, rerankingRows } = await import('./compression/reranking-subject.js');
    return compressModel<CrossEncoder>(this, options as CompressOptions<never>, {
      make: rerankingSubject as never,
      check: rerankingRows as never,
      load: (folder) => CrossEncoder.load(folder),
    });
  }

  /** A new model with int8 weights; this one still works. */
  async quantize(options: QuantizeOptions = {}): Promise<CrossEncoder> {
    return new CrossEncoder(await this.quantizedParts(options));
  }

  private async scores(
    where: string,
    pairs: readonly (readonly [string, string])[],
    run: RunSettings,
    options: ScoreOptions,
  ): Promise<number[]> {
    for (const [i, pair] of pairs.entries()) {
      if (!Array.isArray(pair))
        throw typeMistake(`${where}: texts[${i}]`, 'a pair of strings', pair);
    }
    const prompt = promptText(where, this.parts.sentence, options.promptName);
    const prompted = prompt === '' ? pairs : pairs.map((pair) => withPrompt(prompt, pair));
    const windows = readWindows(where, options, this.maxTokens);
    const { data } = await this.forward(where, prompted, run, windows);
    return Array.from(data, this.activation);
  }
}

const SIGMOID = 'torch.nn.modules.activation.Sigmoid';

/**
 * Name of the activation, from the places where sentence-transformers looks: its own file (from 5.4), config.json (from 4),
 * the key of older versions in config.json.
 */
function activationName({ config, sentence }: ModelParts): string {
  const own: JsonObject = isJsonObject(config.sentence_transformers)
    ? config.sentence_transformers
    : {};
  const older = own.activation_fn ?? config.sbert_ce_default_activation_function;
  return String(sentence?.activation ?? older ?? SIGMOID);
}

function activationOf(parts: ModelParts): (logit: number) => number {
  const stated = activationName(parts);
  const name = stated.slice(stated.lastIndexOf('.') + 1);
  if (stated === name || stated.startsWith('torch.')) {
    if (name === 'Sigmoid') return sigmoid;
    if (name === 'Identity') return (logit) => logit;
  }
  const what = `unsupported activation ${JSON.stringify(stated)} of a cross-encoder`;
  throw unsupported(parts.path, `${what} (supported: Sigmoid, Identity of torch.nn)`);
}

/**
 * Writes the activation to both places: all versions of sentence-transformers read config.json, and it tells `sinter
 * evaluate` that the folder is a cross-encoder.
 */
function withActivation(parts: ModelParts): ModelParts {
  const { config, sentence } = parts;
  const activation = activationName(parts);
  const { sbert_ce_default_activation_function: _, ...rest } = config;
  const own = isJsonObject(config.sentence_transformers) ? config.sentence_transformers : {};
  return {
    ...parts,
    config: { ...rest, sentence_transformers: { ...own, activation_fn: activation } },
    sentence: sentence && { ...sentence, activation },
  };
}

function unsupported(path: string, what: string): SinterError {
  return new SinterError('UNSUPPORTED_MODEL', `${path}: ${what}`, { details: { file: path } });
}
