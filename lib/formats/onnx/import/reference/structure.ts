/**
 * Operators that move elements: reshape, transpose, slice, concat, split, expand, tile, pad.
 *
 * A new shape shares the memory of the old one; everything else goes through one strided copy.
 */

import type { Tensor } from '../model.js';
import type { Call, Operator, OperatorTable } from './call.js';
import {
  broadcastDims,
  broadcastStrides,
  forEachRow,
  listOf,
  sizeOf,
  stridesOf,
} from './tensors.js';

/** Copies elements of `tensor` from `offset` on, read with `strides`, to a tensor of `dims`. */
export function strided(
  call: Call,
  tensor: Tensor,
  dims: readonly number[],
  strides: readonly number[],
  offset = 0,
): Tensor {
  const out = call.make(tensor.dtype, dims);
  const source = tensor.data;
  const target = out.data;
  const width = dims.at(-1) ?? 1;
  const step = strides.at(-1) ?? 0;
  forEachRow(dims.length === 0 ? [1] : dims, [strides], (row, [from]) => {
    let at = offset + (from as number);
    const end = (row + 1) * width;
    for (let i = row * width; i < end; i++) {
      target[i] = source[at] as number;
      at += step;
    }
  });
  return out;
}

const reshape: Operator = (call) => {
  const input = call.input(0);
  const wanted = call.opset < 5 ? [...(call.numbers('shape') ?? [])] : listOf(call.input(1));
  const zeroIsZero = call.number('allowzero', 0) === 1;
  const dims = wanted.map((dim, i) => (dim === 0 && !zeroIsZero ? (input.dims[i] ?? 0) : dim));
  const open = dims.indexOf(-1);
  if (open >= 0) {
    const known = dims.reduce((product, dim, i) => (i === open ? product : product * dim), 1);
    dims[open] = known === 0 ? 0 : input.data.length / known;
  }
  return call.reshaped(input, dims);
};

const flatten: Operator = (call) => {
  const input = call.input(0);
  const axis = call.axis(call.number('axis', 1), input.dims.length, true);
  return call.reshaped(input, [sizeOf(input.dims.slice(0, axis)), sizeOf(input.dims.slice(axis))]);
};

/** `axes` of Squeeze, Unsqueeze and reductions: an attribute in old operator sets, an input in new ones. */
export function axesOf(call: Call, inputSince: number): number[] | null {
  if (call.opset < inputSince) return call.numbers('axes')?.slice() ?? null;
  const tensor = call.optional(1);
  return tensor ? listOf(tensor) : null;
}

const squeeze: Operator = (call) => {
  const input = call.input(0);
  const rank = input.dims.length;
  const axes = axesOf(call, 13)?.map((axis) => call.axis(axis, rank));
  const drop = (dim: number, axis: number) => (axes ? axes.includes(axis) : dim === 1);
  return call.reshaped(
    input,
    input.dims.filter((dim, axis) => !drop(dim, axis)),
  );
};

const unsqueeze: Operator = (call) => {
  const input = call.input(0);
  const axes = axesOf(call, 13) ?? [];
  const rank = input.dims.length + axes.length;
  const ones = new Set(axes.map((axis) => call.axis(axis, rank)));
  if (ones.size !== axes.length) throw call.fail(`axes [${axes.join(', ')}] name one twice`);
  const rest = [...input.dims];
  const dims = Array.from({ length: rank }, (_, axis) =>
    ones.has(axis) ? 1 : (rest.shift() ?? 1),
  );
  return call.reshaped(input, dims);
};

/** `tensor` with its axes in the order `permutation`. */
export function transposed(call: Call, tensor: Tensor, permutation: readonly number[]): Tensor {
  const rank = tensor.dims.length;
  const axes = new Set(permutation.map((axis) => call.axis(axis, rank)));
  if (permutation.length !== rank || axes.size !== rank) {
    throw call.fail(`perm [${permutation.join(', ')}] for ${rank} axes`);
  }
  const strides = stridesOf(tensor.dims);
  return strided(
    call,
    tensor,
    permutation.map((axis) => tensor.dims[axis] as number),
    permutation.map((axis) => strides[axis] as number),
  );
}

const transpose: Operator = (call) => {
  const input = call.input(0);
  return transposed(call, input, call.numbers('perm') ?? input.dims.map((_, i) => i).reverse());
};

const concat: Operator = (call) => {
  const parts = call.inputs.map((_, i) => call.input(i));
  return concatenated(call, parts, call.number('axis', 1));
};

export function concatenated(call: Call, parts: readonly Tensor[], axisGiven: number): Tensor {
  const first = parts[0];
  if (!first) throw call.fail('has no inputs');
  const axis = call.axis(axisGiven, first.dims.length);
  for (const part of parts) {
    const fits = part.dims.length === first.dims.length;
    if (!fits || part.dims.some((dim, i) => i !== axis && dim !== first.dims[i])) {
      throw call.fail(`[${first.dims.join(', ')}] beside [${part.dims.join(', ')}]`);
    }
  }
  const length = parts.reduce((sum, part) => sum + (part.dims[axis] as number), 0);
  const out = call.make(
    first.dtype,
    first.dims.map((dim, i) => (i === axis ? length : dim)),
  );
  const inner = sizeOf(first.dims.slice(axis + 1));
  const outer = sizeOf(first.dims.slice(0, axis));
  let start = 0;
  for (const part of parts) {
    const run = (part.dims[axis] as number) * inner;
    for (let i = 0; i < outer; i++) {
      out.data.set(part.data.subarray(i * run, (i + 1) * run), i * length * inner + start);
    }
    start += run;
  }
  return out;
}

const split: Operator = (call) => {
  const input = call.input(0);
  const axis = call.axis(call.number('axis', 0), input.dims.length);
  const length = input.dims[axis] as number;
  const sizes = splitSizes(call, length);
  if (sizes.reduce((sum, size) => sum + size, 0) !== length) {
    throw call.fail(`parts [${sizes.join(', ')}] of ${length}`);
  }
  let start = 0;
  return sizes.map((size) => {
    const part = sliced(call, input, axis, start, size);
    start += size;
    return part;
  });
};

function splitSizes(call: Call, length: number): number[] {
  const listed = call.opset < 13 ? call.numbers('split') : call.optional(1);
  if (listed) return 'data' in listed ? listOf(listed) : [...listed];
  const parts = call.number('num_outputs', call.node.outputs.length);
  if (!(parts >= 1 && parts <= 1e6)) throw call.fail(`${parts} parts`);
  const size = Math.ceil(length / parts);
  return Array.from({ length: parts }, (_, i) => Math.min(size, Math.max(0, length - i * size)));
}

/** The `size` indices of `axis` from `start` on. */
export function sliced(
  call: Call,
  tensor: Tensor,
  axis: number,
  start: number,
  size: number,
): Tensor {
  const strides = stridesOf(tensor.dims);
  const dims = tensor.dims.map((dim, i) => (i === axis ? size : dim));
  if (start < 0 || size < 0 || start + size > (tensor.dims[axis] ?? 0)) {
    throw call.fail(`part ${start} to ${start + size} of [${tensor.dims.join(', ')}]`);
  }
  return strided(call, tensor, dims, strides, start * (strides[axis] as number));
}

const slice: Operator = (call) => {
  const input = call.input(0);
  const given = (name: string, index: number): number[] | null => {
    if (call.opset < 10) return call.numbers(name)?.slice() ?? null;
    const tensor = call.optional(index);
    return tensor ? listOf(tensor) : null;
  };
  const starts = given('starts', 1) ?? [];
  const ends = given('ends', 2) ?? [];
  const axes = given('axes', 3) ?? starts.map((_, i) => i);
  const steps = call.opset < 10 ? null : given('', 4);
  const dims = [...input.dims];
  const strides = stridesOf(input.dims);
  let offset = 0;
  for (const [i, given] of axes.entries()) {
    const axis = call.axis(given, dims.length);
    const step = steps?.[i] ?? 1;
    if (step === 0) throw call.fail('a step of 0');
    const range = sliceRange(input.dims[axis] as number, starts[i] ?? 0, ends[i] ?? 0, step);
    dims[axis] = range.count;
    offset += range.first * (strides[axis] as number);
    strides[axis] = (strides[axis] as number) * step;
  }
  return strided(call, input, dims, strides, offset);
};

function sliceRange(length: number, start: number, end: number, step: number) {
  const bound = (value: number, low: number, high: number) =>
    Math.min(Math.max(value < 0 ? value + length : value, low), high);
  const first = step > 0 ? bound(start, 0, length) : bound(start, 0, length - 1);
  const last = step > 0 ? bound(end, 0, length) : bound(end, -1, length - 1);
  return { first, count: Math.max(0, Math.ceil((last - first) / step)) };
}

const expand: Operator = (call) => {
  const input = call.input(0);
  const dims = broadcastDims(input.dims, listOf(call.input(1)));
  if (!dims) throw call.fail(`[${input.dims.join(', ')}] cannot be repeated to the wanted shape`);
  return strided(call, input, dims, broadcastStrides(input.dims, dims));
};

const tile: Operator = (call) => {
  const repeats = listOf(call.input(1));
  let out = call.input(0);
  if (repeats.length !== out.dims.length) throw call.fail('repeats do not fit the axes');
  for (const [axis, times] of repeats.entries()) {
    if (!(times >= 0 && times <= call.budget.maxElements)) throw call.fail(`repeats ${times}`);
    const [outer, inner] = [out.dims.slice(0, axis), out.dims.slice(axis)];
    const strides = stridesOf(out.dims);
    const spread = [...strides.slice(0, axis), 0, ...strides.slice(axis)];
    const copy = strided(call, out, [...outer, times, ...inner], spread);
    out = call.reshaped(
      copy,
      out.dims.map((dim, i) => (i === axis ? dim * times : dim)),
    );
  }
  return out;
};

const pad: Operator = (call) => {
  const input = call.input(0);
  const mode = call.text('mode', 'constant');
  if (mode !== 'constant') throw call.unsupported(`mode ${mode}`);
  const pads = call.opset < 11 ? [...(call.numbers('pads') ?? [])] : listOf(call.input(1));
  const value = call.opset < 11 ? call.number('value', 0) : call.scalar(2, 0);
  const listed = call.optional(3);
  const axes = listed ? listOf(listed) : input.dims.map((_, i) => i);
  const before = input.dims.map(() => 0);
  const dims = [...input.dims];
  for (const [i, given] of axes.entries()) {
    const axis = call.axis(given, dims.length);
    before[axis] = pads[i] ?? 0;
    dims[axis] = (dims[axis] as number) + (pads[i] ?? 0) + (pads[i + axes.length] ?? 0);
  }
  const out = call.make(input.dtype, dims);
  out.data.fill(value);
  copyPadded(input, out, before);
  return out;
};

/** Copies `input` into the padded `out`. Elements that negative pads move outside are left out. */
function copyPadded(input: Tensor, out: Tensor, before: readonly number[]): void {
  const strides = stridesOf(out.dims);
  const index = input.dims.map(() => 0);
  for (let i = 0; i < input.data.length; i++) {
    let at = 0;
    let inside = true;
    for (let axis = 0; axis < index.length; axis++) {
      const place = (index[axis] as number) + (before[axis] as number);
      if (place < 0 || place >= (out.dims[axis] as number)) inside = false;
      at += place * (strides[axis] as number);
    }
    if (inside) out.data[at] = input.data[i] as number;
    for (let axis = index.length - 1; axis >= 0; axis--) {
      index[axis] = (index[axis] as number) + 1;
      if ((index[axis] as number) < (input.dims[axis] as number)) break;
      index[axis] = 0;
    }
  }
}

export const STRUCTURE: OperatorTable = {
  Concat: concat,
  // At inference nothing is dropped, and the mask output says so.
  Dropout: (call) => {
    const input = call.input(0);
    if (call.node.outputs.length < 2) return input;
    const mask = call.make('bool', input.dims);
    mask.data.fill(1);
    return [input, mask];
  },
  Expand: expand,
  Flatten: flatten,
  Identity: (call) => call.input(0),
  Pad: pad,
  Reshape: reshape,
  Slice: slice,
  Split: split,
  Squeeze: squeeze,
  Tile: tile,
  Transpose: transpose,
  Unsqueeze: unsqueeze,
};
