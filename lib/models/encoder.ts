/**
 * A text encoder: texts in, one vector per text out.
 *
 * The way from token vectors to one vector is stated in the model's sentence-transformers files or by the caller; it is
 * never guessed.
 */

import { BATCH_OPTIONS } from '../batching/batch-options.js';
import type { Batcher } from '../batching/batcher.js';
import { EMBEDDED_MODEL } from '../checkpoint/embedded-model.js';
import { loadModel } from '../checkpoint/load-lazily.js';
import { LOAD_OPTIONS, loadSettings } from '../checkpoint/load-options.js';
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
import { POOL_KINDS } from '../graph/types.js';
import { forwardTexts, outputWidth } from '../runtime/forward.js';
import type { ModelParts } from '../runtime/model-parts.js';
import {
  type AdapterOption,
  PREDICT_OPTIONS,
  readPredictOptions,
} from '../runtime/predict-options.js';
import { promptText, unpooledTokens, withPrompt } from '../runtime/prompts.js';
import { tokenVectors } from '../runtime/token-vectors.js';
import { hasUnitRows, scaleToUnit } from '../runtime/unit-vectors.js';
import type { EmbeddingRow } from '../tasks/embedding/embedding-rows.js';
import type { EmbeddingEvaluation } from '../tasks/embedding/evaluate-embeddings.js';
import { EMBEDDING_LOSS_OPTIONS, readLossOptions } from '../tasks/embedding/loss-options.js';
import type { TaughtText } from '../tasks/embedding/taught-texts.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';
import type { Rows } from '../train/collect-rows.js';
import type { TrainReport } from '../train/train-report.js';
import {
  type EncoderRunOptions,
  type TokensRunOptions,
  tokensBatch,
  vectorBatch,
} from './batches/encoder-batch.js';
import type { BatchInput } from './batches/run-input.js';
import { Classifier } from './classifier.js';
import { checkLabels, readProblem } from './classifier-labels.js';
import type { CompressOptions } from './compression/options.js';
import type { CompressResult } from './compression/run.js';
import { embeddingLearning } from './embedding-learning.js';
import {
  type ClassifierOptions,
  type EmbedOptions,
  type EmbedTokensOptions,
  type EncoderBatchOptions,
  type EncoderDistillOptions,
  type EncoderLoadOptions,
  type EncoderTrainOptions,
  readPooling,
} from './encoder-options.js';
import { checkTexts } from './text-model.js';
import { type EvaluateOptions, MODEL_TRAIN_OPTIONS, TrainableModel } from './trainable-model.js';

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
   * The vectors of the tokens of each text or pair before pooling, [tokens, width of the encoder], special tokens and the
   * prompt included. They have the same bits whatever other texts are embedded with them. For one string: its matrix. Throws
   * TypeError or RangeError naming texts[i], UNSUPPORTED_MODEL for an ONNX file without them.
   */
  async embedTokens(text: string, options?: EmbedTokensOptions): Promise<Matrix>;
  async embedTokens(texts: readonly TextInput[], options?: EmbedTokensOptions): Promise<Matrix[]>;
  async embedTokens(
    texts: string | readonly TextInput[],
    options: EmbedTokensOptions = {},
  ): Promise<Matrix | Matrix[]> {
    const all = await this.embedAllTokens(typeof texts === 'string' ? [texts] : texts, options);
    return typeof texts === 'string' ? (all[0] as Matrix) : all;
  }

  private async embedAllTokens(
    texts: readonly TextInput[],
    options: EmbedTokensOptions,
  ): Promise<Matrix[]> {
    const where = 'embedTokens';
    const other = this.routed(where, options);
    if (other !== null) return other.model.embedAllTokens(texts, other.options);
    checkTexts(where, texts, 'a string or an array of strings');
    const known = { ...PREDICT_OPTIONS, promptName: true } as const;
    const { cuts, ...run } = readPredictOptions(where, options, known, texts.length);
    const prompt = promptText(where, this.sentence, options.promptName);
    const prompted = prompt === '' ? texts : texts.map((text) => withPrompt(prompt, text));
    this.checkTokenVectors(where);
    const request = { where, ...run, onCut: cuts.add };
    const { parts } = this;
    const found = await this.use(where, (program) =>
      tokenVectors(program, parts, prompted, request),
    );
    cuts.report();
    return found;
  }

  /**
   * A batcher for a server: `run(text)` resolves with the vector that `embed([text])` has, in memory of its own, or with
   * `output: 'tokens'` with the matrix of `embedTokens(text)`. Dispose it, or the model.
   */
  batch(
    options: EncoderBatchOptions & { readonly output: 'tokens' },
  ): Batcher<Matrix, BatchInput, TokensRunOptions>;
  batch(
    options?: EncoderBatchOptions & { readonly output?: 'vectors' },
  ): Batcher<Float32Array, BatchInput, EncoderRunOptions>;
  batch(
    options: EncoderBatchOptions = {},
  ):
    | Batcher<Matrix, BatchInput, TokensRunOptions>
    | Batcher<Float32Array, BatchInput, EncoderRunOptions> {
    const where = 'batch';
    const other = this.routed(where, options);
    if (other !== null) return other.model.batch(other.options as { readonly output: 'tokens' });
    const read = readOptions(where, options, {
      ...{ ...BATCH_OPTIONS, promptName: true, dimensions: true, output: true, adapter: true },
    });
    const { promptName, dimensions, output: _, adapter: __, ...limits } = options;
    this.readDimensions(where, dimensions);
    const truncate = read.boolean('truncate', true);
    const readDimensions = (at: string, value: number | undefined) =>
      this.readDimensions(at, value);
    const settings = { truncate, promptName, dimensions, readDimensions };
    if (read.choice('output', 'vectors', ['vectors', 'tokens']) === 'vectors')
      return this.batcher(limits, (model) => vectorBatch(model, settings));
    if (dimensions !== undefined)
      throw rangeMistake(`${where}: dimensions`, 'left out for vectors of tokens', dimensions);
    this.checkTokenVectors(where);
    return this.batcher(limits, (model) => tokensBatch(model, settings));
  }

  private checkTokenVectors(where: string): void {
    if (this.parts.graph.outputs.hidden !== undefined) return;
    const what = `${where}: the model gives no vectors of tokens`;
    throw new SinterError('UNSUPPORTED_MODEL', what, { details: { file: this.parts.path } });
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
