/**
 * Layer and RMS normalization, alone and with the residual sum of SkipLayerNormalization.
 *
 * Mean and variance are doubles over the last axes; the variance is computed from differences to the mean, never as a
 * difference of squares.
 */

import type { Tensor } from '../model.js';
import type { Call, Operator, OperatorTable } from './call.js';
import { zip } from './elementwise.js';
import { sizeOf } from './tensors.js';

export interface NormOptions {
  /** The first of the normalized axes. */
  readonly axis: number;
  readonly epsilon: number;
  /** Whether to leave out the mean: RMS normalization. */
  readonly rms: boolean;
}

export interface Normalized {
  readonly out: Tensor;
  readonly mean: Tensor;
  readonly inverse: Tensor;
}

/** scale * (x - mean) / sqrt(var + epsilon) + bias. */
export function normalized(
  call: Call,
  input: Tensor,
  scale: Tensor | null,
  bias: Tensor | null,
  { axis, epsilon, rms }: NormOptions,
): Normalized {
  const width = sizeOf(input.dims.slice(axis));
  const rows = sizeOf(input.dims.slice(0, axis));
  for (const part of [scale, bias]) {
    if (part && part.data.length !== width) {
      throw call.fail(`weights [${part.dims.join(', ')}] for rows of ${width}`);
    }
  }
  const out = call.make(input.dtype, input.dims);
  const statistics = input.dims.map((dim, i) => (i < axis ? dim : 1));
  const mean = call.make('float32', statistics);
  const inverse = call.make('float32', statistics);
  for (let row = 0; row < rows; row++) {
    const x = input.data.subarray(row * width, (row + 1) * width);
    const center = rms ? 0 : sum(x, (value) => value) / width;
    const variance = sum(x, (value) => (value - center) ** 2) / width;
    const factor = 1 / Math.sqrt(variance + epsilon);
    mean.data[row] = center;
    inverse.data[row] = factor;
    for (let i = 0; i < width; i++) {
      const value = ((x[i] as number) - center) * factor * (scale?.data[i] ?? 1);
      out.data[row * width + i] = value + (bias?.data[i] ?? 0);
    }
  }
  return { out, mean, inverse };
}

function sum(values: ArrayLike<number>, term: (value: number) => number): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += term(values[i] as number);
  return total;
}

function norm(rms: boolean): Operator {
  return (call) => {
    const input = call.input(0);
    const axis = call.axis(call.number('axis', -1), input.dims.length);
    const options = { axis, epsilon: call.number('epsilon', Math.fround(1e-5)), rms };
    const bias = rms ? null : call.optional(2);
    const { out, mean, inverse } = normalized(call, input, call.input(1), bias, options);
    return rms ? [out, inverse] : [out, mean, inverse];
  };
}

/** Normalizes input + skip (+ bias) over the last axis; the sum itself is the fourth output. */
function skipNorm(rms: boolean): Operator {
  return (call) => {
    const [input, skip] = [call.input(0), call.input(1)];
    const bias = call.optional(rms ? 3 : 4);
    const add = (x: number, y: number) => x + y;
    let total = zip(call, input.dtype, input, skip, add);
    if (bias) total = zip(call, input.dtype, total, bias, add);
    const axis = total.dims.length - 1;
    const epsilon = call.number('epsilon', Math.fround(1e-12));
    const beta = rms ? null : call.optional(3);
    const parts = normalized(call, total, call.input(2), beta, { axis, epsilon, rms });
    return [parts.out, parts.mean, parts.inverse, total];
  };
}

export const NORM: OperatorTable = {
  LayerNormalization: norm(false),
  RMSNormalization: norm(true),
  // An operator of ONNX Runtime, which its files put into ONNX's domain.
  SimplifiedLayerNormalization: norm(true),
};

export const MS_NORM: OperatorTable = {
  LayerNormalization: norm(false),
  SimplifiedLayerNormalization: norm(true),
  SkipLayerNormalization: skipNorm(false),
  SkipSimplifiedLayerNormalization: skipNorm(true),
};
