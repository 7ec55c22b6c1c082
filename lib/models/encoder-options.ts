/** The options of an encoder's calls. */

import type { BatchOptions } from '../batching/batch-options.js';
import type { LoadOptions } from '../checkpoint/load-options.js';
import { rangeMistake } from '../core/errors.js';
import type { ClassificationProblem } from '../graph/checkpoint.js';
import { POOL_KINDS, type PoolKind } from '../graph/types.js';
import type { AdapterOption, PredictOptions } from '../runtime/predict-options.js';
import type { EmbeddingRow } from '../tasks/embedding/embedding-rows.js';
import type { EmbeddingEvaluation } from '../tasks/embedding/evaluate-embeddings.js';
import type { EmbeddingLossOptions } from '../tasks/embedding/loss-options.js';
import type { EncoderDistillation } from './encoder-distillation.js';
import type { ModelTrainOptions } from './trainable-model.js';

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

/** Options of `embedTokens`. */
export type EmbedTokensOptions = Omit<EmbedOptions, 'dimensions'>;

/** Options of `batch` of an encoder. */
export interface EncoderBatchOptions extends BatchOptions, AdapterOption {
  /** As for `embed`; applies to every text of the batcher whose call names none. */
  readonly promptName?: string;
  /** As for `embed`; applies to every call that states none. Not for `tokens`. */
  readonly dimensions?: number;
  /** `tokens`: a vector per token, as `embedTokens` gives them. Default: `vectors`, one per text as `embed` gives it. */
  readonly output?: 'vectors' | 'tokens';
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

/** One kind of pooling or a list of different ones, as a list. */
export function readPooling(
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
