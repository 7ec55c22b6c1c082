/**
 * The operands of a dot product as vectors: which row of a value, which columns, rotated or not.
 *
 * Attention is recovered from them: a head is a list of columns; a query or key is a token and a head.
 */

import type { Rotary } from '../../../../graph/types.js';
import type { Tensor } from '../model.js';
import type { Columns, Value } from './draft.js';
import { coefficientAt, type Form, indexOf, sizeOf, type Term } from './form.js';
import { type Probe, positionOf } from './probe.js';
import { type Geometry, rotatedVectors } from './rotary.js';
import type { Walk } from './walk.js';

export interface Vectors {
  /** Value whose rows the vectors are parts of; null: they are numbers of the file. */
  readonly value: Value | null;
  /** Numbers of the vectors [count, length] where `value` is null. */
  readonly numbers: Float32Array | null;
  readonly length: number;
  /** For each vector its row of the value; -1: padding. */
  readonly row: Int32Array;
  /** For each vector its index into `heads`. */
  readonly head: Int32Array;
  readonly heads: readonly Columns[];
  readonly rotary: Rotary | null;
  readonly coefficient: number;
}

/** Whether a row of a value is not padding; only token values have padding. */
export function isValidRow(probe: Probe, value: Value, row: number): boolean {
  return value.kind !== 'token' || probe.valid[row] === 1;
}

function geometryOf(dims: readonly number[], axis: -1 | -2): Geometry {
  const rank = dims.length;
  const [m = 1, n = 1] = [dims[rank - 2], dims[rank - 1]];
  const [count, length] = axis === -1 ? [m, n] : [n, m];
  const at = (vector: number, k: number) => {
    const [b, i] = [Math.floor(vector / count), vector % count];
    return b * m * n + (axis === -1 ? i * n + k : k * n + i);
  };
  return { count: sizeOf(dims) / length, length, at };
}

export function isSame(a: Columns, b: Columns): boolean {
  return a === b || (a.length === b.length && a.every((column, i) => column === b[i]));
}

/** Distinct lists of columns. */
class HeadTable {
  readonly heads: Columns[] = [];
  /** Indices into `heads` by first column. */
  private readonly known = new Map<number, number[]>();

  add(columns: Columns): number {
    const [first = -1] = columns;
    const alike = this.known.get(first) ?? [];
    for (const head of alike) if (isSame(this.heads[head] ?? [], columns)) return head;
    this.known.set(first, [...alike, this.heads.length]);
    return this.heads.push(columns) - 1;
  }
}

/**
 * The vectors of `input` along its axis -1 (left operand) or -2 (right operand); vector i of batch item b has index b * count
 * + i. null when they are not rows of one value.
 */
export function vectorsOf(walk: Walk, input: Form, axis: -1 | -2): Vectors | null {
  const { probe, half } = walk;
  const geometry = geometryOf(input.dims, axis);
  const [term] = input.terms;
  if (term?.basis.kind !== 'rows' || input.constant?.some((value) => value !== 0)) return null;
  const { value } = term.basis;
  const isValid = (row: number) => isValidRow(probe, value, row);
  if (input.terms.length > 1) {
    const { count, length } = geometry;
    const table = new HeadTable();
    const head = new Int32Array(count);
    const rows = { isValid, position: (row: number) => positionOf(probe, row) };
    const turned = rotatedVectors(input, geometry, rows, half);
    if (turned === null) return null;
    const { row, rotary, scale } = turned;
    row.forEach((token, v) => {
      if (token >= 0) head[v] = table.add(turned.columns(v));
    });
    const { heads } = table;
    return { value, numbers: null, length, row, head, heads, rotary, coefficient: scale };
  }
  const find = () => unturned(probe, term, value, geometry);
  if (typeof term.coefficient !== 'number') return withValue(value, find());
  const { memo } = walk;
  const moved = `${memo.id(term.index)} ${input.dims} ${axis} ${term.coefficient}`;
  return withValue(value, memo.once(`vectors ${moved} ${value.kind} ${value.width}`, find));
}

function withValue(value: Value, found: Omit<Vectors, 'value'> | null): Vectors | null {
  return found && { value, ...found };
}

/** Vectors that are not rotated. */
function unturned(
  probe: Probe,
  term: Term,
  value: Value,
  { count, length, at }: Geometry,
): Omit<Vectors, 'value'> | null {
  const index = indexOf(term, count * length);
  const table = new HeadTable();
  const head = new Int32Array(count);
  const row = new Int32Array(count).fill(-1);
  let coefficient: number | null = null;
  for (let v = 0; v < count; v++) {
    const token = Math.floor((index[at(v, 0)] ?? 0) / value.width);
    if (!isValidRow(probe, value, token)) continue;
    const columns: number[] = [];
    for (let k = 0; k < length; k++) {
      const element = index[at(v, k)] ?? 0;
      if (Math.floor(element / value.width) !== token) return null;
      columns.push(element % value.width);
      const c = coefficientAt(term, at(v, k));
      coefficient ??= c;
      if (c !== coefficient) return null;
    }
    row[v] = token;
    head[v] = table.add(columns);
  }
  const { heads } = table;
  return { numbers: null, length, row, head, heads, rotary: null, coefficient: coefficient ?? 1 };
}

/** The vectors of a constant operand: row i of matrix b is vector i of head b. */
export function constantVectors({ dims, data }: Tensor, axis: -1 | -2): Vectors {
  const { count, length, at } = geometryOf(dims, axis);
  const [m = 1, n = 1] = dims.slice(-2);
  const each = axis === -1 ? m : n;
  const numbers = new Float32Array(count * length);
  const row = new Int32Array(count);
  const head = new Int32Array(count);
  for (let v = 0; v < count; v++) {
    row[v] = v % each;
    head[v] = Math.floor(v / each);
    for (let k = 0; k < length; k++) numbers[v * length + k] = data[at(v, k)] ?? 0;
  }
  const heads = Array.from({ length: count / each }, (_, b) =>
    Array.from({ length }, (_, k) => b * length + k),
  );
  return { value: null, numbers, length, row, head, heads, rotary: null, coefficient: 1 };
}
