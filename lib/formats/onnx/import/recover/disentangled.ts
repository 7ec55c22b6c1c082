/**
 * DeBERTa's terms of the scores: dot products of queries with vectors of their distance to the key, and of keys with vectors
 * of theirs.
 */

import { fitLogBuckets } from './distances.js';
import { coefficientAt } from './form.js';
import { type DotTerm, eachPair, type Grid, type Scores, vectorAt } from './score-parts.js';
import type { Vectors } from './vectors.js';
import { Unexplained, type Walk } from './walk.js';

type ScaledGrid = Grid & { readonly scale: number };

interface Found {
  readonly table: Vectors;
  readonly buckets: number;
  readonly maxDistance: number;
}

/**
 * Recovers the dot products other than that of queries and keys; null when there are none. Throws Unexplained with the
 * reason.
 */
export function disentangledTerms(
  walk: Walk,
  dots: readonly DotTerm[],
  grid: ScaledGrid,
): Scores['disentangled'] {
  if (dots.length === 0) return null;
  let [keys, queries]: [Found | null, Found | null] = [null, null];
  for (const dot of dots) {
    const { left, right } = dot.basis;
    const tokens = left.value?.kind === 'token' ? 'left' : 'right';
    const tableSide = tokens === 'left' ? 'right' : 'left';
    const table = dot.basis[tableSide];
    const vectors = tokens === 'left' ? left : right;
    if (table.value?.kind === 'token') throw new Unexplained('its scores have an unknown term');
    const found = (from: 'queries' | 'keys') =>
      fitTerm(walk, dot, { tokens, tableSide, from }, grid);
    if (keys === null && vectors.value === grid.queries.value && sameHeads(vectors, grid.queries)) {
      const term = found('queries');
      if (term !== null) {
        keys = term;
        continue;
      }
    }
    const term: Found | null =
      queries === null && sameHeads(vectors, grid.keys) ? found('keys') : null;
    if (term === null) {
      throw new Unexplained('its scores have a term by distance that is not known');
    }
    queries = term;
  }
  const some = keys ?? queries;
  if (some === null) return null;
  for (const other of [keys, queries]) {
    if (other && (other.buckets !== some.buckets || other.maxDistance !== some.maxDistance)) {
      throw new Unexplained('its terms by distance have different buckets');
    }
  }
  return {
    keys: keys?.table ?? null,
    queries: queries?.table ?? null,
    buckets: some.buckets,
    maxDistance: some.maxDistance,
  };
}

function sameHeads(a: Vectors, b: Vectors): boolean {
  return a.heads.length === b.heads.length;
}

/**
 * Fits the distance -> row mapping of one term; null when its vectors are not those of the side `from`, or when no buckets
 * fit.
 */
function fitTerm(
  walk: Walk,
  { term, basis, index }: DotTerm,
  sides: {
    readonly tokens: 'left' | 'right';
    readonly tableSide: 'left' | 'right';
    readonly from: 'queries' | 'keys';
  },
  grid: ScaledGrid,
): Found | null {
  const [vectors, table] = [basis[sides.tokens], basis[sides.tableSide]];
  const own = grid[sides.from];
  if (vectors.value !== own.value) return null;
  const scale = vectors.coefficient * table.coefficient;
  const rows = rowsOf(table);
  const tableHead: number[] = [];
  const seen = new Map<number, number>();
  let fits = true;
  eachPair(walk, grid, (e, head, distance) => {
    if (!fits) return;
    const element = index[e] ?? 0;
    const vector = vectorAt(basis, element, sides.tokens);
    const other = vectorAt(basis, element, sides.tableSide);
    const query = grid.rowToken[Math.floor(e / grid.width)];
    const token = sides.from === 'queries' ? query : grid.keyToken[e];
    const wantedHead = own.heads[sides.from === 'queries' ? head : (grid.keyHead[head] ?? 0)];
    const row = table.row[other] ?? -1;
    const toQuery = -distance;
    tableHead[head] ??= table.head[other] ?? 0;
    fits =
      vectors.row[vector] === token &&
      vectors.heads[vectors.head[vector] ?? 0]?.join() === wantedHead?.join() &&
      tableHead[head] === table.head[other] &&
      Math.abs(coefficientAt(term, e) * scale - grid.scale) <= 1e-4 * Math.abs(grid.scale) &&
      (seen.get(toQuery) ?? row) === row;
    seen.set(toQuery, row);
  });
  if (!fits) return null;
  // Both terms are fitted by the distance query - key: seen from the key, both the distance and the sign of the row are
  // reversed.
  const fitted = fitLogBuckets(seen, rows);
  const heads = tableHead.map((head) => table.heads[head] ?? []);
  return fitted && { table: { ...table, heads }, ...fitted };
}

function rowsOf({ value, numbers, length, heads }: Vectors): number {
  return value?.rows ?? (numbers?.length ?? 0) / length / heads.length;
}
