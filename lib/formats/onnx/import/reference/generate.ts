/**
 * Operators that make values: constants, shapes, ranges, triangles, casts.
 */

import { type Dtype, isTensor, type Tensor } from '../model.js';
import { dtypeOf } from '../reader/dtypes.js';
import type { Call, Operator, OperatorTable } from './call.js';
import { map } from './elementwise.js';
import { clamp, isFloat, listOf } from './tensors.js';

const constant: Operator = (call) => {
  const entry = [...call.node.attributes].find(([name]) => name.startsWith('value'));
  if (!entry) throw call.fail('has no value');
  const [name, value] = entry;
  if (isTensor(value)) return value;
  const dtype = name.startsWith('value_float') ? 'float32' : 'int64';
  const list = name.endsWith('s') ? call.numbers(name) : [call.number(name, 0)];
  const out = call.make(dtype, name.endsWith('s') ? [list?.length ?? 0] : []);
  out.data.set(list ?? []);
  return out;
};

const constantOfShape: Operator = (call) => {
  const value = call.tensor('value');
  const out = call.make(value?.dtype ?? 'float32', listOf(call.input(0)));
  out.data.fill(value?.data[0] ?? 0);
  return out;
};

const shape: Operator = (call) => {
  const { dims } = call.input(0);
  const bound = (value: number) => clamp(value < 0 ? value + dims.length : value, 0, dims.length);
  const part = dims.slice(bound(call.number('start', 0)), bound(call.number('end', dims.length)));
  const out = call.make('int64', [part.length]);
  out.data.set(part);
  return out;
};

const range: Operator = (call) => {
  const [start, limit, step] = [call.scalar(0), call.scalar(1), call.scalar(2)];
  const count = Math.max(0, Math.ceil((limit - start) / step));
  if (!Number.isFinite(count)) throw call.fail(`from ${start} to ${limit} by ${step}`);
  const out = call.make(call.input(0).dtype, [count]);
  for (let i = 0; i < count; i++) out.data[i] = start + i * step;
  return out;
};

const trilu: Operator = (call) => {
  const input = call.input(0);
  const upper = call.number('upper', 1) === 1;
  const k = call.scalar(1, 0);
  const [rows, columns] = [input.dims.at(-2) ?? 1, input.dims.at(-1) ?? 1];
  const out = call.make(input.dtype, input.dims);
  for (let i = 0; i < out.data.length; i++) {
    const distance = (i % columns) - (Math.floor(i / columns) % rows);
    const kept = upper ? distance >= k : distance <= k;
    out.data[i] = kept ? (input.data[i] as number) : 0;
  }
  return out;
};

const eyeLike: Operator = (call) => {
  const { dims, dtype } = call.input(0);
  const [rows = 0, columns = 0] = dims;
  const k = call.number('k', 0);
  const out = call.make(namedDtype(call, call.number('dtype', 0)) ?? dtype, dims);
  for (let row = 0; row < rows; row++) {
    const column = row + k;
    if (column >= 0 && column < columns) out.data[row * columns + column] = 1;
  }
  return out;
};

/** The dtype with this number; null for 0. Throws UNSUPPORTED_MODEL for an unknown one. */
export function namedDtype(call: Call, number: number): Dtype | null {
  if (number === 0) return null;
  const dtype = dtypeOf(number);
  if (dtype === undefined || dtype === 'string') throw call.unsupported(`element type ${number}`);
  return dtype;
}

/** Casts a tensor. Half precision becomes float32, in which float16 graphs are computed. Integers wrap as in C. */
export function converted(call: Call, tensor: Tensor, dtype: Dtype): Tensor {
  if (dtype === tensor.dtype) return tensor;
  if (dtype === 'bool') return map(call, dtype, tensor, (value) => (value === 0 ? 0 : 1));
  if (dtype === 'int4') return map(call, dtype, tensor, (value) => (Math.trunc(value) << 28) >> 28);
  if (dtype === 'uint4') return map(call, dtype, tensor, (value) => Math.trunc(value) & 15);
  if (isFloat(dtype) || !isFloat(tensor.dtype)) return map(call, dtype, tensor, (value) => value);
  if (dtype !== 'int64' && dtype !== 'uint64') return map(call, dtype, tensor, Math.trunc);
  return map(call, dtype, tensor, (value) => toInt64(value));
}

/**
 * Infinities become the ends of the range, NaN zero: results must not depend on the processor, and x86 and ARM differ here.
 */
function toInt64(value: number): number {
  return Number.isNaN(value) ? 0 : Math.trunc(clamp(value, -(2 ** 63), 2 ** 63));
}

const cast: Operator = (call) => {
  const dtype = namedDtype(call, call.number('to', 0));
  if (!dtype) throw call.fail('has no type to cast to');
  return converted(call, call.input(0), dtype);
};

export const GENERATE: OperatorTable = {
  Cast: cast,
  CastLike: (call) => converted(call, call.input(0), call.input(1).dtype),
  Constant: constant,
  ConstantOfShape: constantOfShape,
  EyeLike: eyeLike,
  Range: range,
  Shape: shape,
  Size: (call) => {
    const out = call.make('int64', []);
    out.data[0] = call.input(0).data.length;
    return out;
  },
  Trilu: trilu,
};
