/** The options of a training of an encoder that are about its loss. */

import { rangeMistake, typeMistake } from '../../core/errors.js';
import { type OptionReader, readOptions } from '../../core/options.js';
import { DIRECTIONS, DISTANCES, type Direction, type DistanceName } from '../../native/losses.js';
import {
  checkParts,
  checkSettings,
  EMBEDDING_LOSS_NAMES,
  type EmbeddingLoss,
  type LossNumbers,
  PARTITION_MODES,
  type PartitionMode,
  SIMILARITY_FCTS,
  type SimilarityFct,
  type VectorPart,
} from './embedding-losses.js';

export type { Direction, DistanceName } from '../../native/losses.js';
export type { PartitionMode, SimilarityFct } from './embedding-losses.js';

/** How rows are put into batches: any rows, or no batch with the same text twice. */
export const BATCH_SAMPLERS = ['batch_sampler', 'no_duplicates'] as const;

/** Options of `Encoder.train` about its loss. */
export interface EmbeddingLossOptions {
  /**
   * Default by the rows: anchor and positive `multiple_negatives_ranking`, with scores `margin_mse`; two sentences with a
   * score `cosent`, with a label that is a number `contrastive`, a text `softmax`; text and label `batch_hard_triplet`.
   */
  readonly loss?: EmbeddingLoss;
  /** Factor on similarities, above 0 and at most 300: multiple_negatives_ranking, cosent, angle. Default: 20. */
  readonly scale?: number;
  /** Default: 5 for triplet and batch_hard_triplet, 0.5 for contrastive and online_contrastive. */
  readonly margin?: number;
  /**
   * Of contrastive and online_contrastive (default: cosine), triplet and batch_hard_triplet (default: euclidean). cosine is 1
   * - cos.
   */
  readonly distance?: DistanceName;
  /** Of multiple_negatives_ranking: cosines, or dot products, whose `scale` is usually 1. Default: cos_sim. */
  readonly similarityFct?: SimilarityFct;
  /**
   * Of multiple_negatives_ranking: what is compared, `query_to_doc` always. `query_to_query`: the anchor with other anchors;
   * `doc_to_query`: the positive with all anchors; `doc_to_doc`: the positive with the texts of other anchors. Default:
   * query_to_doc alone.
   */
  readonly directions?: readonly Direction[];
  /**
   * Of multiple_negatives_ranking: one softmax over all directions (`joint`, default), or the mean of one for each, which
   * query_to_doc and doc_to_query alone can have.
   */
  readonly partitionMode?: PartitionMode;
  /** Of distill_kl_div: both scores are divided by it before the softmax, above 0. Default: 1. */
  readonly temperature?: number;
  /** Of softmax: its classifier reads the product of the two vectors too, number by number. Default: false. */
  readonly concatenationSentMultiplication?: boolean;
  /**
   * Trains these first numbers of a vector as vectors of their own too (Matryoshka): the sum of the loss over each, scaled to
   * length 1. Decreasing, at most the width of the encoder. Default: the whole vector only.
   */
  readonly dimensions?: readonly number[];
  /** Weights of the losses of `dimensions`. Default: 1 each. */
  readonly dimensionWeights?: readonly number[];
  /**
   * no_duplicates: no batch holds a text twice, because a second example with the same text would count as a negative. A row
   * that fits into no batch is left out of that epoch. Default: no_duplicates for multiple_negatives_ranking, else
   * batch_sampler.
   */
  readonly batchSampler?: (typeof BATCH_SAMPLERS)[number];
}

export const EMBEDDING_LOSS_OPTIONS = {
  loss: true,
  scale: true,
  margin: true,
  distance: true,
  similarityFct: true,
  directions: true,
  partitionMode: true,
  temperature: true,
  concatenationSentMultiplication: true,
  dimensions: true,
  dimensionWeights: true,
  batchSampler: true,
} as const;

/** The options after their check; `loss` is undefined until the rows have decided it. */
export interface LossSettings {
  readonly loss: EmbeddingLoss | undefined;
  readonly given: LossNumbers;
  readonly parts: readonly VectorPart[];
  readonly batchSampler: EmbeddingLossOptions['batchSampler'];
}

/** Checks the options for an encoder of `width`. Throws TypeError or RangeError. */
export function readLossOptions(
  where: string,
  options: EmbeddingLossOptions,
  width: number,
): LossSettings {
  const names = Object.keys(EMBEDDING_LOSS_OPTIONS) as (keyof EmbeddingLossOptions)[];
  const set = names.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]]));
  const read = readOptions<EmbeddingLossOptions>(
    where,
    Object.fromEntries(set),
    EMBEDDING_LOSS_OPTIONS,
  );
  const chosen = read.choice('loss', undefined, EMBEDDING_LOSS_NAMES);
  const given = { ...readSettings(read, options), ...readDirections(where, read, options) };
  const parts = readParts(where, options, width);
  if (chosen !== undefined) {
    checkSettings(where, chosen, given);
    checkParts(where, chosen, parts);
  }
  return {
    loss: chosen,
    given,
    parts,
    batchSampler: read.choice('batchSampler', undefined, BATCH_SAMPLERS),
  };
}

function readSettings(
  read: OptionReader<EmbeddingLossOptions>,
  options: EmbeddingLossOptions,
): LossNumbers {
  const { scale, margin, distance, similarityFct, temperature } = options;
  const multiplies = read.boolean('concatenationSentMultiplication', undefined);
  const inRange = (value: number) => value > 0 && value <= 300;
  return {
    ...(scale !== undefined && {
      scale: read.number('scale', 20, 'above 0, at most 300', inRange),
    }),
    ...(margin !== undefined && { margin: read.nonNegative('margin', 0) }),
    ...(distance !== undefined && { distance: read.choice('distance', 'cosine', DISTANCES) }),
    ...(similarityFct !== undefined && {
      similarityFct: read.choice('similarityFct', 'cos_sim', SIMILARITY_FCTS),
    }),
    ...(temperature !== undefined && { temperature: read.positive('temperature', 1) }),
    ...(multiplies !== undefined && { concatenationSentMultiplication: multiplies }),
  };
}

function readDirections(
  where: string,
  read: OptionReader<EmbeddingLossOptions>,
  { directions, partitionMode }: EmbeddingLossOptions,
): LossNumbers {
  const mode = read.choice('partitionMode', 'joint', PARTITION_MODES);
  const given: readonly unknown[] = directions ?? [];
  const known = DIRECTIONS.filter((one) => given.includes(one));
  if (directions !== undefined) {
    const what = `a list with query_to_doc, of different ones of ${DIRECTIONS.join(', ')}`;
    if (!Array.isArray(directions)) throw typeMistake(`${where}: directions`, what, directions);
    if (known.length !== given.length || !known.includes('query_to_doc')) {
      throw new RangeError(`${where}: directions must be ${what}, got [${given.join(', ')}]`);
    }
  }
  if (mode === 'per_direction' && known.some((one) => /^(.*)_to_\1$/.test(one))) {
    const what = "'joint' with query_to_query or doc_to_doc, which hold no positive";
    throw rangeMistake(`${where}: partitionMode`, what, mode);
  }
  return {
    ...(directions !== undefined && { directions: known }),
    ...(partitionMode !== undefined && { partitionMode: mode }),
  };
}

function readParts(
  where: string,
  { dimensions, dimensionWeights }: EmbeddingLossOptions,
  width: number,
): LossSettings['parts'] {
  if (dimensions === undefined) {
    if (dimensionWeights === undefined) return [];
    throw rangeMistake(
      `${where}: dimensionWeights`,
      'left out without dimensions',
      dimensionWeights,
    );
  }
  const what = `decreasing whole numbers from 1 to ${width}, at most 16 of them`;
  if (!Array.isArray(dimensions)) throw typeMistake(`${where}: dimensions`, what, dimensions);
  const falls = dimensions.every(
    (one, i) => Number.isSafeInteger(one) && one >= 1 && one < (dimensions[i - 1] ?? width + 1),
  );
  if (!falls || dimensions.length === 0 || dimensions.length > 16) {
    throw new RangeError(`${where}: dimensions must be ${what}, got [${dimensions.join(', ')}]`);
  }
  const weights: readonly unknown[] = dimensionWeights ?? dimensions.map(() => 1);
  const numbers = Array.isArray(weights)
    ? weights.filter((one): one is number => Number.isFinite(one) && one > 0)
    : [];
  if (numbers.length !== dimensions.length || numbers.length !== weights.length) {
    const weighed = `${dimensions.length} positive numbers, one for each of dimensions`;
    throw typeMistake(`${where}: dimensionWeights`, weighed, dimensionWeights);
  }
  return dimensions.map((one, i) => ({ dimensions: one, weight: numbers[i] ?? 1 }));
}
