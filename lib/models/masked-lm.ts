/** A masked language model: predicts tokens for the masks in a text, and can be trained on texts without labels. */

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
import { rangeMistake, SinterError, typeMistake } from '../core/errors.js';
import { Matrix } from '../core/matrix.js';
import { readOptions } from '../core/options.js';
import type { Priority } from '../core/priority.js';
import { SeededRandom } from '../core/random.js';
import { argmax, meanCrossEntropy } from '../metrics/logits.js';
import type { NativeProgram, TokenBatch } from '../native/program.js';
import { outputWidth, runBatch, trimSegments } from '../runtime/forward.js';
import type { ModelParts } from '../runtime/model-parts.js';
import type { AdapterOption } from '../runtime/predict-options.js';
import {
  collectRows,
  type RowReader,
  type Rows,
  type TextTarget,
  textRows,
} from '../train/collect-rows.js';
import type { Corpus } from '../train/corpus.js';
import { type MaskSettings, maskTokens } from '../train/masking.js';
import { maskedTokens } from '../train/objectives.js';
import type { TrainReport } from '../train/train-report.js';
import { type FillRunOptions, maskBatch } from './batches/mask-batch.js';
import { type Candidate, maskCandidates } from './mask-candidates.js';
import {
  type Learning,
  MODEL_TRAIN_OPTIONS,
  type ModelTrainOptions,
  type RowSet,
  TrainableModel,
} from './trainable-model.js';

export type { Candidate } from './mask-candidates.js';

/** Options of `MaskedLM.load`. */
export type MaskedLMLoadOptions = HeadLoadOptions;

/** Options of `fill`. */
export interface FillOptions extends AdapterOption {
  /** Number of candidates for each mask. Default: 5. */
  readonly topK?: number;
  /** Default: 'interactive'. */
  readonly priority?: Priority;
  readonly signal?: AbortSignal;
}

/** Options of `batch` of a masked language model. */
export type FillBatchOptions = Omit<BatchOptions, 'truncate'> & AdapterOption;

const MASK_EVALUATE_OPTIONS = {
  maskProbability: true,
  wholeWordMask: true,
  seed: true,
  adapter: true,
  signal: true,
} as const;

/** Options of `evaluate` of a masked language model. */
export interface MaskEvaluateOptions extends AdapterOption {
  /** Share of the tokens that is masked. Default: 0.15. */
  readonly maskProbability?: number;
  /** As in training. Default: false. */
  readonly wholeWordMask?: boolean;
  /** Seed for the choice of masked tokens: the same seed masks the same ones. Default: 42. */
  readonly seed?: number;
  readonly signal?: AbortSignal;
}

/** Scores on the held-out rows. */
export interface MaskScores {
  /** Mean cross entropy over the masked tokens. */
  readonly loss: number;
  /** Share of the masked tokens that are predicted right. */
  readonly accuracy: number;
}

/** Scores of a masked language model on texts. */
export interface MaskEvaluation extends MaskScores {
  readonly rows: number;
  /** Number of masked tokens. */
  readonly masked: number;
  /** exp(loss). */
  readonly perplexity: number;
}

/** A text, or an object that has one. */
export type PlainRow = string | { readonly text: string };

export interface MaskTrainOptions extends ModelTrainOptions<PlainRow, MaskScores> {
  /** Share of the tokens that is masked, chosen anew in every step. Default: 0.15. */
  readonly maskProbability?: number;
  /**
   * Chooses whole words, with all of their tokens. Words are runs of `##` pieces; of tokenizers without such a mark what stands
   * between white space or punctuation, and each Chinese character. Default: false, which chooses tokens.
   */
  readonly wholeWordMask?: boolean;
}

/** How texts are masked. */
interface Masks extends MaskSettings {
  readonly wholeWords: boolean;
}

const MASK_SHARE = 0.15;
const SEED = 42;
/** Most logits that are in memory at once when rows are evaluated: 64 MB. */
const MAX_LOGITS = 1 << 24;

/** Make it with `MaskedLM.load`. */
export class MaskedLM extends TrainableModel {
  private readonly mask: { readonly content: string; readonly id: number };

  private constructor(parts: ModelParts) {
    super(parts);
    const mask = parts.tokenizer.maskToken;
    if (mask === null) {
      throw new SinterError('UNSUPPORTED_MODEL', `${parts.path}: its tokenizer has no mask token`, {
        details: { file: parts.path },
      });
    }
    this.mask = mask;
  }

  /**
   * Loads a model folder with a masked language model head, or adds a new one to any encoder (without a path: to the one in
   * this package).
   */
  static async load(path = EMBEDDED_MODEL, options: MaskedLMLoadOptions = {}): Promise<MaskedLM> {
    const where = 'MaskedLM.load';
    const read = readOptions(where, options, HEAD_LOAD_OPTIONS);
    const { settings, limit } = loadSettings(read);
    const parts = await loadModel(where, path, { task: 'masked-lm', ...limit }, settings);
    try {
      return new MaskedLM(parts);
    } catch (error) {
      await parts.program.retire();
      throw error;
    }
  }

  /** The token that marks a gap in a text: `[MASK]` or `<mask>`. */
  get maskToken(): string {
    return this.mask.content;
  }

  /**
   * The most probable tokens for each mask of the text, in the order of the masks, best first. Throws RangeError for a text
   * without a mask or over the limit: it is never truncated.
   */
  async fill(text: string, options: FillOptions = {}): Promise<Candidate[][]> {
    const where = 'fill';
    const other = this.routed(where, options);
    if (other !== null) return other.model.fill(text, other.options);
    if (typeof text !== 'string') throw typeMistake(`${where}: text`, 'a string', text);
    const read = readOptions(where, options, {
      ...{ topK: true, priority: true, adapter: true, signal: true },
    });
    const topK = read.count('topK', 5);
    const priority = read.choice('priority', 'interactive', ['interactive', 'bulk']);
    const signal = read.signal();
    const { graph, tokenizer } = this.parts;
    const encode = { maxTokens: this.maxTokens, truncate: false, nameOf: () => `${where}: text` };
    const encoded = await tokenizer.encode([text], { ...encode, where, signal });
    const chosen = [...encoded.ids.keys()].filter((i) => encoded.ids[i] === this.mask.id);
    if (chosen.length === 0) {
      throw rangeMistake(`${where}: text`, `a text with ${this.mask.content}`, text);
    }
    const batch = { ...trimSegments(graph, encoded), selected: Int32Array.from(chosen) };
    const logits = await this.use(where, (program) =>
      this.select(program, batch, { where, signal, priority }),
    );
    return maskCandidates({ tokenizer, mask: this.mask, text, topK }, logits);
  }

  /**
   * A batcher for a server: `run(text)` resolves with the candidates that `fill(text)` has. Texts are never truncated. Dispose
   * it, or the model.
   */
  batch(options: FillBatchOptions = {}): Batcher<Candidate[][], string, FillRunOptions> {
    const where = 'batch';
    const other = this.routed(where, options);
    if (other !== null) return other.model.batch(other.options);
    const { truncate: _, ...known } = BATCH_OPTIONS;
    readOptions(where, options, { ...known, adapter: true });
    const { adapter: __, ...limits } = options;
    const { mask } = this;
    return this.batcher(limits, (model) => maskBatch(model, { mask, maxLogits: MAX_LOGITS }));
  }

  /** Masks tokens of all rows and compares the predictions with them. */
  async evaluate(rows: Rows<PlainRow>, options: MaskEvaluateOptions = {}): Promise<MaskEvaluation> {
    const where = 'evaluate';
    const other = this.routed(where, options);
    if (other !== null) return other.model.evaluate(rows, other.options);
    const known = MASK_EVALUATE_OPTIONS;
    const read = readOptions(where, options, known);
    const signal = read.signal();
    const masks = this.masks(where, options);
    const seed = read.count('seed', SEED, 0);
    return (await this.measure(rows, { where, signal }, this.learning(masks, seed))).evaluation;
  }

  /**
   * Trains all weights on plain texts with AdamW: tokens are masked at random, anew in every step (80 % become the mask, 10
   * % another token, 10 % stay), and predicted. On success the model has the new weights; an error or an abort leaves the
   * old ones.
   */
  async train(
    rows: Rows<PlainRow>,
    options: MaskTrainOptions = {},
  ): Promise<TrainReport<MaskScores>> {
    const known = { ...MODEL_TRAIN_OPTIONS, maskProbability: true, wholeWordMask: true } as const;
    return this.learn(rows, options, known, (where) =>
      this.learning(this.masks(where, options), SEED),
    );
  }

  /** @internal */
  protected override over(parts: ModelParts): this {
    return new MaskedLM(parts) as this;
  }

  /** A new model with int8 weights; this one still works. */
  async quantize(options: QuantizeOptions = {}): Promise<MaskedLM> {
    return new MaskedLM(await this.quantizedParts(options));
  }

  private reader(maxTokens: number, wholeWords: boolean): RowReader<TextTarget> {
    const { graph, tokenizer } = this.parts;
    const target = { width: 0, kind: 'classes' } as const;
    const plain = textRows(parsePlain, target, { tokenizer, graph, maxTokens });
    if (!wholeWords) return plain;
    return {
      ...plain,
      async encode(rows, firstIndex, cancel) {
        const texts = rows.map(({ input }) => String(input));
        const options = { maxTokens, firstIndex, ...cancel };
        const { continues, ...encoded } = await tokenizer.encodeWords(texts, options);
        const targets = { unit: 'token', width: 1, values: continues } as const;
        const tokens = trimSegments(graph, encoded);
        return { batch: { tokens, targets }, truncated: encoded.truncated };
      },
    };
  }

  private masks(
    where: string,
    { maskProbability, wholeWordMask }: Pick<MaskTrainOptions, 'maskProbability' | 'wholeWordMask'>,
  ): Masks {
    const { tokenizer } = this.parts;
    const given = {
      ...(maskProbability !== undefined && { maskProbability }),
      ...(wholeWordMask !== undefined && { wholeWordMask }),
    };
    const read = readOptions<MaskEvaluateOptions>(where, given, MASK_EVALUATE_OPTIONS);
    const isShare = (value: number) => value > 0 && value <= 1;
    return {
      probability: read.number('maskProbability', MASK_SHARE, 'above 0, at most 1', isShare),
      maskId: this.mask.id,
      vocabulary: tokenizer.vocabulary,
      kept: tokenizer.specialIds,
      wholeWords: read.boolean('wholeWordMask', false),
    };
  }

  /** Logits of the selected tokens. */
  private async select(
    program: NativeProgram,
    batch: TokenBatch & { readonly selected: Int32Array },
    request: {
      readonly where: string;
      readonly signal: AbortSignal | undefined;
      readonly priority?: Priority;
    },
  ): Promise<Matrix> {
    const width = outputWidth(this.parts.graph, 'logits');
    const logits = Matrix.zeros(batch.selected.length, width);
    await runBatch(program, batch, 'logits', logits.data, request);
    return logits;
  }

  /** `seed` chooses the masks of an evaluation. */
  private learning(masks: Masks, seed: number): Learning<RowSet, MaskEvaluation, MaskScores> {
    return {
      objective: maskedTokens(masks),
      record: { maskProbability: masks.probability, wholeWordMask: masks.wholeWords },
      reader: (maxTokens) => this.reader(maxTokens, masks.wholeWords),
      collect: (rows, { maxTokens, ...options }) =>
        collectRows(rows, this.reader(maxTokens, masks.wholeWords), options),
      evaluate: (program, { corpus }, options) =>
        this.score(program, corpus, { masks, seed }, options),
      scores: ({ loss, accuracy }) => ({ loss, accuracy }),
    };
  }

  private async score(
    program: NativeProgram,
    corpus: Corpus,
    { masks, seed }: { readonly masks: Masks; readonly seed: number },
    options: { readonly where: string; readonly signal: AbortSignal | undefined },
  ): Promise<MaskEvaluation> {
    const random = new SeededRandom(seed);
    const width = outputWidth(this.parts.graph, 'logits');
    let [masked, right, loss] = [0, 0, 0];
    for (let begin = 0; begin < corpus.size; ) {
      let [end, tokens] = [begin, 0];
      while (end < corpus.size && (end === begin || tokens * width < MAX_LOGITS)) {
        tokens += corpus.lengthOf(end);
        end++;
      }
      const { tokens: all, targets } = corpus.slice(begin, end);
      const continues = masks.wholeWords ? targets.values : undefined;
      const { tokens: batch, labels } = maskTokens(all, masks, random, continues);
      begin = end;
      if (labels.length === 0) continue;
      const logits = await this.select(program, batch, options);
      loss += meanCrossEntropy(logits, labels) * labels.length;
      right += labels.filter((label, i) => argmax(logits.row(i)) === label).length;
      masked += labels.length;
    }
    const mean = loss / masked;
    const accuracy = right / masked;
    return { rows: corpus.size, masked, loss: mean, accuracy, perplexity: Math.exp(mean) };
  }
}

function parsePlain(at: string, row: unknown): TextTarget {
  const text =
    typeof row === 'object' && row !== null ? (row as { readonly text?: unknown }).text : row;
  if (typeof text === 'string' && text.trim() !== '') return { input: text, target: [] };
  throw typeMistake(at, 'a text, or an object with one, that is not blank', text);
}
