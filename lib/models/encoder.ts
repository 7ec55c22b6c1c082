/**
 * A text encoder: texts in, one vector per text out.
 *
 * The way from token vectors to one vector is stated in the model's sentence-transformers files or by the caller; it is
 * never guessed.
 */

import { BATCH_OPTIONS, type BatchOptions } from '../batching/batch-options.js';
import type { Batcher } from '../batching/batcher.js';
import { EMBEDDED_MODEL } from '../checkpoint/embedded-model.js';
import { loadModel } from '../checkpoint/load-lazily.js';
import { LOAD_OPTIONS, type LoadOptions, loadSettings } from '../checkpoint/load-options.js';
import type { QuantizeOptions } from '../compress/quantize-model.js';
import { rangeMistake, SinterError } from '../core/errors.js';
import type { Matrix } from '../core/matrix.js';
import { readOptions } from '../core/options.js';
import type {
  ClassificationProblem,
  GraphRequest,
  SentenceSettings,
  SimilarityName,
} from '../graph/checkpoint.js';
import { isQuantized } from '../graph/rewrite/quantize.js';
import { PLAIN_SENTENCE, sentenceHead } from '../graph/sentence.js';
import { POOL_KINDS, type PoolKind } from '../graph/types.js';
import { forwardTexts, outputWidth } from '../runtime/forward.js';
import type { ModelParts } from '../runtime/model-parts.js';
import {
  type AdapterOption,
  PREDICT_OPTIONS,
  type PredictOptions,
  readPredictOptions,
} from '../runtime/predict-options.js';
import { promptText, unpooledTokens, withPrompt } from '../runtime/prompts.js';
import { hasUnitRows, scaleToUnit } from '../runtime/unit-vectors.js';
import type { EmbeddingRow } from '../tasks/embedding/embedding-rows.js';
import type { EmbeddingEvaluation } from '../tasks/embedding/evaluate-embeddings.js';
import {
  EMBEDDING_LOSS_OPTIONS,
  type EmbeddingLossOptions,
  readLossOptions,
} from '../tasks/embedding/loss-options.js';
import type { TaughtText } from '../tasks/embedding/taught-texts.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';
import type { Rows } from '../train/collect-rows.js';
import type { TrainReport } from '../train/train-report.js';
import { Classifier } from './classifier.js';
import { checkLabels, readProblem } from './classifier-labels.js';
import type { CompressOptions } from './compression/options.js';
import type { CompressResult } from './compression/run.js';
import { embeddingLearning } from './embedding-learning.js';
import type { EncoderDistillation } from './encoder-distillation.js';
import { checkTexts } from './text-model.js';
import {
  type EvaluateOptions,
  MODEL_TRAIN_OPTIONS,
  type ModelTrainOptions,
  TrainableModel,
} from './trainable-model.js';

/** Options of `Encoder.load`. */
export interface EncoderLoadOptions extends LoadOptions {
  /**
   * Replaces the pooling in the sentence-transformers files; must be given if there are none. For a list, the vectors are
   * concatenated.
   */
  readonly pooling?: PoolKind | readonly PoolKind[];
  /**
   * Scale vectors to length 1, before a `truncate_dim` of the files shortens them. Default: as in the sentence-transformers
   * files, else false.
   */
  readonly normalize?: boolean;
}

/** Options of `embed`. */
export interface EmbedOptions extends PredictOptions {
  /** Name of a prompt of the model, which is put in front of every text. Default: the model's default prompt, if any. */
  readonly promptName?: string;
  /**
   * Keeps this many leading numbers of each vector, for models that were trained so that these are vectors of their own
   * (Matryoshka). Vectors of length 1 are scaled to length 1 again. Default: all `dimensions` of the model.
   */
  readonly dimensions?: number;
}

/** Options of `train` of an encoder. */
export interface EncoderTrainOptions
  extends ModelTrainOptions<EmbeddingRow, EmbeddingEvaluation>,
    EmbeddingLossOptions {}

/** Options of `train` of an encoder that learns from a teacher. */
export interface EncoderDistillOptions
  extends ModelTrainOptions<EmbeddingRow, EmbeddingEvaluation> {
  readonly distillation: EncoderDistillation;
}

/** Options of `batch` of an encoder. */
export interface EncoderBatchOptions extends BatchOptions, AdapterOption {
  /** As for `embed`; applies to every text of the batcher. */
  readonly promptName?: string;
  /** As for `embed`. */
  readonly dimensions?: number;
}

/** Options of the new classifier on an encoder. */
export interface ClassifierOptions<
  L extends string,
  K extends ClassificationProblem = 'single_label_classification',
> {
  /**
   * Names of the labels in the order of the logits: at least two different ones, or at least one for several labels or
   * numbers.
   */
  readonly labels: readonly L[];
  /** The kind of problem: one label per text (default), any number of labels, or numbers. */
  readonly problem?: K;
  /** Seed for the new head's weights. Default: 42. */
  readonly seed?: number;
  /**
   * The head is one product over the tokens pooled in this way, as sentence-transformers and setfit put a head on a sentence
   * encoder. Such a model is saved with its graph, and transformers does not load it. Default: the head of the encoder's
   * family, for BERT a pooler over the first token.
   */
  readonly pooling?: PoolKind;
  /**
   * Longest text in tokens, at most the encoder's positions. Default: `model_max_length` of the tokenizer, else the number
   * of positions.
   */
  readonly maxTokens?: number;
}

/** Make it with `Encoder.load`. */
export class Encoder extends TrainableModel {
  private constructor(parts: ModelParts) {
    super(parts);
  }

  /**
   * Loads a model folder, an ONNX file, or a model id (`org/name`) from the Hugging Face cache; without a path the
   * all-MiniLM-L6-v2 inside this package. Nothing is downloaded unless `download` is true.
   */
  static async load(path = EMBEDDED_MODEL, options: EncoderLoadOptions = {}): Promise<Encoder> {
    const where = 'Encoder.load';
    const read = readOptions(where, options, { pooling: true, normalize: true, ...LOAD_OPTIONS });
    const pooling = readPooling(`${where}: pooling`, options.pooling);
    const normalize = read.boolean('normalize', undefined);
    const { settings, limit } = loadSettings(read);
    const request: GraphRequest = {
      task: 'embedding',
      ...(pooling === undefined ? {} : { pooling }),
      ...(normalize === undefined ? {} : { normalize }),
      ...limit,
    };
    const parts = await loadModel(where, path, request, settings);
    if (parts.graph.outputs.embedding === undefined) {
      await parts.program.retire();
      throw new SinterError(
        'UNSUPPORTED_MODEL',
        `${path}: no sentence-transformers files say how to pool token vectors; ` +
          `give pooling: ${POOL_KINDS.map((kind) => `'${kind}'`).join(', ')}`,
        { details: { file: path } },
      );
    }
    const sentence = {
      ...(parts.sentence ?? PLAIN_SENTENCE),
      ...sentenceHead(parts.sentence, request),
      maxTokens: parts.graph.maxTokens,
    };
    return new Encoder({ ...parts, sentence });
  }

  /** Length of a vector: the width of the encoder's output, or `truncate_dim` if the model's files have one. */
  get dimensions(): number {
    return Math.min(this.width, this.sentence.truncateDim ?? this.width);
  }

  private get width(): number {
    return outputWidth(this.parts.graph, 'embedding');
  }

  /** The similarity that the vectors were trained for: `similarity_fn_name` of the model's files. */
  get similarityFnName(): SimilarityName {
    return this.sentence.similarityFnName;
  }

  /** Texts to put in front of a text, by name. */
  get prompts(): Readonly<Record<string, string>> {
    return this.sentence.prompts;
  }

  /**
   * One vector per text or pair, [texts, dimensions], in the same order. A vector has the same bits whatever other texts are
   * embedded with it. For one string: its vector, in memory of its own. Throws TypeError or RangeError naming texts[i].
   */
  async embed(text: string, options?: EmbedOptions): Promise<Float32Array>;
  async embed(texts: readonly TextInput[], options?: EmbedOptions): Promise<Matrix>;
  async embed(
    texts: string | readonly TextInput[],
    options: EmbedOptions = {},
  ): Promise<Float32Array | Matrix> {
    if (typeof texts === 'string') return (await this.embedAll([texts], options)).data;
    return this.embedAll(texts, options);
  }

  private async embedAll(texts: readonly TextInput[], options: EmbedOptions): Promise<Matrix> {
    const where = 'embed';
    const other = this.routed(where, options);
    if (other !== null) return other.model.embedAll(texts, other.options);
    checkTexts(where, texts, 'a string or an array of strings');
    const known = { ...PREDICT_OPTIONS, promptName: true, dimensions: true } as const;
    const { cuts, ...run } = readPredictOptions(where, options, known, texts.length);
    const columns = this.readDimensions(where, options.dimensions);
    const { graph, tokenizer } = this.parts;
    const prompt = promptText(where, this.sentence, options.promptName);
    const prompted = prompt === '' ? texts : texts.map((text) => withPrompt(prompt, text));
    const { maxTokens } = this;
    const request = { where, output: 'embedding', maxTokens, ...run, onCut: cuts.add } as const;
    const vectors = await this.use(where, async (program) => {
      const unpooled = await this.promptTokens(prompt);
      return forwardTexts(program, tokenizer, graph, prompted, { ...request, unpooled, columns });
    });
    cuts.report();
    if (options.dimensions !== undefined && hasUnitRows(graph)) {
      for (const row of vectors) scaleToUnit(row);
    }
    return vectors;
  }

  /**
   * A batcher for a server: `run(text)` resolves with the vector that `embed([text])` has, in memory of its own. Dispose it,
   * or the model.
   */
  batch(options: EncoderBatchOptions = {}): Batcher<Float32Array> {
    const other = this.routed('batch', options);
    if (other !== null) return other.model.batch(other.options);
    const known = { ...BATCH_OPTIONS, promptName: true, dimensions: true, adapter: true } as const;
    readOptions('batch', options, known);
    const { promptName, dimensions: wanted, adapter: _, ...limits } = options;
    const dimensions = this.readDimensions('batch', wanted);
    const isScaled = wanted !== undefined && hasUnitRows(this.parts.graph);
    const prompt = promptText('batch', this.sentence, promptName);
    const prepare = (text: TextInput) => (prompt === '' ? text : withPrompt(prompt, text));
    const result = (row: Float32Array) => {
      const vector = row.slice(0, dimensions);
      if (isScaled) scaleToUnit(vector);
      return vector;
    };
    const unpooled = () => this.promptTokens(prompt);
    return this.batcher(limits, { output: 'embedding', prepare, result, unpooled });
  }

  /** A new, untrained classifier with this encoder's weights; training it does not change the encoder. */
  async classifier<
    const L extends string,
    K extends ClassificationProblem = 'single_label_classification',
  >(options: ClassifierOptions<L, K>): Promise<Classifier<L, K>> {
    const where = 'classifier';
    const known = {
      labels: true,
      problem: true,
      seed: true,
      pooling: true,
      maxTokens: true,
    } as const;
    const read = readOptions(where, options, known);
    const { labels } = options;
    const problem = readProblem(where, options.problem);
    checkLabels(where, labels, problem === 'single_label_classification' ? 2 : 1);
    const seed = read.count('seed', 42, 0);
    const pooling = read.choice('pooling', undefined, POOL_KINDS);
    const maxTokens = read.count('maxTokens', undefined);
    const { parts } = this;
    if (isQuantized(parts.graph)) {
      throw new SinterError(
        'UNSUPPORTED_MODEL',
        'classifier: the encoder is quantized; make the classifier from the f32 encoder',
      );
    }
    return this.use(where, async (source) => {
      const head = { task: 'classification', labels, problem } as const;
      const { withNewHead } = await import('../checkpoint/new-head.js');
      const made = await withNewHead(where, parts, source, head, { seed, maxTokens, pooling });
      return Classifier.fromParts<L, K>(made);
    });
  }

  /** With `distillation`: on texts without labels, from a teacher. No option of a loss is allowed then. */
  async train(
    rows: Rows<string | TaughtText>,
    options: EncoderDistillOptions,
  ): Promise<TrainReport<EmbeddingEvaluation>>;
  /**
   * Fine-tunes the weights on rows of several texts, with a loss that fits the rows. The model's default prompt is put in
   * front of every text, as `embed` does. On success the model has the new weights; an error or an abort leaves the old ones.
   * One training at a time: a second one is OVERLOADED. Throws TypeError or RangeError naming rows[i].
   */
  async train(
    rows: Rows<EmbeddingRow>,
    options?: EncoderTrainOptions,
  ): Promise<TrainReport<EmbeddingEvaluation>>;
  async train(
    rows: Rows<EmbeddingRow | string | TaughtText>,
    options: EncoderTrainOptions | EncoderDistillOptions = {},
  ): Promise<TrainReport<EmbeddingEvaluation>> {
    const known = {
      ...MODEL_TRAIN_OPTIONS,
      ...EMBEDDING_LOSS_OPTIONS,
      distillation: true,
    } as const;
    if (options.method === 'head') {
      throw rangeMistake(
        'train: method',
        "'full', 'lora', 'ia3' or 'bottleneck' for an encoder",
        options.method,
      );
    }
    const { distillation } = options as Partial<EncoderDistillOptions>;
    if (distillation === undefined) {
      return this.learn(rows, options, known as never, (where) =>
        embeddingLearning(
          this.parts,
          readLossOptions(where, options as EncoderTrainOptions, this.width),
        ),
      );
    }
    const { distillingLearning } = await import('./encoder-distillation.js');
    return this.learn(rows, options, known as never, (where) => {
      const name = Object.keys(EMBEDDING_LOSS_OPTIONS).find((one) => one in options);
      if (name !== undefined)
        throw rangeMistake(
          `${where}: ${name}`,
          'left out where distillation is given',
          Reflect.get(options, name),
        );
      const plain = readLossOptions(where, {}, this.width);
      return distillingLearning(where, this.parts, distillation, plain);
    });
  }

  /**
   * Embeds the texts of all rows and scores their similarities by the shape of the rows: pairs with a score (Spearman,
   * Pearson), with labels 0 and 1 (best thresholds), anchors with positives (retrieval) or with negatives too (triplets),
   * texts with a class (class of the nearest text). Compares with `similarityFnName`.
   */
  async evaluate(
    rows: Rows<EmbeddingRow>,
    options: EvaluateOptions & AdapterOption = {},
  ): Promise<EmbeddingEvaluation> {
    const where = 'evaluate';
    const other = this.routed(where, options);
    if (other !== null) return other.model.evaluate(rows, other.options);
    const signal = readOptions(where, options, { adapter: true, signal: true }).signal();
    const settings = readLossOptions(where, {}, this.width);
    const learning = embeddingLearning(this.parts, settings);
    return (await this.measure(rows, { where, signal }, learning)).evaluation;
  }

  /** @internal */
  protected override over(parts: ModelParts): this {
    return new Encoder(parts) as this;
  }

  /**
   * The smallest, fastest form of this model that keeps its quality, with the evidence: fewer tokens, layers, heads and neurons,
   * trained again with this model as the teacher, and int8. This model stays as it is. `report.verdict` says whether the gate is
   * passed: the model is returned in any case. Throws INVALID_DATA where `eval` has texts of `rows`.
   */
  async compress(
    options: CompressOptions<EmbeddingRow | string>,
  ): Promise<CompressResult<Encoder>> {
    const { compressModel } = await import('./compression/run.js');
    const { encoderRows, encoderSubject } = await import('./compression/encoder-subject.js');
    return compressModel<Encoder>(this, options as CompressOptions<never>, {
      make: encoderSubject as never,
      check: encoderRows,
      load: (folder) => Encoder.load(folder),
    });
  }

  /** A new encoder with int8 weights; this one still works. */
  async quantize(options: QuantizeOptions = {}): Promise<Encoder> {
    const { parts } = this;
    return this.use('quantize', async (program) => {
      const { quantizeModel } = await import('../compress/quantize-model.js');
      return new Encoder(await quantizeModel(parts, program, options));
    });
  }

  private readDimensions(where: string, value: number | undefined): number {
    const { dimensions } = this;
    const isIn = Number.isSafeInteger(value) && value !== undefined && value >= 1;
    if (value === undefined) return dimensions;
    if (isIn && value <= dimensions) return value;
    throw rangeMistake(`${where}: dimensions`, `a whole number from 1 to ${dimensions}`, value);
  }

  private get sentence(): SentenceSettings {
    return this.parts.sentence ?? PLAIN_SENTENCE;
  }

  private promptTokens(prompt: string): Promise<number> {
    return unpooledTokens(this.parts, prompt);
  }
}

/** One kind of pooling or a list of different ones, as a list. */
function readPooling(
  where: string,
  value: PoolKind | readonly PoolKind[] | undefined,
): readonly PoolKind[] | undefined {
  if (value === undefined) return undefined;
  const kinds: readonly unknown[] = Array.isArray(value) ? value : [value];
  const known = POOL_KINDS.filter((kind) => kinds.includes(kind));
  if (known.length === kinds.length && known.length > 0) return kinds as readonly PoolKind[];
  const names = POOL_KINDS.map((kind) => JSON.stringify(kind)).join(', ');
  throw rangeMistake(where, `one of ${names}, or a list of different ones`, value);
}
