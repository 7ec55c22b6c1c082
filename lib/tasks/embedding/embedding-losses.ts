/**
 * The losses that an encoder is trained with, by their names in sentence-transformers: the rows that each reads, its options
 * with their defaults, and its term of the native core.
 */

import { rangeMistake, SinterError } from '../../core/errors.js';
import type {
  Direction,
  DistanceName,
  LossKind,
  LossSettings,
  LossTerm,
} from '../../native/losses.js';
import { Corpus, type LabelledBatch } from '../../train/corpus.js';
import type { Objective } from '../../train/objectives.js';
import { describeShape, type ExampleRow, type RowShape } from './embedding-rows.js';
import { pairClassifier } from './pair-classifier.js';

/** Losses of `Encoder.train`, each the class of sentence-transformers that its name says. */
export type EmbeddingLoss = keyof typeof EMBEDDING_LOSSES;

/** The settings of a loss. */
export interface LossNumbers {
  readonly scale?: number;
  readonly margin?: number;
  readonly distance?: DistanceName;
  readonly similarityFct?: SimilarityFct;
  readonly directions?: readonly Direction[];
  readonly partitionMode?: PartitionMode;
  readonly temperature?: number;
  readonly concatenationSentMultiplication?: boolean;
}

/** How vectors are compared. */
export const SIMILARITY_FCTS = ['cos_sim', 'dot_score'] as const;
export type SimilarityFct = (typeof SIMILARITY_FCTS)[number];

/** One softmax over all directions, or one for each. */
export const PARTITION_MODES = ['joint', 'per_direction'] as const;
export type PartitionMode = (typeof PARTITION_MODES)[number];

/** One part of a vector that is trained as a vector of its own, with the weight of its loss. */
export interface VectorPart {
  readonly dimensions: number;
  readonly weight: number;
}

interface LossRow {
  readonly kind: LossKind;
  readonly shapes: readonly RowShape[];
  /** Options that the loss has, with their defaults. */
  readonly settings: LossNumbers;
  /** Negatives that a row must have. Default: 0. */
  readonly negatives?: 1;
  /** What a score must be. Default: any finite number. */
  readonly scores?: { readonly what: string; readonly accept: (score: number) => boolean };
}

const zeroOrOne = {
  what: '1 for texts that belong together or 0 for others',
  accept: (score: number) => score === 0 || score === 1,
} as const;
const cosineRange = {
  what: 'a similarity from -1 to 1, because the loss compares it with a cosine',
  accept: (score: number) => score >= -1 && score <= 1,
} as const;

const wholeNumber = {
  what: 'a class: a text or a whole number from 0',
  accept: (score: number) => Number.isSafeInteger(score) && score >= 0,
} as const;

export const EMBEDDING_LOSSES = {
  multiple_negatives_ranking: {
    kind: 'in_batch_negatives',
    shapes: ['ranking'],
    settings: {
      ...{ scale: 20, similarityFct: 'cos_sim' },
      ...{ directions: ['query_to_doc'], partitionMode: 'joint' },
    },
  },
  multiple_negatives_symmetric_ranking: {
    kind: 'in_batch_negatives',
    shapes: ['ranking'],
    settings: { scale: 20, similarityFct: 'cos_sim' },
  },
  cosent: { kind: 'cosent', shapes: ['pairs'], settings: { scale: 20 } },
  angle: { kind: 'angle', shapes: ['pairs', 'ranking'], settings: { scale: 20 } },
  cosine_similarity: {
    kind: 'cosine_similarity',
    shapes: ['pairs'],
    settings: {},
    scores: cosineRange,
  },
  softmax: {
    kind: 'pair_cross_entropy',
    shapes: ['class-pairs', 'pairs'],
    settings: { concatenationSentMultiplication: false },
    scores: wholeNumber,
  },
  contrastive: {
    kind: 'contrastive',
    shapes: ['pairs'],
    settings: { margin: 0.5, distance: 'cosine' },
    scores: zeroOrOne,
  },
  online_contrastive: {
    kind: 'online_contrastive',
    shapes: ['pairs'],
    settings: { margin: 0.5, distance: 'cosine' },
    scores: zeroOrOne,
  },
  triplet: {
    kind: 'triplet',
    shapes: ['ranking'],
    settings: { margin: 5, distance: 'euclidean' },
    negatives: 1,
  },
  batch_hard_triplet: {
    kind: 'batch_hard_triplet',
    shapes: ['classes'],
    settings: { margin: 5, distance: 'euclidean' },
  },
  margin_mse: { kind: 'margin_mse', shapes: ['margins'], settings: {} },
  distill_kl_div: { kind: 'distill_kl_div', shapes: ['margins'], settings: { temperature: 1 } },
} as const satisfies Readonly<Record<string, LossRow>>;

export const EMBEDDING_LOSS_NAMES = Object.keys(EMBEDDING_LOSSES) as readonly EmbeddingLoss[];

/** Throws RangeError for an option that the loss does not have. */
export function checkSettings(where: string, loss: EmbeddingLoss, given: LossNumbers): void {
  const { settings } = EMBEDDING_LOSSES[loss];
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(settings, name)) {
      throw rangeMistake(`${where}: ${name}`, `left out: the loss ${loss} has none`, value);
    }
  }
}

/** Throws RangeError for shorter vectors of a loss whose classifier reads vectors of one width. */
export function checkParts(where: string, loss: EmbeddingLoss, parts: readonly VectorPart[]): void {
  if (loss !== 'softmax' || parts.length === 0) return;
  const given = parts.map(({ dimensions }) => dimensions);
  throw rangeMistake(`${where}: dimensions`, `left out: the loss ${loss} has none`, given);
}

/** The loss for rows of this form where the caller named none. */
export function defaultLoss({ shape, field }: ExampleRow): EmbeddingLoss {
  if (shape === 'ranking') return 'multiple_negatives_ranking';
  if (shape === 'margins') return 'margin_mse';
  if (shape === 'classes') return 'batch_hard_triplet';
  if (shape === 'class-pairs') return 'softmax';
  return field === 'label' ? 'contrastive' : 'cosent';
}

/** Throws RangeError naming the row `at` if the loss cannot read it. */
export function checkRow(at: string, loss: EmbeddingLoss, row: ExampleRow): void {
  const { shapes, scores, negatives: least }: LossRow = EMBEDDING_LOSSES[loss];
  const { shape, texts, numbers, field } = row;
  // AnglE tells the positive of an anchor from its negatives, so one alone has no loss.
  const isAlone = (least === 1 || loss === 'angle') && shape === 'ranking' && texts.length < 3;
  const isScored = loss === 'softmax' && field === 'score';
  if (!shapes.includes(shape) || isAlone || isScored) {
    const wanted = least === 1 ? 'anchor, positive and negative' : SHAPE_WORDS[shapes[0] ?? shape];
    const what = `a row of ${wanted} for the loss ${loss}`;
    throw new RangeError(`${at} must be ${what}, got ${describeShape(row)}`);
  }
  const wrong = numbers.find((score) => scores !== undefined && !scores.accept(score));
  if (wrong !== undefined) throw rangeMistake(`${at}.${field}`, scores?.what ?? '', wrong);
}

const SHAPE_WORDS: Readonly<Record<RowShape, string>> = {
  ranking: 'anchor and positive without a score',
  margins: 'anchor, positive, negatives and score',
  pairs: 'sentence1, sentence2 and score or label, a number',
  'class-pairs': 'sentence1, sentence2 and label',
  classes: 'text and label',
};

/**
 * The objective of a loss: its term on the vectors of a batch, once for each of `dimensions`. Throws RangeError for an option
 * that the loss does not have.
 */
export function embeddingObjective(
  where: string,
  loss: EmbeddingLoss,
  { given, parts }: { readonly given: LossNumbers; readonly parts: readonly VectorPart[] },
): Objective {
  checkSettings(where, loss, given);
  checkParts(where, loss, parts);
  const { kind, settings }: LossRow = EMBEDDING_LOSSES[loss];
  const own = { ...settings, ...given };
  const { scale, margin, distance } = own;
  return (batch) => {
    const { tokens, targets } = loss === 'angle' ? asPairs(batch) : batch;
    const { values, width } = targets;
    const examples = values.length / width;
    const texts = tokens.offsets.length - 1;
    const term: LossTerm = {
      kind,
      output: 'embedding',
      weight: 1,
      targets: targetsOf(loss, values, { examples, negatives: texts / examples - 2, margin }),
      ...(scale !== undefined && { scale }),
      ...(margin !== undefined && { margin }),
      ...(distance !== undefined && { distance }),
      settings: termSettings(loss, own),
    };
    if (parts.length === 0) return { tokens, terms: [term] };
    return { tokens, terms: parts.map((part) => ({ ...term, ...part })) };
  };
}

function termSettings(loss: EmbeddingLoss, own: LossNumbers): LossSettings {
  const { similarityFct, directions, partitionMode, temperature } = own;
  const { concatenationSentMultiplication: product } = own;
  const isSymmetric = loss === 'multiple_negatives_symmetric_ranking';
  const compared = isSymmetric ? (['query_to_doc', 'doc_to_query'] as const) : directions;
  return {
    dot: similarityFct === 'dot_score',
    perDirection: isSymmetric || partitionMode === 'per_direction',
    ...(compared !== undefined && { directions: compared }),
    ...(temperature !== undefined && { temperature }),
    ...(product !== undefined && { classifier: pairClassifier(product) }),
  };
}

/**
 * Rows of a positive and negatives as pairs: 1 for the anchor with its positive, 0 for the anchor with each negative. The
 * anchors are read once for each of their texts.
 */
function asPairs(batch: LabelledBatch): LabelledBatch {
  const { tokens, targets } = batch;
  const examples = targets.values.length / targets.width;
  const texts = tokens.offsets.length - 1;
  // Pairs have two texts and a score each, as floats.
  if (targets.values instanceof Float32Array) return batch;
  const anchors = Array.from({ length: texts - examples }, (_, i) => i % examples);
  const others = Array.from({ length: texts - examples }, (_, i) => examples + i);
  const none = { unit: 'text', width: 0, values: new Float32Array() } as const;
  const pairs = new Corpus(tokens, none).gather([...anchors, ...others]);
  const values = Float32Array.from(anchors, (_, i) => (i < examples ? 1 : 0));
  return { tokens: pairs.tokens, targets: { unit: 'text', width: 1, values } };
}

function targetsOf(
  loss: EmbeddingLoss,
  values: LossTerm['targets'],
  batch: {
    readonly examples: number;
    readonly negatives: number;
    readonly margin: number | undefined;
  },
): LossTerm['targets'] {
  const { examples, negatives, margin } = batch;
  if (EMBEDDING_LOSSES[loss].kind === 'in_batch_negatives')
    return Int32Array.from({ length: examples }, (_, i) => i);
  if (loss === 'distill_kl_div') return scoresOf(values, negatives);
  if (loss === 'triplet') {
    if (margin === undefined) throw new SinterError('INTERNAL', 'triplet without a margin');
    return new Float32Array(examples * negatives).fill(margin);
  }
  return values;
}

/** A teacher's scores, up to a number per example that a softmax does not see: 0, and what each negative has less. */
function scoresOf(margins: LossTerm['targets'], negatives: number): Float32Array {
  return Float32Array.from({ length: margins.length + margins.length / negatives }, (_, i) => {
    const [example, text] = [Math.floor(i / (1 + negatives)), i % (1 + negatives)];
    return text === 0 ? 0 : -(margins[example * negatives + text - 1] ?? 0);
  });
}
