/**
 * A symbolic float tensor of the walk: each element is a sum of coefficient * (element of a basis), plus a constant.
 *
 * Index arrays say which element of the basis that is. So no layout operation has to be understood: it is evaluated on the
 * indices.
 */

import type { Initializer } from '../model.js';
import type { Value } from './draft.js';
import type { Scores } from './score-parts.js';
import type { Vectors } from './vectors.js';

export type Basis =
  /** The rows of a value. Element: row * width + column. */
  | { readonly kind: 'rows'; readonly value: Value }
  /** A constant of the file whose rows are looked up. */
  | { readonly kind: 'table'; readonly table: Initializer }
  /** Dot products of two sets of vectors. Element: (batch * left + l) * right + r. */
  | {
      readonly kind: 'dot';
      readonly left: Vectors;
      readonly right: Vectors;
      readonly leftCount: number;
      readonly rightCount: number;
    }
  /** Attention weights. Element: row * keys + key. */
  | { readonly kind: 'softmax'; readonly scores: Scores }
  /** Weighted sums of a value's rows, with `weights` [rows, rows of the value]. Element: row * width + column. */
  | {
      readonly kind: 'sum';
      readonly value: Value;
      readonly weights: Float64Array;
      readonly rows: number;
    }
  /** Squares of a value's elements. Element: row * width + column. */
  | { readonly kind: 'square'; readonly value: Value }
  /** Euclidean length of each row (`root`), or its square. Element: row. */
  | { readonly kind: 'length'; readonly value: Value; readonly root: boolean };

export interface Term {
  readonly basis: Basis;
  /** For each element of the tensor the element of the basis; null: the one with the same index. */
  readonly index: Int32Array | null;
  readonly coefficient: number | Float32Array;
}

export interface Form {
  readonly kind: 'form';
  readonly dims: readonly number[];
  readonly terms: readonly Term[];
  /** Addend of the terms; null: none. */
  readonly constant: Float32Array | null;
}

export function sizeOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

export function form(
  dims: readonly number[],
  terms: readonly Term[],
  constant: Float32Array | null = null,
): Form {
  return { kind: 'form', dims, terms, constant };
}

/** A tensor of these dims from the rows of a value, reordered by `index`; null: in their own order. */
export function rowsForm(value: Value, dims: readonly number[], index: Int32Array | null): Form {
  return form(dims, [{ basis: { kind: 'rows', value }, index, coefficient: 1 }]);
}

/** Whether an index is 0, 1, 2 ... */
export function isCounting(index: ArrayLike<number>): boolean {
  for (let i = 0; i < index.length; i++) if (index[i] !== i) return false;
  return true;
}

/** The longest array that `counting` has returned parts of. */
let ascending = new Int32Array(0);

/** The numbers 0, 1, 2 ... Callers share the array and must not write to it. */
export function counting(length: number): Int32Array {
  if (ascending.length < length) {
    const indices = new Int32Array(length);
    for (let i = 0; i < length; i++) indices[i] = i;
    ascending = indices;
  }
  return ascending.subarray(0, length);
}

export function indexOf(term: Term, size: number): Int32Array {
  return term.index ?? counting(size);
}

export function coefficientAt({ coefficient }: Term, element: number): number {
  return typeof coefficient === 'number' ? coefficient : (coefficient[element] ?? 0);
}

/** A single number when all elements are equal, else `values`. */
export function compact(values: Float32Array): number | Float32Array {
  const [first = 0] = values;
  for (let e = 0; e < values.length; e++) if (values[e] !== first) return values;
  return first;
}

/** Whether two bases are rows of the same value or the same table. */
export function sameBasis(a: Basis, b: Basis): boolean {
  if (a === b) return true;
  if (a.kind === 'rows' && b.kind === 'rows') return a.value === b.value;
  return a.kind === 'table' && b.kind === 'table' && a.table.name === b.table.name;
}
