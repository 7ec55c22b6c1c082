/**
 * QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear, and operators that dequantize, compute and quantize again.
 *
 * Steps that decide how a value is rounded are done in float32, as in the runtimes.
 */

import type { Dtype, Tensor } from '../model.js';
import { sigmoid } from './activations.js';
import type { Call, Operator, OperatorTable } from './call.js';
import { map, zip } from './elementwise.js';
import { namedDtype } from './generate.js';
import { softmaxAlong } from './reduce.js';
import { isSmooth, smoothlyQuantized } from './smooth.js';
import { concatenated } from './structure.js';
import { clamp, roundEven, sizeOf } from './tensors.js';

const RANGES: Readonly<Partial<Record<Dtype, readonly [number, number]>>> = {
  int4: [-8, 7],
  uint4: [0, 15],
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
};

export function rangeOf(call: Call, dtype: Dtype): readonly [number, number] {
  const range = RANGES[dtype];
  if (!range) throw call.unsupported(`quantized ${dtype}`);
  return range;
}

export interface Granularity {
  /** The axis of the scales. */
  readonly axis: number;
  /** Number of neighbours along the axis that share a scale; 0: one scale for each index. */
  readonly blockSize: number;
}

/** Index of the scale of element `i`: one for all, one for each index of the axis, or one for each block. */
function scaleIndex(
  call: Call,
  dims: readonly number[],
  scale: Tensor,
  { axis: given, blockSize }: Granularity,
): (i: number) => number {
  if (scale.data.length === 1) return () => 0;
  const axis = call.axis(given, dims.length);
  const length = dims[axis] as number;
  const inner = sizeOf(dims.slice(axis + 1));
  if (blockSize > 0) {
    const blocks = Math.ceil(length / blockSize);
    const fits = scale.data.length === (sizeOf(dims) / Math.max(length, 1)) * blocks;
    if (!fits) throw call.fail(`scales [${scale.dims.join(', ')}] for [${dims.join(', ')}]`);
    return (i) => {
      const place = Math.floor(i / inner);
      const block = Math.floor((place % length) / blockSize);
      return (Math.floor(place / length) * blocks + block) * inner + (i % inner);
    };
  }
  if (scale.data.length !== length) {
    throw call.fail(`${scale.data.length} scales for an axis of ${length}`);
  }
  return (i) => Math.floor(i / inner) % length;
}

/** (code - zero) * scale in float32. */
export function dequantized(
  call: Call,
  codes: Tensor,
  scale: Tensor,
  given: Tensor | null,
  granularity: Granularity,
): Tensor {
  const zero = isSmooth(codes) ? null : given;
  if (zero && zero.data.length !== scale.data.length && zero.data.length !== 1) {
    throw call.fail('scales and zero points differ in number');
  }
  const index = scaleIndex(call, codes.dims, scale, granularity);
  const out = call.make('float32', codes.dims);
  for (let i = 0; i < out.data.length; i++) {
    const at = index(i);
    const shift = zero ? (zero.data[zero.data.length === 1 ? 0 : at] as number) : 0;
    out.data[i] = ((codes.data[i] as number) - shift) * (scale.data[at] as number);
  }
  return out;
}

/** round(x / scale) + zero, clamped to the range of `dtype`; ties round to even. */
export function quantized(
  call: Call,
  x: Tensor,
  scale: Tensor,
  zero: Tensor | null,
  dtype: Dtype,
  granularity: Granularity = { axis: 1, blockSize: 0 },
): Tensor {
  const [low, high] = rangeOf(call, dtype);
  const index = scaleIndex(call, x.dims, scale, granularity);
  const shiftAt = (at: number) =>
    zero ? (zero.data[zero.data.length === 1 ? 0 : at] as number) : 0;
  if (call.smooth !== null) {
    const scaleAt = (i: number) => scale.data[index(i)] as number;
    const zeroAt = (i: number) => shiftAt(index(i));
    return smoothlyQuantized(call, x, dtype, { low, high, scaleAt, zeroAt }, call.smooth);
  }
  const out = call.make(dtype, x.dims);
  for (let i = 0; i < out.data.length; i++) {
    const at = index(i);
    const shift = shiftAt(at);
    const steps = roundEven(Math.fround((x.data[i] as number) / (scale.data[at] as number)));
    out.data[i] = clamp(steps + shift, low, high);
  }
  return out;
}

function granularityOf(call: Call): Granularity {
  return { axis: call.number('axis', 1), blockSize: call.number('block_size', 0) };
}

const quantizeLinear: Operator = (call) => {
  const zero = call.optional(2);
  const named = namedDtype(call, call.number('output_dtype', 0));
  const dtype = zero?.dtype ?? named ?? 'uint8';
  return quantized(call, call.input(0), call.input(1), zero, dtype, granularityOf(call));
};

const dequantizeLinear: Operator = (call) =>
  dequantized(call, call.input(0), call.input(1), call.optional(2), granularityOf(call));

export interface DynamicallyQuantized {
  readonly codes: Tensor;
  readonly scale: Tensor;
  readonly zero: Tensor;
}

/** A range that cuts nothing, because each run computes its own. */
const ENDLESS = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };

/** Quantizes to uint8 over the range of the tensor, zero included. */
export function dynamicallyQuantized(call: Call, x: Tensor): DynamicallyQuantized {
  let low = 0;
  let high = 0;
  for (let i = 0; i < x.data.length; i++) {
    low = Math.min(low, x.data[i] as number);
    high = Math.max(high, x.data[i] as number);
  }
  const step = Math.fround(Math.fround(high - low) / 255) || 1;
  const scale = call.make('float32', []);
  const zero = call.make('uint8', []);
  scale.data[0] = step;
  zero.data[0] = clamp(roundEven(Math.fround(-low / step)), 0, 255);
  const codes =
    call.smooth === null
      ? quantized(call, x, scale, zero, 'uint8')
      : smoothlyQuantized(
          call,
          x,
          'uint8',
          { ...ENDLESS, scaleAt: () => step, zeroAt: () => 0 },
          call.smooth,
        );
  return { codes, scale, zero };
}

const dynamicQuantizeLinear: Operator = (call) => {
  const { codes, scale, zero } = dynamicallyQuantized(call, call.input(0));
  return [codes, scale, zero];
};

/** The dequantized tensor at `index`, whose scale and zero point follow. */
function floatInput(call: Call, index: number): Tensor {
  const granularity = { axis: 0, blockSize: 0 };
  return dequantized(
    call,
    call.input(index),
    call.input(index + 1),
    call.optional(index + 2),
    granularity,
  );
}

/** Quantizes with the scale at `index` and the zero point after it. */
function requantized(call: Call, out: Tensor, index: number, dtype: Dtype): Tensor {
  return quantized(call, out, call.input(index), call.optional(index + 1), dtype);
}

function qLinearBinary(f: (a: number, b: number) => number): Operator {
  return (call) => {
    const out = zip(call, 'float32', floatInput(call, 0), floatInput(call, 3), f);
    return requantized(call, out, 6, call.input(0).dtype);
  };
}

function qLinearUnary(f: (x: number, alpha: number) => number): Operator {
  return (call) => {
    const alpha = call.number('alpha', 0.01);
    const out = map(call, 'float32', floatInput(call, 0), (x) => f(x, alpha));
    return requantized(call, out, 3, call.input(0).dtype);
  };
}

const qLinearSoftmax: Operator = (call) => {
  const input = floatInput(call, 0);
  const rank = input.dims.length;
  const axis = call.axis(call.number('axis', -1), rank);
  if (call.number('opset', 13) >= 13 || axis === rank - 1) {
    return requantized(call, softmaxAlong(call, input, axis), 3, call.input(0).dtype);
  }
  const rows = call.reshaped(input, [
    sizeOf(input.dims.slice(0, axis)),
    sizeOf(input.dims.slice(axis)),
  ]);
  const out = call.reshaped(softmaxAlong(call, rows, 1), input.dims);
  return requantized(call, out, 3, call.input(0).dtype);
};

/** Inputs: scale and zero point of the result, then triples of tensor, scale and zero point. */
const qLinearConcat: Operator = (call) => {
  const parts: Tensor[] = [];
  for (let index = 2; index < call.inputs.length; index += 3) parts.push(floatInput(call, index));
  const out = concatenated(call, parts, call.number('axis', 0));
  return requantized(call, out, 0, call.input(2).dtype);
};

export const QUANTIZE: OperatorTable = {
  DequantizeLinear: dequantizeLinear,
  DynamicQuantizeLinear: dynamicQuantizeLinear,
  QuantizeLinear: quantizeLinear,
};

export const MS_QUANTIZE: OperatorTable = {
  DequantizeLinear: dequantizeLinear,
  QLinearAdd: qLinearBinary((a, b) => a + b),
  QLinearConcat: qLinearConcat,
  QLinearLeakyRelu: qLinearUnary((x, alpha) => (x < 0 ? alpha * x : x)),
  QLinearMul: qLinearBinary((a, b) => a * b),
  QLinearSigmoid: qLinearUnary(sigmoid),
  QLinearSoftmax: qLinearSoftmax,
  QuantizeLinear: quantizeLinear,
};
