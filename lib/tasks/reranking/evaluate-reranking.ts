/** Scores of a cross-encoder on rows, by their shape. */

import { averagePrecisionAt, ndcg, reciprocalRank } from '../../metrics/retrieval.js';
import type { ListSet } from './list-rows.js';
import type { RerankingRow } from './reranking-rows.js';

/** Documents of which a query is scored by `mrr` and `ndcg`. */
const AT_K = 10;

/** How well scores rank the documents of queries, as means over the queries, from 0 to 1. */
export interface RerankingScores {
  /** Mean of 1 / rank of the first relevant document; 0 where none is among the first 10. */
  readonly mrr: number;
  /** Normalised discounted cumulative gain of the first 10, with the labels as gains. */
  readonly ndcg: number;
  /** Mean average precision over all documents. */
  readonly map: number;
}

/** Scores of a cross-encoder as a reranker. */
export interface RerankingEvaluation extends RerankingScores {
  readonly queries: number;
  /** Documents of all queries. */
  readonly documents: number;
  /** Scores of the documents of each query, in the order of the row. */
  readonly predicted: readonly (readonly number[])[];
}

/**
 * Ranks the documents of each row by its scores. Labels above 0 are relevant; a query without any counts as 0, as in
 * sentence-transformers. Of equal scores the later document is first, so that a model that gives all of them one score gains
 * nothing from positives that stand first.
 */
export function evaluateReranking(set: ListSet, scores: readonly number[]): RerankingEvaluation {
  const { corpus, rows } = set;
  const predicted = rows.map((_, i) => corpus.placesOf(i).map((place) => scores[place] ?? 0));
  const queries = rows.map((row, i) => rankedQuery(row, predicted[i] ?? []));
  const mean = (score: (query: (typeof queries)[number]) => number) =>
    queries.reduce((sum, query) => sum + (query.relevant.size === 0 ? 0 : score(query)), 0) /
    queries.length;
  return {
    queries: rows.length,
    documents: scores.length,
    mrr: mean((query) => reciprocalRank(query, AT_K)),
    ndcg: mean((query) => ndcg(query, AT_K)),
    map: mean((query) => averagePrecisionAt(query, query.ranked.length)),
    predicted,
  };
}

/** The documents of a row in the order of their scores, and which are relevant. */
export function rankedQuery(row: RerankingRow, scores: readonly number[]): RankedDocuments {
  const ranked = [...scores.keys()].sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || b - a);
  return { ranked, relevant: new Map(gainsOf(row)) };
}

interface RankedDocuments {
  readonly ranked: readonly number[];
  readonly relevant: ReadonlyMap<number, number>;
}

/** The relevant documents and their gains. With margins of a teacher that is the positive. */
function gainsOf({ shape, relevances }: RerankingRow): [number, number][] {
  if (shape === 'margins') return [[0, 1]];
  return [...relevances.entries()].filter(([, gain]) => gain > 0);
}
