/** A small encoder, and rows of every form that an encoder is trained with. */
import { fileURLToPath } from 'node:url';
import { type EmbeddingRow, Encoder, type EncoderTrainOptions } from '../../lib/index.js';

export const at = (path: string) => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));
export const load = () => Encoder.load(at('encoders/bert'), { pooling: 'mean', lanes: 2 });

export const PEOPLE = [
  'the people',
  'people of the nation',
  'our people',
  'the nation and its people',
];
export const WAR = ['the war', 'war and peace', 'a world at war', 'the end of the war'];
export const YEARS = ['this year', 'last year', 'ten years', 'in the years to come'];
export const groups = [PEOPLE, WAR, YEARS];
export const text = (g: number, i: number) => groups[g % 3]?.[i % 4] ?? '';

export const ranking = Array.from({ length: 24 }, (_, i) => ({
  anchor: text(i, i),
  positive: text(i, i + 1 + Math.floor(i / 12)),
}));
export const triplets = ranking.map((row, i) => ({ ...row, negative: text(i + 1, i) }));
export const scored = Array.from({ length: 24 }, (_, i) => ({
  sentence1: text(i, i),
  sentence2: text(i + (i % 2), i + 1),
  score: i % 2 === 0 ? 0.75 + (i % 4) / 16 : (i % 3) / 8,
}));
export const labelled = scored.map(({ score, ...texts }) => ({
  ...texts,
  label: score > 0.5 ? 1 : 0,
}));
export const classes = Array.from({ length: 24 }, (_, i) => ({
  text: text(i, Math.floor(i / 3)),
  label: ['people', 'war', 'years'][i % 3] ?? '',
}));
export const margins = triplets.map((row) => ({ ...row, score: 2 }));

export const DIRECTIONS = ['query_to_doc', 'query_to_query', 'doc_to_query', 'doc_to_doc'] as const;

export const CASES: readonly [string, readonly EmbeddingRow[], EncoderTrainOptions][] = [
  ['multiple_negatives_ranking', ranking, {}],
  ['multiple_negatives_ranking with hard negatives', triplets, {}],
  ['cosent', scored, {}],
  // Scores are of the cosine, which long steps towards the angle lower again.
  ['angle', scored, { loss: 'angle', learningRate: 3e-4 }],
  ['cosine_similarity', scored, { loss: 'cosine_similarity' }],
  ['contrastive', labelled, {}],
  ['online_contrastive', labelled, { loss: 'online_contrastive' }],
  ['triplet', triplets, { loss: 'triplet' }],
  ['triplet, cosine', triplets, { loss: 'triplet', distance: 'cosine', margin: 0.5 }],
  ['batch_hard_triplet', classes, {}],
  ['margin_mse', margins, {}],
  ['distill_kl_div', margins, { loss: 'distill_kl_div', temperature: 2 }],
  ['symmetric ranking', triplets, { loss: 'multiple_negatives_symmetric_ranking' }],
  ['all directions', triplets, { directions: [...DIRECTIONS] }],
  ['dot products', triplets, { similarityFct: 'dot_score', scale: 1 }],
  [
    'a softmax per direction',
    ranking,
    { directions: ['query_to_doc', 'doc_to_query'], partitionMode: 'per_direction' },
  ],
  ['angle over triplets', triplets, { loss: 'angle' }],
  ['dimensions', triplets, { dimensions: [20, 16, 8], dimensionWeights: [1, 0.5, 0.5] }],
];

/** Pairs with the class of what the second text is to the first. */
export const related = Array.from({ length: 24 }, (_, i) => ({
  sentence1: text(i, i),
  sentence2: text(i + (i % 3), i + 1),
  label: ['same', 'next', 'other'][i % 3] ?? '',
}));

export const SHORT = { epochs: 12, batchSize: 12, learningRate: 1e-3, seed: 1 } as const;
