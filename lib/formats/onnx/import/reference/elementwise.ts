/**
 * Element-wise operators with broadcasting.
 *
 * Arithmetic is in doubles and rounded once to the result's type; integer division truncates.
 */

import type { Dtype, Tensor } from '../model.js';
import type { Call, Operator, OperatorTable } from './call.js';
import { broadcastDims, broadcastStrides, forEachRow, isFloat, roundEven } from './tensors.js';

type Binary = (a: number, b: number) => number;

/** f(a, b) with broadcasting; the result has `dtype`. */
export function zip(call: Call, dtype: Dtype, a: Tensor, b: Tensor, f: Binary): Tensor {
  const dims = broadcastDims(a.dims, b.dims);
  if (!dims) throw call.fail(`[${a.dims.join(', ')}] with [${b.dims.join(', ')}]`);
  const out = call.make(dtype, dims);
  const { data } = out;
  const x = a.data;
  const y = b.data;
  if (x.length === data.length && y.length === data.length) {
    for (let i = 0; i < data.length; i++) data[i] = f(x[i] as number, y[i] as number);
    return out;
  }
  const width = dims.at(-1) ?? 1;
  const strides = [broadcastStrides(a.dims, dims), broadcastStrides(b.dims, dims)];
  const stepX = strides[0]?.at(-1) ?? 0;
  const stepY = strides[1]?.at(-1) ?? 0;
  forEachRow(dims.length === 0 ? [1] : dims, strides, (row, [fromX, fromY]) => {
    let i = fromX as number;
    let j = fromY as number;
    const end = (row + 1) * width;
    for (let at = row * width; at < end; at++) {
      data[at] = f(x[i] as number, y[j] as number);
      i += stepX;
      j += stepY;
    }
  });
  return out;
}

/** f(a) of the same shape. */
export function map(call: Call, dtype: Dtype, a: Tensor, f: (a: number) => number): Tensor {
  const out = call.make(dtype, a.dims);
  const { data } = a;
  for (let i = 0; i < data.length; i++) out.data[i] = f(data[i] as number);
  return out;
}

function unary(f: (a: number) => number): Operator {
  return (call) => map(call, call.input(0).dtype, call.input(0), f);
}

function binary(f: Binary): Operator {
  return (call) => zip(call, call.input(0).dtype, call.input(0), call.input(1), f);
}

function relation(f: (a: number, b: number) => boolean): Operator {
  return (call) => zip(call, 'bool', call.input(0), call.input(1), (a, b) => (f(a, b) ? 1 : 0));
}

function variadic(f: Binary): Operator {
  return (call) => {
    const [first, ...rest] = call.inputs.map((_, i) => call.input(i));
    if (!first) throw call.fail('has no inputs');
    return rest.reduce((sum, item) => zip(call, first.dtype, sum, item, f), first);
  };
}

const divide: Operator = (call) => {
  const float = isFloat(call.input(0).dtype);
  return binary(float ? (a, b) => a / b : (a, b) => Math.trunc(a / b))(call);
};

const modulo: Operator = (call) => {
  const likeC = call.number('fmod', 0) === 1;
  return binary(likeC ? (a, b) => a % b : (a, b) => a - b * Math.floor(a / b))(call);
};

/** Bounds are attributes before opset 11, inputs since. */
const clip: Operator = (call) => {
  const attributes = call.opset < 11;
  const low = attributes ? call.number('min', -Infinity) : call.scalar(1, -Infinity);
  const high = attributes ? call.number('max', Infinity) : call.scalar(2, Infinity);
  const { dtype } = call.input(0);
  return map(call, dtype, call.input(0), (a) => Math.min(Math.max(a, low), high));
};

export const where: Operator = (call) => {
  const [condition, a, b] = [call.input(0), call.input(1), call.input(2)];
  const pair = broadcastDims(a.dims, b.dims);
  const dims = pair && broadcastDims(pair, condition.dims);
  if (!dims) throw call.fail('inputs do not broadcast');
  const out = call.make(a.dtype, dims);
  const { data } = out;
  const width = dims.at(-1) ?? 1;
  const strides = [condition, a, b].map((tensor) => broadcastStrides(tensor.dims, dims));
  const steps = strides.map((stride) => stride.at(-1) ?? 0);
  forEachRow(dims.length === 0 ? [1] : dims, strides, (row, offsets) => {
    const [c, x, y] = offsets as [number, number, number];
    const [stepC, stepX, stepY] = steps as [number, number, number];
    for (let i = 0; i < width; i++) {
      const chosen =
        condition.data[c + i * stepC] !== 0 ? a.data[x + i * stepX] : b.data[y + i * stepY];
      data[row * width + i] = chosen as number;
    }
  });
  return out;
};

const pow: Operator = (call) => {
  const float = isFloat(call.input(0).dtype);
  return binary(float ? (a, b) => a ** b : (a, b) => Math.trunc(a ** b))(call);
};

const prelu: Operator = binary((a, slope) => (a < 0 ? a * slope : a));

const isInfinite: Operator = (call) => {
  const negative = call.number('detect_negative', 1) === 1;
  const positive = call.number('detect_positive', 1) === 1;
  const test = (a: number) => (a === Infinity && positive) || (a === -Infinity && negative);
  return map(call, 'bool', call.input(0), (a) => (test(a) ? 1 : 0));
};

const mean: Operator = (call) => {
  const sum = variadic((a, b) => a + b)(call) as Tensor;
  return map(call, sum.dtype, sum, (a) => a / call.inputs.length);
};

export const ELEMENTWISE: OperatorTable = {
  Abs: unary(Math.abs),
  Add: binary((a, b) => a + b),
  And: relation((a, b) => a !== 0 && b !== 0),
  Ceil: unary(Math.ceil),
  Clip: clip,
  Cos: unary(Math.cos),
  Div: divide,
  Equal: relation((a, b) => a === b),
  Exp: unary(Math.exp),
  Floor: unary(Math.floor),
  Greater: relation((a, b) => a > b),
  GreaterOrEqual: relation((a, b) => a >= b),
  IsInf: isInfinite,
  IsNaN: (call) => map(call, 'bool', call.input(0), (a) => (Number.isNaN(a) ? 1 : 0)),
  Less: relation((a, b) => a < b),
  LessOrEqual: relation((a, b) => a <= b),
  Log: unary(Math.log),
  Max: variadic(Math.max),
  Mean: mean,
  Min: variadic(Math.min),
  Mod: modulo,
  Mul: binary((a, b) => a * b),
  Neg: unary((a) => -a),
  Not: unary((a) => (a === 0 ? 1 : 0)),
  Or: relation((a, b) => a !== 0 || b !== 0),
  PRelu: prelu,
  Pow: pow,
  Reciprocal: unary((a) => 1 / a),
  Round: unary(roundEven),
  Sign: unary(Math.sign),
  Sin: unary(Math.sin),
  Sqrt: unary(Math.sqrt),
  Sub: binary((a, b) => a - b),
  Sum: variadic((a, b) => a + b),
  Tan: unary(Math.tan),
  Where: where,
  Xor: relation((a, b) => (a !== 0) !== (b !== 0)),
};
