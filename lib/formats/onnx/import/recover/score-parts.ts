/**
 * Types for the recovery of attention scores: the query and the key of each element of a Softmax, and its parts.
 */

import type { Disentangled } from '../../../../graph/types.js';
import type { Reach } from './distances.js';
import type { Matrix } from './draft.js';
import type { Basis, Term } from './form.js';
import { positionOf } from './probe.js';
import type { Vectors } from './vectors.js';
import type { Walk } from './walk.js';

export type DotBasis = Extract<Basis, { kind: 'dot' }>;

export interface Scores {
  readonly queries: Vectors;
  readonly keys: Vectors;
  /** Number of keys in a row of the Softmax. */
  readonly width: number;
  /** Query token of each row of the Softmax (-1: padding); `rowHead` is the index of its head in `queries.heads`. */
  readonly rowToken: Int32Array;
  readonly rowHead: Int32Array;
  /** Key token of each element (-1: padding). */
  readonly keyToken: Int32Array;
  /** For each head of the queries, its head of the keys. */
  readonly keyHead: readonly number[];
  readonly scale: number;
  readonly reach: Reach;
  readonly relative: { readonly matrix: Matrix; readonly maxDistance: number } | null;
  readonly disentangled:
    | (Pick<Disentangled, 'buckets' | 'maxDistance'> & {
        readonly keys: Vectors | null;
        readonly queries: Vectors | null;
      })
    | null;
}

export interface DotTerm {
  readonly term: Term;
  readonly basis: DotBasis;
  readonly index: Int32Array;
}

/** Index of the vector on one side of an element of the dot product. */
export function vectorAt(basis: DotBasis, element: number, side: 'left' | 'right'): number {
  const { leftCount, rightCount } = basis;
  const batch = Math.floor(element / (leftCount * rightCount));
  const inside = element % (leftCount * rightCount);
  return side === 'left'
    ? batch * leftCount + Math.floor(inside / rightCount)
    : batch * rightCount + (inside % rightCount);
}

export type Places = Pick<
  Scores,
  'queries' | 'keys' | 'rowToken' | 'rowHead' | 'keyToken' | 'keyHead'
>;

/** Places, and the number of keys in a row. */
export type Grid = Places & { readonly width: number };

/** Calls `visit` for every pair of a token and a key that are not padding; distance is key - query. */
export function eachPair(
  { probe }: Walk,
  { rowToken, rowHead, keyToken, width }: Grid,
  visit: (element: number, head: number, distance: number) => void,
): void {
  rowToken.forEach((token, r) => {
    if (token < 0) return;
    for (let j = 0; j < width; j++) {
      const key = keyToken[r * width + j] ?? -1;
      if (key < 0) continue;
      const distance = positionOf(probe, key) - positionOf(probe, token);
      visit(r * width + j, rowHead[r] ?? 0, distance);
    }
  });
}
