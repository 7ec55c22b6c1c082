/**
 * Weights in blocks of a few bits: MatMulNBits and GatherBlockQuantized of com.microsoft.
 *
 * Codes are packed from the low bits up; without zero points the middle of the range is zero.
 */

import type { Numbers, Tensor } from '../model.js';
import type { Call, Operator, OperatorTable } from './call.js';
import { zip } from './elementwise.js';
import { gathered } from './indexing.js';
import { lastTwoSwapped, matmul } from './product.js';
import { dequantized } from './quantize.js';
import { roundEven } from './tensors.js';

function bitsOf(call: Call): number {
  const bits = call.number('bits', 4);
  if (bits !== 2 && bits !== 4 && bits !== 8) throw call.unsupported(`${bits} bits`);
  return bits;
}

/** Code `index` of a packed row that begins at `from`. */
function codeAt(bytes: Numbers, from: number, index: number, bits: number): number {
  const bit = index * bits;
  return ((bytes[from + (bit >> 3)] as number) >> (bit & 7)) & ((1 << bits) - 1);
}

/** B of MatMulNBits as floats [N, K]. */
function blockWeights(call: Call): Tensor {
  const bits = bitsOf(call);
  const [codes, scales] = [call.input(1), call.input(2)];
  const [rows, depth] = [call.number('N', 0), call.number('K', 0)];
  const block = call.number('block_size', 0);
  if (!(block > 0)) throw call.fail(`block_size ${block}`);
  const blocks = Math.ceil(depth / block);
  const rowBytes = (blocks * block * bits) / 8;
  if (codes.data.length !== rows * rowBytes || scales.data.length !== rows * blocks) {
    throw call.fail(`weights [${codes.dims.join(', ')}] for N ${rows}, K ${depth}`);
  }
  const zeroAt = zeroPoints(call, bits, rows, blocks);
  const out = call.make('float32', [rows, depth]);
  for (let row = 0; row < rows; row++) {
    for (let k = 0; k < depth; k++) {
      const at = Math.floor(k / block);
      const code = codeAt(codes.data, row * rowBytes, k, bits) - zeroAt(row, at);
      out.data[row * depth + k] = code * (scales.data[row * blocks + at] as number);
    }
  }
  return out;
}

/** Packed row by row in bytes, or floats like the scales. */
function zeroPoints(
  call: Call,
  bits: number,
  rows: number,
  blocks: number,
): (row: number, block: number) => number {
  const zero = call.optional(3);
  if (!zero) return () => 2 ** (bits - 1);
  const rowBytes = Math.ceil((blocks * bits) / 8);
  const packed = zero.dtype === 'uint8';
  if (zero.data.length !== rows * (packed ? rowBytes : blocks)) {
    throw call.fail(`zero points [${zero.dims.join(', ')}]`);
  }
  return packed
    ? (row, block) => codeAt(zero.data, row * rowBytes, block, bits)
    : (row, block) => zero.data[row * blocks + block] as number;
}

/** `x` after rounding to signed 8 bits, block by block along the last axis: what accuracy_level 4 computes with. */
function rounded(call: Call, x: Tensor, block: number): Tensor {
  const width = x.dims.at(-1) ?? 1;
  const out = call.make('float32', x.dims);
  for (let row = 0; row < x.data.length; row += width) {
    for (let from = row; from < row + width; from += block) {
      const end = Math.min(from + block, row + width);
      let top = 0;
      for (let i = from; i < end; i++) top = Math.max(top, Math.abs(x.data[i] as number));
      const scale = Math.fround(top / 127);
      const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
      for (let i = from; i < end; i++) {
        out.data[i] = roundEven(Math.fround((x.data[i] as number) * inverse)) * scale;
      }
    }
  }
  return out;
}

const matMulNBits: Operator = (call) => {
  if (call.optional(4)) throw call.unsupported('a group index');
  const weights = lastTwoSwapped(call, blockWeights(call));
  const coarse = call.number('accuracy_level', 0) === 4 && call.smooth === null;
  const block = call.number('block_size', 0);
  const input = coarse ? rounded(call, call.input(0), block) : call.input(0);
  const product = matmul(call, input, weights);
  const bias = call.optional(5);
  return bias ? zip(call, product.dtype, product, bias, (x, y) => x + y) : product;
};

/** Codes that share bytes along the last axis, one by one. */
function unpacked(call: Call, tensor: Tensor, bits: number, length: number): Tensor {
  const width = tensor.dims.at(-1) ?? 1;
  const rows = tensor.data.length / Math.max(width, 1);
  const out = call.make('uint8', [...tensor.dims.slice(0, -1), length]);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < length; i++) {
      out.data[row * length + i] = codeAt(tensor.data, row * width, i, bits);
    }
  }
  return out;
}

const gatherBlockQuantized: Operator = (call) => {
  const [data, scales, zero] = [call.input(0), call.input(2), call.optional(3)];
  const bits = bitsOf(call);
  const packed = data.dtype === 'uint8' && bits < 8;
  const last = data.dims.length - 1;
  const codes = packed
    ? unpacked(call, data, bits, ((data.dims[last] as number) * 8) / bits)
    : data;
  const axis = call.axis(call.number('quantize_axis', 1), data.dims.length);
  const zeros = zero && packed ? unpacked(call, zero, bits, scales.dims[last] as number) : zero;
  const table = dequantized(call, codes, scales, zeros ?? middle(call, data, bits), {
    axis,
    blockSize: call.number('block_size', 128),
  });
  return gathered(call, table, call.input(1), call.number('gather_axis', 0));
};

/** Bytes are unsigned codes around the middle; int4 and uint4 need no shift. */
function middle(call: Call, data: Tensor, bits: number): Tensor | null {
  if (data.dtype !== 'uint8') return null;
  const zero = call.make('uint8', []);
  zero.data[0] = 2 ** (bits - 1);
  return zero;
}

export const MS_BLOCK_QUANTIZED: OperatorTable = {
  GatherBlockQuantized: gatherBlockQuantized,
  MatMulNBits: matMulNBits,
};
