/**
 * Matrix products: the one loop that costs time, and the operators around it.
 *
 * Sums are doubles, so products of 8-bit integers are exact and float ones are rounded once. Blocks keep a strip of B in the
 * cache while four rows of A pass over it.
 */

import type { Numbers, Tensor } from '../model.js';
import { activationByName, geluTanh } from './activations.js';
import type { Call, Operator, OperatorTable } from './call.js';
import { map, zip } from './elementwise.js';
import { transposed } from './structure.js';
import { broadcastDims, broadcastStrides, forEachRow, sizeOf } from './tensors.js';

const COLUMNS = 256;

/** One product: [rows, depth] times [depth, columns], both row-major from their offsets. */
interface Panel {
  readonly a: Numbers;
  readonly aOffset: number;
  readonly b: Numbers;
  readonly bOffset: number;
  readonly rows: number;
  readonly depth: number;
  readonly columns: number;
}

/** Writes rows * columns sums from `outOffset` on. */
function multiply(panel: Panel, out: Numbers, outOffset: number): void {
  const { rows, columns } = panel;
  const sums = new Float64Array(4 * COLUMNS);
  for (let column = 0; column < columns; column += COLUMNS) {
    const width = Math.min(COLUMNS, columns - column);
    for (let row = 0; row < rows; row += 4) {
      const height = Math.min(4, rows - row);
      sums.fill(0);
      if (height === 4) fourRows(panel, row, column, width, sums);
      else
        for (let i = 0; i < height; i++) oneRow(panel, row + i, column, width, sums, i * COLUMNS);
      for (let i = 0; i < height; i++) {
        const at = outOffset + (row + i) * columns + column;
        for (let j = 0; j < width; j++) out[at + j] = sums[i * COLUMNS + j] as number;
      }
    }
  }
}

function fourRows(
  { a, aOffset, b, bOffset, depth, columns }: Panel,
  row: number,
  column: number,
  width: number,
  sums: Float64Array,
): void {
  const first = aOffset + row * depth;
  for (let k = 0; k < depth; k++) {
    const a0 = a[first + k] as number;
    const a1 = a[first + depth + k] as number;
    const a2 = a[first + 2 * depth + k] as number;
    const a3 = a[first + 3 * depth + k] as number;
    const from = bOffset + k * columns + column;
    for (let j = 0; j < width; j++) {
      const value = b[from + j] as number;
      sums[j] = (sums[j] as number) + a0 * value;
      sums[COLUMNS + j] = (sums[COLUMNS + j] as number) + a1 * value;
      sums[2 * COLUMNS + j] = (sums[2 * COLUMNS + j] as number) + a2 * value;
      sums[3 * COLUMNS + j] = (sums[3 * COLUMNS + j] as number) + a3 * value;
    }
  }
}

function oneRow(
  { a, aOffset, b, bOffset, depth, columns }: Panel,
  row: number,
  column: number,
  width: number,
  sums: Float64Array,
  at: number,
): void {
  for (let k = 0; k < depth; k++) {
    const value = a[aOffset + row * depth + k] as number;
    const from = bOffset + k * columns + column;
    for (let j = 0; j < width; j++) {
      sums[at + j] = (sums[at + j] as number) + value * (b[from + j] as number);
    }
  }
}

/** numpy's matmul: batch axes broadcast, a vector is a row or a column that disappears. */
export function matmul(call: Call, a: Tensor, b: Tensor, dtype = a.dtype): Tensor {
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
  forEachRow([...batch, 1], strides, (index, [aOffset, bOffset]) => {
    const panel = { a: a.data, aOffset: aOffset as number, b: b.data, bOffset: bOffset as number };
    multiply({ ...panel, rows, depth, columns }, out.data, index * rows * columns);
  });
  const drop = (dims: readonly number[]) =>
    dims.filter(
      (_, i) =>
        !(a.dims.length === 1 && i === batch.length) &&
        !(b.dims.length === 1 && i === batch.length + 1),
    );
  return a.dims.length > 1 && b.dims.length > 1 ? out : call.reshaped(out, drop(out.dims));
}

/** `tensor` with its last two axes exchanged. */
export function lastTwoSwapped(call: Call, tensor: Tensor): Tensor {
  const order = [...tensor.dims.keys()];
  const [x, y] = order.splice(-2, 2);
  if (x === undefined || y === undefined) return tensor;
  return transposed(call, tensor, [...order, y, x]);
}

function scaled(call: Call, tensor: Tensor, factor: number): Tensor {
  return factor === 1 ? tensor : map(call, tensor.dtype, tensor, (value) => value * factor);
}

/** alpha A' B' + beta C, and the activation of FusedGemm. */
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
      // The first axis is the row axis, the others are batches.
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
