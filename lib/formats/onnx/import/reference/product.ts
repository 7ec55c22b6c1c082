/**
 * Matrix products: the one loop that costs time, and the operators around it.
 *
 * Sums are doubles, so products of 8-bit integers are exact and float ones are rounded once. A few columns of B are packed as
 * doubles, and pairs of rows of A pass over them.
 */

import type { Numbers, Tensor } from '../model.js';
import { activationByName, geluTanh } from './activations.js';
import type { Call, Operator, OperatorTable } from './call.js';
import { map, zip } from './elementwise.js';
import { transposed } from './structure.js';
import { broadcastDims, broadcastStrides, forEachRow, sizeOf } from './tensors.js';

/** Columns of B that are packed side by side and multiplied at once. */
const TILE = 4;

/** One product: [rows, depth] times [depth, columns], both row-major from their offsets. */
interface Panel {
  readonly a: Float64Array;
  readonly aOffset: number;
  readonly b: Numbers;
  readonly bOffset: number;
  readonly rows: number;
  readonly depth: number;
  readonly columns: number;
}

/** Writes rows * columns sums from `outOffset` on. `tile` has room for `TILE` columns, `sums` for two rows of it. */
function multiply(
  panel: Panel,
  out: Numbers,
  outOffset: number,
  tile: Float64Array,
  sums: Float64Array,
): void {
  const { a, aOffset, rows, depth, columns } = panel;
  for (let column = 0; column < columns; column += TILE) {
    const width = Math.min(TILE, columns - column);
    pack(panel, column, width, tile);
    for (let row = 0; row < rows; row += 2) {
      // The last row alone is multiplied twice.
      const second = Math.min(row + 1, rows - 1);
      twoRows(a, aOffset + row * depth, aOffset + second * depth, depth, tile, sums);
      const height = Math.min(2, rows - row);
      for (let i = 0; i < height; i++) {
        const at = outOffset + (row + i) * columns + column;
        for (let j = 0; j < width; j++) out[at + j] = sums[i * TILE + j] as number;
      }
    }
  }
}

/** Columns of B as doubles, row by row; those beyond the last are 0. */
function pack(
  { b, bOffset, depth, columns }: Panel,
  from: number,
  width: number,
  to: Float64Array,
) {
  let at = bOffset + from;
  for (let k = 0; k < depth * TILE; k += TILE, at += columns) {
    to[k] = b[at] as number;
    to[k + 1] = width > 1 ? (b[at + 1] as number) : 0;
    to[k + 2] = width > 2 ? (b[at + 2] as number) : 0;
    to[k + 3] = width > 3 ? (b[at + 3] as number) : 0;
  }
}

/** The sums of two rows stay in registers. */
function twoRows(
  a: Float64Array,
  first: number,
  second: number,
  depth: number,
  tile: Float64Array,
  sums: Float64Array,
): void {
  let [s0, s1, s2, s3, t0, t1, t2, t3] = [0, 0, 0, 0, 0, 0, 0, 0];
  for (let k = 0, at = 0; k < depth; k++, at += TILE) {
    const x = a[first + k] as number;
    const y = a[second + k] as number;
    const b0 = tile[at] as number;
    const b1 = tile[at + 1] as number;
    const b2 = tile[at + 2] as number;
    const b3 = tile[at + 3] as number;
    s0 += x * b0;
    s1 += x * b1;
    s2 += x * b2;
    s3 += x * b3;
    t0 += y * b0;
    t1 += y * b1;
    t2 += y * b2;
    t3 += y * b3;
  }
  sums[0] = s0;
  sums[1] = s1;
  sums[2] = s2;
  sums[3] = s3;
  sums[4] = t0;
  sums[5] = t1;
  sums[6] = t2;
  sums[7] = t3;
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
  const doubles = a.data instanceof Float64Array ? a.data : new Float64Array(a.data);
  const [tile, sums] = [new Float64Array(depth * TILE), new Float64Array(2 * TILE)];
  forEachRow([...batch, 1], strides, (index, [aOffset, bOffset]) => {
    const panel = { a: doubles, aOffset: aOffset as number, b: b.data, bOffset: bOffset as number };
    multiply({ ...panel, rows, depth, columns }, out.data, index * rows * columns, tile, sums);
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
