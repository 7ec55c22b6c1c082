/**
 * A float tensor of the walk: every element is a sum of coefficient * (element of a basis) + constant.
 *
 * Which element is told by an index array, so that no layout operation has to be understood: it is evaluated on the indices.
 */

import type { Initializer } from '../model.js';
import type { Value } from './draft.js';
import type { Scores } from './score-parts.js';
import type { Vectors } from './vectors.js';

export type Basis =
  /** The rows of a value: element row * width + column. */
  | { readonly kind: 'rows'; readonly value: Value }
  /** A constant of the file that is looked up by rows. */
  | { readonly kind: 'table'; readonly table: Initializer }
  /** Dot products of two sets of vectors: element (batch * left + l) * right + r. */
  | {
      readonly kind: 'dot';
      readonly left: Vectors;
      readonly right: Vectors;
      readonly leftCount: number;
      readonly rightCount: number;
    }
  /** Attention weights: element row * keys + key. */
  | { readonly kind: 'softmax'; readonly scores: Scores }
  /** Sums of a value's rows with these weights: element row * width + column; `weights` is [rows, rows of the value]. */
  | {
      readonly kind: 'sum';
      readonly value: Value;
      readonly weights: Float64Array;
      readonly rows: number;
    }
  /** Largest of the valid tokens of each sequence: element sequence * width + column. */
  | { readonly kind: 'square'; readonly value: Value }
  /** Per row: its length (`root`), or the square of it. */
  | { readonly kind: 'length'; readonly value: Value; readonly root: boolean };

export interface Term {
  readonly basis: Basis;
  /** Element of the basis for every element of the tensor; null: the same one. */
  readonly index: Int32Array | null;
  readonly coefficient: number | Float32Array;
}

export interface Form {
  readonly kind: 'form';
  readonly dims: readonly number[];
  readonly terms: readonly Term[];
  /** Added to the terms; null: nothing. */
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

/** The rows of a value as a tensor of these sizes, in their order. */
export function rowsForm(value: Value, dims: readonly number[], index: Int32Array | null): Form {
  return form(dims, [{ basis: { kind: 'rows', value }, index, coefficient: 1 }]);
}

/** Whether an index is 0, 1, 2 ... */
export function isCounting(index: ArrayLike<number>): boolean {
  for (let i = 0; i < index.length; i++) if (index[i] !== i) return false;
  return true;
}

/** The longest that was asked for. */
let ascending = new Int32Array(0);

/** 0, 1, 2 ... Others have the same memory: it is not to be written. */
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

/** One number when all elements are equal. */
export function compact(values: Float32Array): number | Float32Array {
  const [first = 0] = values;
  for (let e = 0; e < values.length; e++) if (values[e] !== first) return values;
  return first;
}

/** Whether two bases are the same thing: the same rows of the same value. */
export function sameBasis(a: Basis, b: Basis): boolean {
  if (a === b) return true;
  if (a.kind === 'rows' && b.kind === 'rows') return a.value === b.value;
  return a.kind === 'table' && b.kind === 'table' && a.table.name === b.table.name;
}
