/**
 * Matrix products of floats and the operators around them.
 */

import type { Dtype, Numbers, Tensor } from '../model.js';
import { activationByName, geluTanh } from './activations.js';
import type { Call, Operator, OperatorTable } from './call.js';
import { map, zip } from './elementwise.js';
import { transposed } from './structure.js';
import { broadcastDims, broadcastStrides, forEachRow, sizeOf } from './tensors.js';

/** Options of a product. */
interface ProductOptions {
  /** Type of the result. Default: that of `a`. */
  readonly dtype?: Dtype;
  /** Subtracted from `b`: one number, or one for each column. */
  readonly zero?: Float64Array | null;
}

/** numpy's matmul: batch axes are broadcast; a vector counts as a row or column, whose axis the result lacks. */
export function matmul(
  call: Call,
  a: Tensor,
  b: Tensor,
  { dtype = a.dtype, zero = null }: ProductOptions = {},
): Tensor {
  if (a.dims.length === 0 || b.dims.length === 0) throw call.fail('a scalar has no product');
  const left = a.dims.length === 1 ? [1, ...a.dims] : a.dims;
  const right = b.dims.length === 1 ? [...b.dims, 1] : b.dims;
  const [rows, depth] = left.slice(-2) as [number, number];
  const [depthB, columns] = right.slice(-2) as [number, number];
  const batch = broadcastDims(left.slice(0, -2), right.slice(0, -2));
  if (!batch || depth !== depthB) {
    throw call.fail(`[${a.dims.join(', ')}] times [${b.dims.join(', ')}]`);
  }
  call.spend(sizeOf(batch) * rows * depth * columns);
  const out = call.make(dtype, [...batch, rows, columns]);
  const strides = [left, right].map((dims) => {
    const step = (dims.at(-1) as number) * (dims.at(-2) as number);
    return broadcastStrides(dims.slice(0, -2), batch).map((stride) => stride * step);
  });
  const doubles = a.data instanceof Float64Array ? a.data : new Float64Array(a.data);
  const size = rows * columns;
  forEachRow([...batch, 1], strides, (index, [aOffset, bOffset]) => {
    const panel = {
      a: part(doubles, aOffset as number, rows * depth),
      b: part(b.data, bOffset as number, depth * columns),
      zero,
      rows,
      depth,
      columns,
    };
    call.budget.multiply(panel, part(out.data, index * size, size));
  });
  const drop = (dims: readonly number[]) =>
    dims.filter(
      (_, i) =>
        !(a.dims.length === 1 && i === batch.length) &&
        !(b.dims.length === 1 && i === batch.length + 1),
    );
  return a.dims.length > 1 && b.dims.length > 1 ? out : call.reshaped(out, drop(out.dims));
}

/** A view of `length` elements from `begin` on. */
function part<T extends Numbers>(data: T, begin: number, length: number): T {
  return data.length === length ? data : (data.subarray(begin, begin + length) as T);
}

/** `tensor` with its last two axes swapped. */
export function lastTwoSwapped(call: Call, tensor: Tensor): Tensor {
  const order = [...tensor.dims.keys()];
  const [x, y] = order.splice(-2, 2);
  if (x === undefined || y === undefined) return tensor;
  return transposed(call, tensor, [...order, y, x]);
}

function scaled(call: Call, tensor: Tensor, factor: number): Tensor {
  return factor === 1 ? tensor : map(call, tensor.dtype, tensor, (value) => value * factor);
}

/** alpha A' B' + beta C, then the activation of FusedGemm. */
const gemm: Operator = (call) => {
  const turned = (index: number, name: string) =>
    call.number(name, 0) === 0 ? call.input(index) : lastTwoSwapped(call, call.input(index));
  const product = matmul(call, turned(0, 'transA'), turned(1, 'transB'));
  const c = call.optional(2);
  const out = scaled(call, product, call.number('alpha', 1));
  const beta = call.number('beta', 1);
  return c ? zip(call, out.dtype, out, c, (x, y) => x + beta * y) : out;
};

const fusedGemm: Operator = (call) => {
  const out = gemm(call) as Tensor;
  return map(call, out.dtype, out, activationByName(call, call.text('activation', '')));
};

const fusedMatMul: Operator = (call) => {
  const side = (index: number, letter: string) => {
    let tensor = call.input(index);
    const rank = tensor.dims.length;
    if (call.number(`transBatch${letter}`, 0) === 1 && rank > 2) {
      // With transBatchA the first axis is the row axis and the others are batches.
      const batches = [...tensor.dims.keys()].slice(1, -1);
      tensor = transposed(call, tensor, [...batches, 0, rank - 1]);
    }
    return call.number(`trans${letter}`, 0) === 1 ? lastTwoSwapped(call, tensor) : tensor;
  };
  return scaled(call, matmul(call, side(0, 'A'), side(1, 'B')), call.number('alpha', 1));
};

const gemmFastGelu: Operator = (call) => {
  const product = matmul(call, call.input(0), call.input(1));
  const bias = call.optional(2);
  const sum = bias ? zip(call, product.dtype, product, bias, (x, y) => x + y) : product;
  return map(call, sum.dtype, sum, geluTanh);
};

export const PRODUCT: OperatorTable = {
  Gemm: gemm,
  MatMul: (call) => matmul(call, call.input(0), call.input(1)),
};

export const MS_PRODUCT: OperatorTable = {
  FusedGemm: fusedGemm,
  FusedMatMul: fusedMatMul,
  TransposeMatMul: fusedMatMul,
  GemmFastGelu: gemmFastGelu,
};
