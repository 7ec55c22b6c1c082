/**
 * Random tensors for property tests: shapes from fast-check, numbers from a seed.
 */

import fc from 'fast-check';
import type { Dtype, Tensor } from '../../../lib/formats/onnx/import/model.js';
import { tensor } from './write-model.js';

export const seeds = fc.integer({ min: 1, max: 2 ** 31 - 2 });

/** Numbers in [0, 1), the same for the same seed. */
export function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

export function sizeOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

/** Floats in (-span, span). */
export function real(dims: readonly number[], next: () => number, span = 2): Tensor {
  return tensor(
    'float32',
    dims,
    Array.from({ length: sizeOf(dims) }, () => (2 * next() - 1) * span),
  );
}

/** Integers in [low, high]. */
export function whole(
  dtype: Dtype,
  dims: readonly number[],
  low: number,
  high: number,
  next: () => number,
): Tensor {
  const pick = () => low + Math.floor(next() * (high - low + 1));
  return tensor(dtype, dims, Array.from({ length: sizeOf(dims) }, pick));
}

export function int64s(values: readonly number[]): Tensor {
  return tensor('int64', [values.length], values);
}

export function scalar(dtype: Dtype, value: number): Tensor {
  return tensor(dtype, [], [value]);
}

export function dimsOf(minLength: number, maxLength: number, max = 4): fc.Arbitrary<number[]> {
  return fc.array(fc.integer({ min: 1, max }), { minLength, maxLength });
}
