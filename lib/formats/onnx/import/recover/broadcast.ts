/**
 * Broadcasting of forms and numbers to a common shape.
 */

import type { Numbers } from '../model.js';
import { compact, type Form, form, indexOf, sizeOf, type Term } from './form.js';
import { Misfit } from './walk.js';

/** The shape to which two tensors are broadcast. */
export function broadcastDims(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x !== y && x !== 1 && y !== 1) {
      throw new Misfit(`shapes [${a.join(', ')}] and [${b.join(', ')}] do not fit`);
    }
    return x === 1 ? y : x;
  });
}

/**
 * For each element of shape `to`, the index of the element of shape `from` that is broadcast to it; null for the identity.
 */
export function broadcastIndex(from: readonly number[], to: readonly number[]): Int32Array | null {
  const size = sizeOf(to);
  // Shapes of the same size differ only in axes of length 1, which keep the order of elements.
  if (sizeOf(from) === size) return null;
  let [index, stride] = [new Int32Array(1), 1];
  for (let axis = to.length - 1; axis >= 0; axis--) {
    const length = to[axis] ?? 1;
    const own = from[from.length - to.length + axis] ?? 1;
    index = repeated(index, length, own > 1 ? stride : 0);
    stride *= own;
  }
  return index;
}

/** `times` copies of the numbers, each copy `step` higher than the one before. */
function repeated(numbers: Int32Array, times: number, step: number): Int32Array<ArrayBuffer> {
  const result = new Int32Array(numbers.length * times);
  for (let copy = 0, at = 0; copy < times; copy++) {
    for (let i = 0; i < numbers.length; i++) result[at++] = (numbers[i] as number) + copy * step;
  }
  return result;
}

/** The elements of `values` at the indices in `index`. */
export function pick<T extends Float32Array | Int32Array>(values: T, index: Int32Array): T {
  const picked = (
    values instanceof Int32Array ? new Int32Array(index.length) : new Float32Array(index.length)
  ) as T;
  for (let e = 0; e < index.length; e++) picked[e] = values[index[e] ?? 0] ?? 0;
  return picked;
}

export function broadcastForm(input: Form, dims: readonly number[]): Form {
  const at = broadcastIndex(input.dims, dims);
  if (at === null) return { ...input, dims };
  const size = sizeOf(input.dims);
  const terms = input.terms.map(({ basis, index, coefficient }: Term) => ({
    basis,
    index: pick(index ?? indexOf({ basis, index, coefficient }, size), at),
    coefficient: typeof coefficient === 'number' ? coefficient : pick(coefficient, at),
  }));
  return form(dims, terms, input.constant && pick(input.constant, at));
}

/** Results of earlier broadcasts by array: every layer adds the same mask. */
const broadcasts = new WeakMap<Numbers, Map<string, number | Float32Array>>();

/** Broadcasts to `dims`, as floats; returns a single number when all elements are equal. */
export function broadcastNumbers(
  from: { readonly dims: readonly number[]; readonly data: Numbers },
  dims: readonly number[],
): number | Float32Array {
  const known = broadcasts.get(from.data) ?? new Map<string, number | Float32Array>();
  broadcasts.set(from.data, known);
  const key = `${from.dims} to ${dims}`;
  const values = known.get(key) ?? broadcastAnew(from, dims);
  known.set(key, values);
  return values;
}

function broadcastAnew(
  from: { readonly dims: readonly number[]; readonly data: Numbers },
  dims: readonly number[],
): number | Float32Array {
  const floats = from.data instanceof Float32Array ? from.data : Float32Array.from(from.data);
  const single = compact(floats);
  if (typeof single === 'number') return single;
  const at = broadcastIndex(from.dims, dims);
  return at === null ? floats : pick(floats, at);
}

export function asArray(values: number | Float32Array, size: number): Float32Array {
  return typeof values === 'number' ? new Float32Array(size).fill(values) : values;
}
