/**
 * Broadcasting of forms and numbers to a common shape.
 */

import type { Numbers } from '../model.js';
import { compact, type Form, form, indexOf, sizeOf, type Term } from './form.js';
import { Misfit } from './walk.js';

/** The common shape of two tensors. */
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

/** Element of a tensor of shape `from` for every element of shape `to`; null when the shapes are one. */
export function broadcastIndex(from: readonly number[], to: readonly number[]): Int32Array | null {
  const size = sizeOf(to);
  // The same elements in the same order: only axes of length 1 differ.
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

/** The numbers `times` times behind each other, each time `step` higher. */
function repeated(numbers: Int32Array, times: number, step: number): Int32Array<ArrayBuffer> {
  const result = new Int32Array(numbers.length * times);
  for (let copy = 0, at = 0; copy < times; copy++) {
    for (let i = 0; i < numbers.length; i++) result[at++] = (numbers[i] as number) + copy * step;
  }
  return result;
}

/** The numbers at these places. */
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

/** What each array was broadcast to before: every layer adds the same mask. */
const broadcasts = new WeakMap<Numbers, Map<string, number | Float32Array>>();

/** Numbers as floats of this shape; one number when all are equal. */
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
