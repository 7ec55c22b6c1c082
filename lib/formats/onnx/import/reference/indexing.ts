/**
 * Operators that read or write by indices. A negative index counts from the end; one out of range is an error.
 */

import type { Tensor } from '../model.js';
import type { Call, Operator, OperatorTable } from './call.js';
import { sizeOf, stridesOf } from './tensors.js';

export function checkedIndex(call: Call, index: number, length: number): number {
  const front = index < 0 ? index + length : index;
  if (!(front >= 0 && front < length)) throw call.fail(`index ${index} of an axis of ${length}`);
  return front;
}

/** Gather: slices of `data` along `axis`, in the shape of `indices`. */
export function gathered(call: Call, data: Tensor, indices: Tensor, axisGiven: number): Tensor {
  const axis = call.axis(axisGiven, data.dims.length);
  const inner = sizeOf(data.dims.slice(axis + 1));
  const outer = sizeOf(data.dims.slice(0, axis));
  const length = data.dims[axis] as number;
  const out = call.make(data.dtype, [
    ...data.dims.slice(0, axis),
    ...indices.dims,
    ...data.dims.slice(axis + 1),
  ]);
  const count = indices.data.length;
  for (let i = 0; i < outer; i++) {
    for (let k = 0; k < count; k++) {
      const from = (i * length + checkedIndex(call, indices.data[k] as number, length)) * inner;
      out.data.set(data.data.subarray(from, from + inner), (i * count + k) * inner);
    }
  }
  return out;
}

/** Index of element `i` of `dims` after its index along `axis` is replaced by `value`. */
function replaced(
  i: number,
  dims: readonly number[],
  target: readonly number[],
  axis: number,
  value: number,
): number {
  let rest = i;
  let at = 0;
  let stride = 1;
  for (let k = dims.length - 1; k >= 0; k--) {
    const dim = dims[k] as number;
    at += (k === axis ? value : rest % dim) * stride;
    rest = Math.floor(rest / dim);
    stride *= target[k] as number;
  }
  return at;
}

const gatherElements: Operator = (call) => {
  const [data, indices] = [call.input(0), call.input(1)];
  const axis = call.axis(call.number('axis', 0), data.dims.length);
  checkWithin(call, indices, data, axis);
  const out = call.make(data.dtype, indices.dims);
  for (let i = 0; i < out.data.length; i++) {
    const index = checkedIndex(call, indices.data[i] as number, data.dims[axis] as number);
    out.data[i] = data.data[replaced(i, indices.dims, data.dims, axis, index)] as number;
  }
  return out;
};

function checkWithin(call: Call, indices: Tensor, data: Tensor, axis: number): void {
  const fits =
    indices.dims.length === data.dims.length &&
    indices.dims.every((dim, i) => i === axis || dim <= (data.dims[i] as number));
  if (!fits) throw call.fail(`indices [${indices.dims.join(', ')}] of [${data.dims.join(', ')}]`);
}

const scatterElements: Operator = (call) => {
  const [data, indices, updates] = [call.input(0), call.input(1), call.input(2)];
  const axis = call.axis(call.number('axis', 0), data.dims.length);
  checkWithin(call, indices, data, axis);
  if (updates.data.length !== indices.data.length) throw call.fail('as many updates as indices');
  const combine = reduction(call);
  const out = call.make(data.dtype, data.dims);
  out.data.set(data.data);
  for (let i = 0; i < indices.data.length; i++) {
    const index = checkedIndex(call, indices.data[i] as number, data.dims[axis] as number);
    const at = replaced(i, indices.dims, data.dims, axis, index);
    out.data[at] = combine(out.data[at] as number, updates.data[i] as number);
  }
  return out;
};

function reduction(call: Call): (old: number, update: number) => number {
  const name = call.text('reduction', 'none');
  switch (name) {
    case 'none':
      return (_, update) => update;
    case 'add':
      return (old, update) => old + update;
    case 'mul':
      return (old, update) => old * update;
    case 'max':
      return Math.max;
    case 'min':
      return Math.min;
    default:
      throw call.unsupported(`reduction ${name}`);
  }
}

/** Offsets into `dims` (after `batch` leading axes) for the index tuples in the last axis of `indices`. */
function tuples(call: Call, indices: Tensor, dims: readonly number[], batch: number) {
  const width = indices.dims.at(-1) ?? 0;
  if (width < 1 || width + batch > dims.length) throw call.fail(`index tuples of ${width}`);
  const strides = stridesOf(dims);
  const count = sizeOf(indices.dims.slice(0, -1));
  const slice = sizeOf(dims.slice(batch + width));
  const perBatch = sizeOf(indices.dims.slice(batch, -1));
  const batchStride = sizeOf(dims.slice(batch));
  const offsetOf = (tuple: number) => {
    let at = Math.floor(tuple / perBatch) * batchStride;
    for (let k = 0; k < width; k++) {
      const index = indices.data[tuple * width + k] as number;
      at += checkedIndex(call, index, dims[batch + k] as number) * (strides[batch + k] as number);
    }
    return at;
  };
  return { count, slice, width, offsetOf };
}

const gatherNd: Operator = (call) => {
  const [data, indices] = [call.input(0), call.input(1)];
  const batch = call.number('batch_dims', 0);
  if (data.dims.slice(0, batch).some((dim, i) => dim !== indices.dims[i])) {
    throw call.fail('batches of different lengths');
  }
  const { count, slice, width, offsetOf } = tuples(call, indices, data.dims, batch);
  const out = call.make(data.dtype, [
    ...indices.dims.slice(0, -1),
    ...data.dims.slice(batch + width),
  ]);
  for (let i = 0; i < count; i++) {
    const from = offsetOf(i);
    out.data.set(data.data.subarray(from, from + slice), i * slice);
  }
  return out;
};

const scatterNd: Operator = (call) => {
  const [data, indices, updates] = [call.input(0), call.input(1), call.input(2)];
  const combine = reduction(call);
  const { count, slice, offsetOf } = tuples(call, indices, data.dims, 0);
  if (updates.data.length !== count * slice) throw call.fail('updates do not fit the indices');
  const out = call.make(data.dtype, data.dims);
  out.data.set(data.data);
  for (let i = 0; i < count; i++) {
    const to = offsetOf(i);
    for (let k = 0; k < slice; k++) {
      out.data[to + k] = combine(out.data[to + k] as number, updates.data[i * slice + k] as number);
    }
  }
  return out;
};

const nonZero: Operator = (call) => {
  const input = call.input(0);
  const dims = input.dims.length === 0 ? [1] : input.dims;
  const places: number[] = [];
  for (let i = 0; i < input.data.length; i++) if (input.data[i] !== 0) places.push(i);
  const strides = stridesOf(dims);
  const out = call.make('int64', [dims.length, places.length]);
  for (const [axis, stride] of strides.entries()) {
    for (const [k, place] of places.entries()) {
      out.data[axis * places.length + k] = Math.floor(place / stride) % (dims[axis] as number);
    }
  }
  return out;
};

const oneHot: Operator = (call) => {
  const indices = call.input(0);
  const depth = call.scalar(1);
  const [off, on] = [call.input(2).data[0] ?? 0, call.input(2).data[1] ?? 1];
  const axis = call.axis(call.number('axis', -1), indices.dims.length + 1);
  const dims = [...indices.dims.slice(0, axis), depth, ...indices.dims.slice(axis)];
  const out = call.make(call.input(2).dtype, dims);
  out.data.fill(off);
  const inner = sizeOf(indices.dims.slice(axis));
  for (let i = 0; i < indices.data.length; i++) {
    const raw = indices.data[i] as number;
    const index = raw < 0 ? raw + depth : raw;
    if (!(index >= 0 && index < depth)) continue;
    out.data[(Math.floor(i / inner) * depth + index) * inner + (i % inner)] = on;
  }
  return out;
};

export const INDEXING: OperatorTable = {
  Gather: (call) => gathered(call, call.input(0), call.input(1), call.number('axis', 0)),
  GatherElements: gatherElements,
  GatherND: gatherNd,
  NonZero: nonZero,
  OneHot: oneHot,
  ScatterElements: scatterElements,
  ScatterND: scatterNd,
};
