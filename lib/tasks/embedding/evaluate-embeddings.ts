/** Scores of vectors on rows, by the shape of the rows. */

import { SinterError } from '../../core/errors.js';
import type { Matrix } from '../../core/matrix.js';
import { makeInTurns } from '../../core/turns.js';
import type { SimilarityName } from '../../graph/checkpoint.js';
import { COMPARISONS } from '../../metrics/comparisons.js';
import {
  type PairClassificationScores,
  pairClassification,
  pearson,
  type RankedQuery,
  type RetrievalScores,
  retrievalScores,
  spearman,
} from '../../metrics/index.js';
import type { ExampleSet } from './example-rows.js';
import type { LabelAccuracyEvaluation } from './label-accuracy.js';
import { nearestTo } from './search.js';

/** How well similarities follow the scores of pairs. */
export interface SimilarityEvaluation {
  readonly kind: 'similarity';
  readonly rows: number;
  /** Rank correlation, -1 to 1. NaN for a single row. */
  readonly spearman: number;
  readonly pearson: number;
}

/** How well similarities tell pairs that belong together from others. */
export interface PairClassificationEvaluation extends PairClassificationScores {
  readonly kind: 'pair-classification';
  readonly rows: number;
  /** Accuracy at its best threshold. */
  readonly accuracy: number;
  /** F1 at its best threshold. */
  readonly f1: number;
}

/** How often an anchor is more similar to its positive than to a negative. */
export interface TripletEvaluation {
  readonly kind: 'triplets';
  readonly rows: number;
  readonly accuracy: number;
}

/** How well anchors find their positives among the positives of all rows. */
export interface RetrievalEvaluation extends RetrievalScores {
  readonly kind: 'retrieval';
  /** Different anchors. */
  readonly queries: number;
  /** Different positives. */
  readonly documents: number;
}

/** How often the most similar other text has the same class. */
export interface NearestClassEvaluation {
  readonly kind: 'nearest-class';
  readonly rows: number;
  readonly accuracy: number;
}

/** Scores of an encoder; the shape of the rows decides which. */
export type EmbeddingEvaluation =
  | SimilarityEvaluation
  | PairClassificationEvaluation
  | TripletEvaluation
  | RetrievalEvaluation
  | NearestClassEvaluation
  | LabelAccuracyEvaluation;

/** The score by which evaluations are compared where none is named; more is better. */
export const MAIN_SCORES: Readonly<Record<EmbeddingEvaluation['kind'], string>> = {
  similarity: 'spearman',
  'pair-classification': 'averagePrecision',
  triplets: 'accuracy',
  retrieval: 'ndcg',
  'nearest-class': 'accuracy',
  'label-accuracy': 'accuracy',
};

/** Documents of which a search is scored. */
const K = 10;
/** Comparisons of two vectors before the event loop turns: about a millisecond. */
const COMPARISONS_PER_TURN = 2048;

/** Which scores the examples have. */
export function evaluationKind({
  corpus,
  first,
  arePairsOfClasses,
}: ExampleSet): EmbeddingEvaluation['kind'] {
  if (arePairsOfClasses) return 'label-accuracy';
  if (first.shape === 'classes') return 'nearest-class';
  if (first.shape !== 'pairs') return corpus.columns === 2 ? 'retrieval' : 'triplets';
  const scores = Array.from<number>(corpus.targets.values);
  const isBinary =
    scores.every((one) => one === 0 || one === 1) && scores.includes(0) && scores.includes(1);
  return first.field === 'label' && isBinary ? 'pair-classification' : 'similarity';
}

/** The scores of `vectors`, a row for each text of the examples; pairs of classes need a classifier (`labelAccuracy`). */
export async function evaluateEmbeddings(
  set: ExampleSet,
  vectors: Matrix,
  similarity: SimilarityName,
): Promise<EmbeddingEvaluation> {
  const { corpus } = set;
  const kind = evaluationKind(set);
  if (kind === 'label-accuracy')
    throw new SinterError('INTERNAL', 'pairs of classes, no classifier');
  const { columns, size: rows } = corpus;
  const compare = COMPARISONS[similarity];
  const between = (row: number, a: number, b: number) =>
    compare(vectors.row(row * columns + a), vectors.row(row * columns + b));
  if (kind === 'similarity' || kind === 'pair-classification') {
    const found = await makeInTurns(rows, COMPARISONS_PER_TURN, (row) => between(row, 0, 1));
    return scorePairs(kind, Array.from(corpus.targets.values), found);
  }
  if (kind === 'nearest-class') return nearestClass(set, vectors, similarity);
  if (kind === 'retrieval') return searchPositives(set, vectors, similarity);
  const shares = await makeInTurns(rows, COMPARISONS_PER_TURN / columns, (row) => {
    const near = between(row, 0, 1);
    let right = 0;
    for (let c = 2; c < columns; c++) right += near > between(row, 0, c) ? 1 : 0;
    return right / (columns - 2);
  });
  const accuracy = shares.reduce((sum, share) => sum + share, 0) / rows;
  return { kind, rows, accuracy };
}

function scorePairs(
  kind: 'similarity' | 'pair-classification',
  truth: readonly number[],
  found: readonly number[],
): EmbeddingEvaluation {
  const rows = found.length;
  if (kind === 'pair-classification') {
    const labels = truth.map((one) => one === 1);
    const thresholds = pairClassification(labels, found);
    const { bestAccuracy, bestF1 } = thresholds;
    const best = { accuracy: bestAccuracy.accuracy, f1: bestF1.f1 };
    return { kind, rows, ...best, ...thresholds };
  }
  const alone = rows < 2;
  return {
    kind,
    rows,
    spearman: alone ? Number.NaN : spearman(truth, found),
    pearson: alone ? Number.NaN : pearson(truth, found),
  };
}

/** Rows of `vectors` at which each different text first occurs in a column. */
function firstRows({ corpus, textNumbers }: ExampleSet, column: number): Map<number, number> {
  const found = new Map<number, number>();
  for (let row = 0; row < corpus.size; row++) {
    const at = row * corpus.columns + column;
    const text = textNumbers[at] ?? 0;
    if (!found.has(text)) found.set(text, at);
  }
  return found;
}

async function searchPositives(
  set: ExampleSet,
  vectors: Matrix,
  similarity: SimilarityName,
): Promise<RetrievalEvaluation> {
  const { corpus, textNumbers } = set;
  const queries = firstRows(set, 0);
  const documents = firstRows(set, 1);
  const relevant = new Map<number, Set<number>>();
  for (let row = 0; row < corpus.size; row++) {
    const [anchor = 0, positive = 0] = textNumbers.subarray(2 * row, 2 * row + 2);
    relevant.set(anchor, (relevant.get(anchor) ?? new Set()).add(positive));
  }
  const ids = [...documents.keys()];
  const places = [...documents.values()];
  const texts = [...queries];
  const found = places.map((at) => vectors.row(at));
  const asked = texts.map(([, at]) => vectors.row(at));
  const best = await nearestTo(asked, found, K, similarity, { where: 'evaluate' });
  const ranked = texts.map(
    ([text], i): RankedQuery<number> => ({
      ranked: (best[i] ?? []).map(({ index }) => ids[index] ?? 0),
      relevant: relevant.get(text) ?? new Set(),
    }),
  );
  const scores = retrievalScores(ranked, K);
  return { kind: 'retrieval', queries: texts.length, documents: ids.length, ...scores };
}

async function nearestClass(
  { corpus }: ExampleSet,
  vectors: Matrix,
  similarity: SimilarityName,
): Promise<NearestClassEvaluation> {
  const { size: rows, targets } = corpus;
  const all = [...vectors];
  const isLeftOut = (query: number, index: number) => query === index;
  const best = await nearestTo(all, all, 1, similarity, { where: 'evaluate', isLeftOut });
  const right = best.map(([nearest], row): number =>
    nearest && targets.values[nearest.index] === targets.values[row] ? 1 : 0,
  );
  const accuracy = right.reduce((sum, one) => sum + one, 0) / rows;
  return { kind: 'nearest-class', rows, accuracy };
}
