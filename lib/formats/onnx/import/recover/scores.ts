/**
 * Recovers the input of a Softmax element by element: its query and key, the scale, and the addends.
 *
 * The sum of its terms must be scale * (query . key) + a function of the distance, except where a mask or a window hides the
 * key. Rows of padding are not checked.
 */

import { disentangledTerms } from './disentangled.js';
import { type Reach, reachOf } from './distances.js';
import { coefficientAt, type Form, indexOf, sizeOf, type Term } from './form.js';
import { type Probe, positionOf } from './probe.js';
import { relativeTerm, staticBias } from './relative.js';
import { type DotBasis, type DotTerm, type Places, type Scores, vectorAt } from './score-parts.js';
import type { Vectors } from './vectors.js';
import { Unexplained, type Walk } from './walk.js';

/** An addend of a score as low as this hides the key: its exp is 0 beside any other score. */
const HIDDEN = -1000;
const TOLERANCE = 1e-4;

/** Recovers the scores. Throws Unexplained with the reason when they are not those of an encoder's attention. */
export function scoresOf(walk: Walk, input: Form): Scores {
  const size = sizeOf(input.dims);
  const dots: DotTerm[] = [];
  const tables: Term[] = [];
  for (const term of input.terms) {
    if (term.basis.kind === 'dot') {
      dots.push({ term, basis: term.basis, index: indexOf(term, size) });
    } else if (term.basis.kind === 'table') tables.push(term);
    else throw new Unexplained('it normalises what is no product of queries and keys');
  }
  const content = dots.filter(({ basis }) => isToken(basis.left) && isToken(basis.right));
  const [main, second] = content;
  if (main === undefined || second !== undefined) {
    throw new Unexplained(`it normalises ${content.length} products of queries and keys, not one`);
  }
  const width = input.dims.at(-1) ?? 1;
  const sides = placesOf(walk, main, size, width);
  const bias = biasOf(walk, input, main, sides, width);
  const base = { ...sides, width, ...bias };
  const others = dots.filter((dot) => dot !== main);
  const relative = relativeTerm(walk, tables, base) ?? staticBias(walk, bias.residual, base);
  const disentangled = disentangledTerms(walk, others, base);
  return { ...base, relative, disentangled };
}

function isToken({ value }: Vectors): boolean {
  return value?.kind === 'token';
}

/** Query and key of every element. Each pair of token and head must have one row, with all keys of the token's text. */
function placesOf(walk: Walk, dot: DotTerm, size: number, width: number): Places {
  const { memo } = walk;
  const { left, right, leftCount, rightCount } = dot.basis;
  const vectors = [left.row, left.head, right.row, right.head].map((array) => memo.id(array));
  const heads = `${left.heads.length} ${right.heads.length}`;
  const moved = `${memo.id(dot.term.index)} ${leftCount} ${rightCount} ${size} ${width}`;
  const key = `places ${vectors} ${heads} ${moved}`;
  const { querySide, ...places } = memo.once(key, () => findPlaces(walk, dot, size, width));
  const keySide = querySide === 'left' ? 'right' : 'left';
  return { ...places, queries: dot.basis[querySide], keys: dot.basis[keySide] };
}

function findPlaces(walk: Walk, { basis, index }: DotTerm, size: number, width: number) {
  const querySide = sideOfQueries(basis, index, width);
  const keySide = querySide === 'left' ? 'right' : 'left';
  const [queries, keys] = [basis[querySide], basis[keySide]];
  const rows = size / width;
  const rowToken = new Int32Array(rows).fill(-1);
  const rowHead = new Int32Array(rows);
  const keyToken = new Int32Array(size).fill(-1);
  const keyHead: number[] = [];
  const { probe } = walk;
  const seen = new Set<number>();
  /** For each key, the row in which it was last seen. */
  const lastRow = new Int32Array(probe.valid.length).fill(-1);
  for (let r = 0; r < rows; r++) {
    const query = vectorAt(basis, index[r * width] ?? 0, querySide);
    const token = queries.row[query] ?? -1;
    if (token < 0) continue;
    const head = queries.head[query] ?? 0;
    [rowToken[r], rowHead[r]] = [token, head];
    seen.add(token * queries.heads.length + head);
    const text = Math.floor(token / probe.length);
    let found = 0;
    for (let j = 0; j < width; j++) {
      const element = index[r * width + j] ?? 0;
      const key = vectorAt(basis, element, keySide);
      const other = vectorAt(basis, element, querySide);
      if (queries.row[other] !== token || queries.head[other] !== head) throw wrongAxis();
      const at = keys.row[key] ?? -1;
      if (at < 0) continue;
      keyToken[r * width + j] = at;
      if (lastRow[at] !== r) found++;
      lastRow[at] = r;
      keyHead[head] ??= keys.head[key] ?? 0;
      if (keyHead[head] !== keys.head[key]) throw wrongAxis();
      if (Math.floor(at / probe.length) !== text) {
        throw new Unexplained('it normalises over keys of other texts');
      }
    }
    if (found !== (probe.lengths[text] ?? 0)) {
      throw new Unexplained('it does not normalise over all keys of a text');
    }
  }
  const tokens = probe.valid.reduce((sum, flag) => sum + flag, 0);
  if (
    seen.size !== tokens * queries.heads.length ||
    rows !== probe.valid.length * queries.heads.length
  ) {
    throw wrongAxis();
  }
  return { querySide, rowToken, rowHead, keyToken, keyHead };
}

function wrongAxis(): Unexplained {
  return new Unexplained('it does not normalise over the keys of one query');
}

/** Finds the side that stays the same along a row of the Softmax: the queries. */
function sideOfQueries(basis: DotBasis, index: Int32Array, width: number): 'left' | 'right' {
  for (const side of ['left', 'right'] as const) {
    const { row, head } = basis[side];
    let [constant, known] = [true, 0];
    for (let begin = 0; begin < index.length && constant; begin += width) {
      const start = vectorAt(basis, index[begin] ?? 0, side);
      if ((row[start] ?? -1) < 0) continue;
      known++;
      for (let e = begin + 1; e < begin + width && constant; e++) {
        const here = vectorAt(basis, index[e] ?? 0, side);
        constant = row[here] === row[start] && head[here] === head[start];
      }
    }
    if (constant && known > 0) return side;
  }
  throw wrongAxis();
}

/** Whether the keys at each distance are visible. */
class SeenDistances {
  private readonly farthest: number;
  /** State of each distance, from -farthest on: 0 never occurred, 1 visible, 2 hidden. */
  private readonly states: Uint8Array;

  constructor({ positions }: Probe) {
    this.farthest = positions.at(-1) ?? 0;
    this.states = new Uint8Array(2 * this.farthest + 1);
  }

  /** Records a distance. Returns false when it contradicts an earlier record. */
  add(distance: number, isSeen: boolean): boolean {
    const state = isSeen ? 1 : 2;
    const before = this.states[distance + this.farthest];
    this.states[distance + this.farthest] = state;
    return before === 0 || before === state;
  }

  all(): Map<number, boolean> {
    const all = new Map<number, boolean>();
    this.states.forEach((state, i) => {
      if (state !== 0) all.set(i - this.farthest, state === 1);
    });
    return all;
  }
}

interface Bias {
  readonly scale: number;
  readonly reach: Reach;
  /** Addends of visible keys relative to the addend on the diagonal; null when all are 0. */
  readonly residual: Float32Array | null;
}

/** Scale, mask and addends, from the coefficient of the main term and the constant at every pair of a query and a key. */
function biasOf(
  { memo, probe }: Walk,
  { constant }: Form,
  { term, basis }: DotTerm,
  places: Places,
  width: number,
): Bias {
  const own = basis.left.coefficient * basis.right.coefficient;
  const find = () => findBias(probe, constant, term, places, width);
  const arrays = [constant, places.rowToken, places.keyToken].map((array) => memo.id(array));
  const { scale, ...rest } =
    typeof term.coefficient === 'number'
      ? memo.once(`bias ${arrays} ${term.coefficient} ${width}`, find)
      : find();
  return { scale: scale * own, ...rest };
}

function findBias(
  probe: Probe,
  constant: Float32Array | null,
  term: Term,
  { rowToken, keyToken }: Places,
  width: number,
): Bias {
  const seen = new SeenDistances(probe);
  const residual = new Float32Array(keyToken.length);
  let scale: number | null = null;
  let [uneven, biased] = [false, false];
  rowToken.forEach((token, r) => {
    if (token < 0) return;
    let diagonal = 0;
    for (let j = 0; j < width; j++) {
      if (keyToken[r * width + j] === token) diagonal = constant?.[r * width + j] ?? 0;
    }
    for (let j = 0; j < width; j++) {
      const e = r * width + j;
      const added = (constant?.[e] ?? 0) - diagonal;
      const coefficient = coefficientAt(term, e);
      const hidden = coefficient === 0 || !(added > HIDDEN);
      const key = keyToken[e] ?? -1;
      if (key < 0) {
        if (!hidden) throw new Unexplained('it does not hide the keys of padding');
        continue;
      }
      const distance = positionOf(probe, key) - positionOf(probe, token);
      if (!seen.add(distance, !hidden)) {
        throw new Unexplained('it hides tokens by no rule that is known');
      }
      if (hidden) continue;
      scale ??= coefficient;
      if (Math.abs(coefficient - scale) > TOLERANCE * Math.abs(scale)) uneven = true;
      residual[e] = added;
      if (Math.abs(added) > TOLERANCE) biased = true;
    }
  });
  if (uneven || scale === null) throw new Unexplained('its scores have no one scale');
  const reach = reachOf(seen.all());
  if (typeof reach === 'string') throw new Unexplained(reach);
  return { scale, reach, residual: biased ? residual : null };
}
