/**
 * Recovers a learned bias by distance: rows of a small table, picked by T5's buckets and added to the scores.
 *
 * An exporter with fixed shapes folds the lookup: then the bias is an array of numbers, from which a table is made.
 */

import { fitT5, t5Bucket } from './distances.js';
import { coefficientAt, indexOf, type Term } from './form.js';
import { literalMatrix, wholeMatrix } from './matrix.js';
import { eachPair, type Grid, type Scores } from './score-parts.js';
import { Unexplained, type Walk } from './walk.js';

type Relative = Scores['relative'];
/** The bias of the one table that is added to the scores; null when there is none. Throws Unexplained with the reason. */
export function relativeTerm(walk: Walk, tables: readonly Term[], grid: Grid): Relative {
  const [term, more] = tables;
  if (term?.basis.kind !== 'table') return null;
  const { table } = term.basis;
  const [buckets = 0, heads = 0] = table.dims;
  if (more !== undefined || table.dims.length !== 2 || heads !== grid.queries.heads.length) {
    throw new Unexplained('it adds a table to the scores that is no relative bias');
  }
  const index = indexOf(term, grid.keyToken.length);
  const seen = new Map<number, number>();
  let fits = true;
  eachPair(walk, grid, (e, head, distance) => {
    const element = index[e] ?? 0;
    const row = Math.floor(element / heads);
    if (coefficientAt(term, e) !== 1 || element % heads !== head) fits = false;
    if ((seen.get(distance) ?? row) !== row) fits = false;
    seen.set(distance, row);
  });
  const maxDistance = fits ? fitT5(seen, buckets) : null;
  if (maxDistance === null) {
    throw new Unexplained('it adds a table to the scores by no buckets that are known');
  }
  return { matrix: wholeMatrix(table, false), maxDistance };
}

/** A table for numbers that depend on head and distance only, with a bucket for each distance of the probe. */
export function staticBias(walk: Walk, residual: Float32Array | null, grid: Grid): Relative {
  if (residual === null) return null;
  const heads = grid.queries.heads.length;
  const length = (walk.probe.positions.at(-1) ?? 0) + 1;
  // Distances below a quarter of the buckets have buckets of their own.
  const buckets = 4 * Math.max(2, length);
  const maxDistance = buckets;
  const literal = new Float32Array(buckets * heads);
  const known = new Set<number>();
  let fits = true;
  eachPair(walk, grid, (e, head, distance) => {
    const at = t5Bucket(distance, buckets, maxDistance) * heads + head;
    const value = residual[e] ?? 0;
    if (known.has(at) && Math.abs((literal[at] ?? 0) - value) > 1e-5) fits = false;
    known.add(at);
    literal[at] = value;
  });
  if (!fits)
    throw new Unexplained('it adds numbers to the scores that are no function of distance');
  walk.notes.add(`attention bias of fixed numbers, ${length} distances to each side`);
  return { matrix: literalMatrix(buckets, heads, literal), maxDistance };
}
