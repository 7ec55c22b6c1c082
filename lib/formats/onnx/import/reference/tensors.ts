/**
 * Small helpers on tensors: sizes, strides, broadcasting, new arrays.
 *
 * Row-major everywhere; a scalar has the dims [].
 */

import type { Dtype, Numbers, Tensor } from '../model.js';

export function sizeOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

/** The step between neighbours along each axis, in elements. */
export function stridesOf(dims: readonly number[]): number[] {
  const strides = new Array<number>(dims.length);
  let step = 1;
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    strides[axis] = step;
    step *= dims[axis] as number;
  }
  return strides;
}

/** A zeroed array for `count` elements of `dtype`. */
export function newNumbers(dtype: Dtype, count: number): Numbers {
  switch (dtype) {
    case 'float32':
    case 'float16':
    case 'bfloat16':
      return new Float32Array(count);
    case 'int8':
    case 'int4':
      return new Int8Array(count);
    case 'uint8':
    case 'uint4':
    case 'bool':
      return new Uint8Array(count);
    case 'int16':
      return new Int16Array(count);
    case 'uint16':
      return new Uint16Array(count);
    case 'int32':
      return new Int32Array(count);
    case 'uint32':
      return new Uint32Array(count);
    default:
      return new Float64Array(count);
  }
}

export function isFloat(dtype: Dtype): boolean {
  return dtype === 'float32' || dtype === 'float16' || dtype === 'bfloat16' || dtype === 'float64';
}

/** The shape to which both are broadcast; null when they do not fit. */
export function broadcastDims(a: readonly number[], b: readonly number[]): number[] | null {
  const rank = Math.max(a.length, b.length);
  const out = new Array<number>(rank);
  for (let i = 0; i < rank; i++) {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x !== y && x !== 1 && y !== 1) return null;
    out[i] = x === 1 ? y : x;
  }
  return out;
}

/** Strides with which a tensor of `dims` is read as if it had the shape `out`: 0 along repeated axes. */
export function broadcastStrides(dims: readonly number[], out: readonly number[]): number[] {
  const strides = stridesOf(dims);
  return out.map((_, i) => {
    const axis = i - (out.length - dims.length);
    return axis < 0 || dims[axis] === 1 ? 0 : (strides[axis] as number);
  });
}

/**
 * Calls `visit` for each row of the shape `dims` (a row is the last axis) with the offset of its first element under each of
 * the `strides`. All calls share one array of offsets.
 */
export function forEachRow(
  dims: readonly number[],
  strides: readonly (readonly number[])[],
  visit: (row: number, offsets: readonly number[]) => void,
): void {
  const outer = dims.slice(0, -1);
  const rows = sizeOf(outer);
  if (rows === 0 || dims.at(-1) === 0) return;
  const index = new Array<number>(outer.length).fill(0);
  const offsets = new Array<number>(strides.length).fill(0);
  for (let row = 0; row < rows; row++) {
    visit(row, offsets);
    for (let axis = outer.length - 1; axis >= 0; axis--) {
      const next = (index[axis] as number) + 1;
      const wraps = next === outer[axis];
      index[axis] = wraps ? 0 : next;
      for (let k = 0; k < offsets.length; k++) {
        const step = strides[k]?.[axis] ?? 0;
        offsets[k] = (offsets[k] as number) + (wraps ? -step * (next - 1) : step);
      }
      if (!wraps) break;
    }
  }
}

/** The elements as plain numbers: for shapes, axes, small lists. */
export function listOf(tensor: Tensor): number[] {
  return Array.from(tensor.data as ArrayLike<number>);
}

/** Rounds ties to the even neighbour, as IEEE 754 and all quantizers do. */
export function roundEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

export function clamp(value: number, low: number, high: number): number {
  return value < low ? low : value > high ? high : value;
}
