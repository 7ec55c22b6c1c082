/** Finds the vectors most similar to another one. */

import type { SimilarityName } from '../../graph/checkpoint.js';
import { COMPARISONS } from '../../metrics/comparisons.js';
import type { Neighbour } from '../../metrics/similarity.js';

/**
 * The `k` most similar of `vectors` to `query`, best first; equal ones in their order. `isLeftOut` says which are no
 * candidates.
 */
export function mostSimilar(
  query: Float32Array,
  vectors: readonly Float32Array[],
  k: number,
  similarity: SimilarityName,
  isLeftOut: (index: number) => boolean = () => false,
): Neighbour[] {
  const compare = COMPARISONS[similarity];
  const best: Neighbour[] = [];
  for (const [index, vector] of vectors.entries()) {
    if (isLeftOut(index)) continue;
    const score = compare(query, vector);
    if (best.length === k && !(score > (best[k - 1]?.score ?? 0))) continue;
    let at = best.length;
    while (at > 0 && score > (best[at - 1]?.score ?? 0)) at -= 1;
    best.splice(at, 0, { index, score });
    if (best.length > k) best.pop();
  }
  return best;
}

/** How many queries against `count` vectors may be computed before the event loop turns: about a millisecond. */
export function queriesPerTurn(count: number): number {
  return Math.max(1, Math.floor(2048 / Math.max(1, count)));
}
