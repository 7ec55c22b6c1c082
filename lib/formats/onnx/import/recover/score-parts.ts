/**
 * The vocabulary of attention scores: which query and key an element of a Softmax stands for, and what was found of them.
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
  /** Keys in a row of the Softmax. */
  readonly width: number;
  /** Query token of each row (-1: padding) and the index of its head in `queries.heads`. */
  readonly rowToken: Int32Array;
  readonly rowHead: Int32Array;
  /** Key token of each element; -1: padding. */
  readonly keyToken: Int32Array;
  /** Head of the keys, per head of the queries. */
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

/** Vector of one side of a dot product's element. */
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

/** Places with the number of keys in a row. */
export type Grid = Places & { readonly width: number };

/** Calls `visit` for every pair of a valid query and a valid key. */
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
