/**
 * Reorders row-major numbers: transposes, or cuts a part along one axis. The result is a new array of the same type.
 */

import type { Numbers } from '../model.js';

export function count(dims: readonly number[]): number {
  return dims.reduce((a, b) => a * b, 1);
}

/** A zeroed array of `length` numbers with the type of `like`. */
function alike<T extends Numbers>(like: T, length: number): T {
  const make = like.constructor as new (length: number) => T;
  return new make(length);
}

export function transposed<T extends Numbers>(
  data: T,
  dims: readonly number[],
  perm: readonly number[],
): T {
  const result = alike(data, data.length);
  const strides = dims.map((_, axis) => count(dims.slice(axis + 1)));
  const shape = perm.map((axis) => dims[axis] ?? 1);
  const steps = perm.map((axis) => strides[axis] ?? 0);
  const index = new Array<number>(perm.length).fill(0);
  const last = perm.length - 1;
  const width = shape[last] ?? 1;
  const step = steps[last] ?? 0;
  let from = 0;
  for (let to = 0; to < result.length; to += width) {
    for (let i = 0; i < width; i++) result[to + i] = data[from + i * step] ?? 0;
    for (let axis = last - 1; axis >= 0; axis--) {
      index[axis] = (index[axis] ?? 0) + 1;
      from += steps[axis] ?? 0;
      if ((index[axis] ?? 0) < (shape[axis] ?? 1)) break;
      from -= (steps[axis] ?? 0) * (shape[axis] ?? 1);
      index[axis] = 0;
    }
  }
  return result;
}

/** Indices [begin, end) of one axis. */
export function sliced<T extends Numbers>(
  data: T,
  dims: readonly number[],
  axis: number,
  begin: number,
  end: number,
): T {
  const inner = count(dims.slice(axis + 1));
  const length = dims[axis] ?? 1;
  const rows = count(dims.slice(0, axis));
  const run = (end - begin) * inner;
  const result = alike(data, rows * run);
  for (let row = 0; row < rows; row++) {
    const from = (row * length + begin) * inner;
    result.set(data.subarray(from, from + run) as never, row * run);
  }
  return result;
}

export function withAxis(dims: readonly number[], axis: number, length: number): number[] {
  return dims.map((old, index) => (index === axis ? length : old));
}
