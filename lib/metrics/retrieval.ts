/**
 * Scores of a search: for each query the found documents, best first, against those that are relevant.
 *
 * The rule: a query without relevant documents is a mistake of the caller; a relevant document that was not found counts as
 * missed. All scores are means over the queries, from 0 to 1.
 */
import { rangeMistake } from '../core/errors.js';

/** A query's results. */
export interface RankedQuery<D = string | number> {
  /** The found documents, best first, each once. */
  readonly ranked: readonly D[];
  /** The relevant documents; with gains above 0, for `ndcg`, where some are more relevant than others. */
  readonly relevant: ReadonlySet<D> | ReadonlyMap<D, number>;
}

/** Scores over the first `k` documents of each query. */
export interface RetrievalScores {
  readonly k: number;
  /** Mean of 1 / rank of the first relevant document; 0 where none is among the first k. */
  readonly mrr: number;
  /** Normalised discounted cumulative gain, with the discount log2(rank + 1). */
  readonly ndcg: number;
  /** Share of the relevant documents that are among the first k. */
  readonly recall: number;
  /** Share of the first k documents that are relevant. */
  readonly precision: number;
  /** Share of the queries with a relevant document among the first k. */
  readonly accuracy: number;
  /**
   * Mean average precision: the mean of the precisions at each relevant document among the first k, divided by the lesser of
   * k and their number.
   */
  readonly map: number;
}

/** 1 / rank of the first relevant document among the first `k`; 0 if there is none. */
export function reciprocalRank<D>({ ranked, relevant }: RankedQuery<D>, k: number): number {
  const first = ranked.slice(0, k).findIndex((document) => relevant.has(document));
  return first < 0 ? 0 : 1 / (first + 1);
}

/** Normalised discounted cumulative gain of the first `k` documents. */
export function ndcg<D>({ ranked, relevant }: RankedQuery<D>, k: number): number {
  const gainOf = (document: D): number => {
    if (!relevant.has(document)) return 0;
    return 'get' in relevant ? (relevant.get(document) ?? 0) : 1;
  };
  const ideal = [...relevant.keys()].map(gainOf).sort((a, b) => b - a);
  return discounted(ranked.slice(0, k).map(gainOf)) / discounted(ideal.slice(0, k));
}

/** Mean of the precisions at each relevant document among the first `k`, over the lesser of k and their number. */
export function averagePrecisionAt<D>({ ranked, relevant }: RankedQuery<D>, k: number): number {
  let [right, sum] = [0, 0];
  for (const [i, document] of ranked.slice(0, k).entries()) {
    if (!relevant.has(document)) continue;
    right += 1;
    sum += right / (i + 1);
  }
  return sum / Math.min(k, relevant.size);
}

/** All scores over the first `k` documents. RangeError without queries, or for a query without relevant documents. */
export function retrievalScores<D>(queries: readonly RankedQuery<D>[], k = 10): RetrievalScores {
  if (queries.length === 0) throw rangeMistake('queries', 'at least one query', 0);
  if (!Number.isSafeInteger(k) || k < 1) throw rangeMistake('k', 'a whole number from 1', k);
  const empty = queries.findIndex(({ relevant }) => relevant.size === 0);
  if (empty >= 0) throw rangeMistake(`queries[${empty}].relevant`, 'at least one document', 0);
  const mean = (score: (query: RankedQuery<D>) => number) =>
    queries.reduce((sum, query) => sum + score(query), 0) / queries.length;
  const hits = ({ ranked, relevant }: RankedQuery<D>) =>
    ranked.slice(0, k).filter((document) => relevant.has(document)).length;
  return {
    k,
    mrr: mean((query) => reciprocalRank(query, k)),
    ndcg: mean((query) => ndcg(query, k)),
    recall: mean((query) => hits(query) / query.relevant.size),
    precision: mean((query) => hits(query) / k),
    accuracy: mean((query) => (hits(query) > 0 ? 1 : 0)),
    map: mean((query) => averagePrecisionAt(query, k)),
  };
}

function discounted(gains: readonly number[]): number {
  return gains.reduce((sum, gain, i) => sum + gain / Math.log2(i + 2), 0);
}
