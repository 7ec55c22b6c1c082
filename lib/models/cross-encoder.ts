/**
 * A cross-encoder: reads two texts together and scores how well they match, as rerankers do.
 *
 * It has one logit. The score is its sigmoid, as in sentence-transformers, unless the folder states another activation.
 */

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
import { pearson, spearman } from '../metrics/index.js';
import { meanBinaryCrossEntropy, sigmoid } from '../metrics/logits.js';
import type { ModelParts } from '../runtime/model-parts.js';
import {
  PREDICT_OPTIONS,
  type PredictOptions,
  type RunSettings,
  readPredictOptions,
} from '../runtime/predict-options.js';
import { promptText, withPrompt } from '../runtime/prompts.js';
import { readWindows, WINDOWED_OPTIONS, type WindowedOptions } from '../runtime/windowed-logits.js';
import {
  collectRows,
  type Rows,
  type TextTarget,
  textOf,
  textRows,
} from '../train/collect-rows.js';
import { corpusLogits } from '../train/corpus-logits.js';
import { binaryCrossEntropy } from '../train/objectives.js';
import type { TrainReport } from '../train/train-report.js';
import { checkTexts } from './text-model.js';
import {
  type EvaluateOptions,
  type Learning,
  MODEL_TRAIN_OPTIONS,
  type ModelTrainOptions,
  type RowSet,
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

/** A ranked text. */
export interface Ranked {
  /** Index in the given texts. */
  readonly index: number;
  /** How well the text fits the query; higher is better. */
  readonly score: number;
  /** Whether the pair exceeded the limit and was truncated. */
  readonly truncated: boolean;
}

/** A training row. */
export interface ScoredPair {
  readonly text: string;
  readonly pair: string;
  /** From 0 (no match) to 1. */
  readonly score: number;
}

/** Scores on the held-out rows. */
export interface PairScores {
  /** Mean binary cross entropy. */
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

/** Options of `train` of a cross-encoder. */
export type CrossEncoderTrainOptions = ModelTrainOptions<ScoredPair, PairScores>;

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
    checkTexts('score', pairs);
    const run = readPredictOptions('score', options, SCORE_OPTIONS, pairs.length);
    return this.scores('score', pairs, run, options);
  }

  /** The texts sorted by how well they match the query, best first. */
  async rank(
    query: string,
    texts: readonly string[],
    options: RankOptions = {},
  ): Promise<Ranked[]> {
    const where = 'rank';
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

  /** Scores all rows and compares the results with the rows' scores. */
  async evaluate(rows: Rows<ScoredPair>, options: EvaluateOptions = {}): Promise<PairEvaluation> {
    const where = 'evaluate';
    const signal = readOptions(where, options, { signal: true }).signal();
    const measured = await this.measure(rows, { where, signal }, this.learning());
    return { ...measured.evaluation, truncated: measured.truncated };
  }

  /**
   * Fine-tunes all weights on scored pairs, or with `method: 'head'` those of the head, with AdamW and binary cross entropy. On success the model has the new weights; an
   * error or an abort leaves the old ones.
   */
  async train(
    rows: Rows<ScoredPair>,
    options: CrossEncoderTrainOptions = {},
  ): Promise<TrainReport<PairScores>> {
    return this.learn(rows, options, MODEL_TRAIN_OPTIONS, () => this.learning());
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

  private reader(maxTokens: number) {
    const { graph, tokenizer } = this.parts;
    const target = { width: 1, kind: 'numbers' } as const;
    const prompt = promptText('rows', this.parts.sentence, undefined);
    const parse = (at: string, row: unknown) => {
      const { input, target: score } = parsePair(at, row);
      return { input: withPrompt(prompt, input), target: score };
    };
    return textRows(parse, target, { tokenizer, graph, maxTokens });
  }

  private learning(): Learning<RowSet, Omit<PairEvaluation, 'truncated'>, PairScores> {
    const { graph } = this.parts;
    return {
      objective: binaryCrossEntropy,
      reader: (maxTokens) => this.reader(maxTokens),
      collect: (rows, { maxTokens, ...options }) =>
        collectRows(rows, this.reader(maxTokens), options),
      evaluate: async (program, { corpus }, { graph: own = graph, ...options }) => {
        const logits = await corpusLogits(program, own, corpus, options);
        const { values } = corpus.targets;
        const predicted = Array.from(logits.data, this.activation);
        const alone = corpus.size < 2;
        return {
          rows: corpus.size,
          loss: meanBinaryCrossEntropy(logits, values),
          pearson: alone ? Number.NaN : pearson(values, predicted),
          spearman: alone ? Number.NaN : spearman(values, predicted),
          predicted,
        };
      },
      scores: ({ loss, pearson: r, spearman: rho }) => ({ loss, pearson: r, spearman: rho }),
    };
  }
}

function parsePair(at: string, row: unknown): TextTarget {
  const input = textOf(at, row, 'text, pair and score');
  if (typeof input === 'string') throw typeMistake(`${at}.pair`, 'a string', undefined);
  const { score } = row as { readonly score?: unknown };
  if (typeof score !== 'number' || !(score >= 0 && score <= 1)) {
    throw typeMistake(`${at}.score`, 'a number from 0 to 1', score);
  }
  return { input, target: [score] };
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
