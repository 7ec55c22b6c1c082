/**
 * Reductions over axes, and operators along one axis: softmax, cumulative sum, arg max.
 *
 * Sums are kept in doubles. An empty reduction gives the neutral element.
 */

import type { Tensor } from '../model.js';
import type { Call, Operator, OperatorTable } from './call.js';
import { axesOf, transposed } from './structure.js';
import { sizeOf } from './tensors.js';

type Fold = (values: Iterable<number> & ArrayLike<number>) => number;

/** `inputSince`: the first opset with the axes as an input. */
function reduce(fold: Fold, inputSince: number): Operator {
  return (call) => {
    const input = call.input(0);
    const rank = input.dims.length;
    const listed = axesOf(call, inputSince);
    // Meaning of empty axes: with the attribute each element is reduced alone, otherwise all axes are reduced.
    const alone = call.number('noop_with_empty_axes', 0) === 1;
    const all = !alone && (listed === null || listed.length === 0);
    const axes = all
      ? new Set(input.dims.keys())
      : new Set((listed ?? []).map((axis) => call.axis(axis, rank)));
    const kept = [...input.dims.keys()].filter((axis) => !axes.has(axis));
    const order = [...kept, ...axes].map(Number);
    const sorted = [...kept, ...[...axes].sort((a, b) => a - b)];
    const isSorted = sorted.every((axis, i) => axis === i);
    const rows = isSorted ? input : transposed(call, input, order);
    const keepDims = call.number('keepdims', 1) === 1;
    const dims = keepDims
      ? input.dims.map((dim, axis) => (axes.has(axis) ? 1 : dim))
      : kept.map((axis) => input.dims[axis] as number);
    const out = call.make(input.dtype, dims);
    const width = sizeOf([...axes].map((axis) => input.dims[axis] as number));
    call.spend(input.data.length);
    for (let i = 0; i < out.data.length; i++) {
      out.data[i] = fold(rows.data.subarray(i * width, (i + 1) * width));
    }
    return out;
  };
}

function summed(term: (value: number) => number, end: (sum: number, n: number) => number): Fold {
  return (values) => {
    let sum = 0;
    for (let i = 0; i < values.length; i++) sum += term(values[i] as number);
    return end(sum, values.length);
  };
}

const identity = (value: number) => value;
const square = (value: number) => value * value;

const product: Fold = (values) => {
  let out = 1;
  for (let i = 0; i < values.length; i++) out *= values[i] as number;
  return out;
};

function extreme(start: number, pick: (a: number, b: number) => number): Fold {
  return (values) => {
    let out = start;
    for (let i = 0; i < values.length; i++) out = pick(out, values[i] as number);
    return out;
  };
}

const largest = extreme(-Infinity, Math.max);

const logSumExp: Fold = (values) => {
  const top = largest(values);
  if (!Number.isFinite(top)) return top;
  return summed(
    (value) => Math.exp(value - top),
    (sum) => top + Math.log(sum),
  )(values);
};

/** Visits each run of elements along `axis`, with its first element, the step between neighbours and their number. */
function alongAxis(
  tensor: Tensor,
  axis: number,
  visit: (first: number, step: number, count: number) => void,
): void {
  const count = tensor.dims[axis] as number;
  const step = sizeOf(tensor.dims.slice(axis + 1));
  const outer = sizeOf(tensor.dims.slice(0, axis));
  for (let i = 0; i < outer; i++) {
    for (let k = 0; k < step; k++) visit(i * count * step + k, step, count);
  }
}

function argOf(better: (a: number, b: number) => boolean): Operator {
  return (call) => {
    const input = call.input(0);
    const axis = call.axis(call.number('axis', 0), input.dims.length);
    if (input.dims[axis] === 0) throw call.fail('an empty axis');
    const last = call.number('select_last_index', 0) === 1;
    const keep = call.number('keepdims', 1) === 1;
    const dims = input.dims.flatMap((dim, i) => (i !== axis ? [dim] : keep ? [1] : []));
    const out = call.make('int64', dims);
    let at = 0;
    alongAxis(input, axis, (first, step, count) => {
      let best = 0;
      for (let i = 1; i < count; i++) {
        const a = input.data[first + i * step] as number;
        const b = input.data[first + best * step] as number;
        if (better(a, b) || (last && a === b)) best = i;
      }
      out.data[at++] = best;
    });
    return out;
  };
}

const cumSum: Operator = (call) => {
  const input = call.input(0);
  const axis = call.axis(call.scalar(1), input.dims.length);
  const exclusive = call.number('exclusive', 0) === 1;
  const reverse = call.number('reverse', 0) === 1;
  const out = call.make(input.dtype, input.dims);
  alongAxis(input, axis, (first, step, count) => {
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const at = first + (reverse ? count - 1 - i : i) * step;
      const value = input.data[at] as number;
      out.data[at] = exclusive ? sum : sum + value;
      sum += value;
    }
  });
  return out;
};

/** Softmax or its logarithm. Before opset 13 all axes from `axis` on are one row. */
function softmaxLike(logarithm: boolean): Operator {
  return (call) => {
    const input = call.input(0);
    const old = call.opset < 13;
    const given = call.number('axis', old ? 1 : -1);
    if (!old) {
      const axis = call.axis(given, input.dims.length);
      return softmaxAlong(call, input, axis, logarithm);
    }
    const axis = call.axis(given, input.dims.length, true);
    const flat = [sizeOf(input.dims.slice(0, axis)), sizeOf(input.dims.slice(axis))];
    const out = softmaxAlong(call, call.reshaped(input, flat), 1, logarithm);
    return call.reshaped(out, input.dims);
  };
}

/** exp(x - max) / sum along `axis`; a row of only -infinity gives NaN, as in the runtimes. */
export function softmaxAlong(call: Call, input: Tensor, axis: number, logarithm = false): Tensor {
  const out = call.make(input.dtype, input.dims);
  const { data } = input;
  alongAxis(input, axis, (first, step, count) => {
    let top = -Infinity;
    for (let i = 0; i < count; i++) top = Math.max(top, data[first + i * step] as number);
    let sum = 0;
    for (let i = 0; i < count; i++) sum += Math.exp((data[first + i * step] as number) - top);
    for (let i = 0; i < count; i++) {
      const shifted = (data[first + i * step] as number) - top;
      out.data[first + i * step] = logarithm ? shifted - Math.log(sum) : Math.exp(shifted) / sum;
    }
  });
  return out;
}

export const REDUCE: OperatorTable = {
  ArgMax: argOf((a, b) => a > b),
  ArgMin: argOf((a, b) => a < b),
  CumSum: cumSum,
  LogSoftmax: softmaxLike(true),
  ReduceL1: reduce(summed(Math.abs, identity), 18),
  ReduceL2: reduce(summed(square, Math.sqrt), 18),
  ReduceLogSum: reduce(summed(identity, Math.log), 18),
  ReduceLogSumExp: reduce(logSumExp, 18),
  ReduceMax: reduce(largest, 18),
  ReduceMean: reduce(
    summed(identity, (sum, n) => sum / n),
    18,
  ),
  ReduceMin: reduce(extreme(Infinity, Math.min), 18),
  ReduceProd: reduce(product, 18),
  ReduceSum: reduce(summed(identity, identity), 13),
  ReduceSumSquare: reduce(summed(square, identity), 18),
  Softmax: softmaxLike(false),
};
