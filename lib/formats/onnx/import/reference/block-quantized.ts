/**
 * Weights in blocks of a few bits: MatMulNBits, MatMulBnb4 and GatherBlockQuantized of com.microsoft.
 *
 * The first code of a byte is in its low bits (MatMulBnb4: in its high ones). Without zero points the middle code is 0.
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

/** Code number `index` of a packed row that begins at byte `from`. */
function codeAt(bytes: Numbers, from: number, index: number, bits: number): number {
  const bit = index * bits;
  return ((bytes[from + (bit >> 3)] as number) >> (bit & 7)) & ((1 << bits) - 1);
}

/** B of MatMulNBits, dequantized to [N, K]. */
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
  const order = call.optional(4);
  if (order && order.data.length < depth) throw call.fail(`${order.data.length} groups`);
  const out = call.make('float32', [rows, depth]);
  for (let row = 0; row < rows; row++) {
    for (let k = 0; k < depth; k++) {
      const at = order ? (order.data[k] as number) : Math.floor(k / block);
      if (!(at >= 0 && at < blocks)) throw call.fail(`group ${at} of ${blocks}`);
      const code = codeAt(codes.data, row * rowBytes, k, bits) - zeroAt(row, at);
      out.data[row * depth + k] = code * (scales.data[row * blocks + at] as number);
    }
  }
  return out;
}

/** Zero points: packed row by row in bytes, or floats like the scales. */
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

/** `x` rounded to signed 8 bits in blocks along the last axis, as accuracy_level 4 does it. */
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
  const weights = lastTwoSwapped(call, blockWeights(call));
  const coarse = call.number('accuracy_level', 0) === 4 && call.smooth === null;
  const block = call.number('block_size', 0);
  const input = coarse ? rounded(call, call.input(0), block) : call.input(0);
  const product = matmul(call, input, weights);
  const bias = call.optional(5);
  return bias ? zip(call, product.dtype, product, bias, (x, y) => x + y) : product;
};

/** Absolute values of the codes of bitsandbytes' FP4, relative to the largest number of a block. */
const FP4 = [0, 0.005208333333, 2 / 3, 1, 1 / 3, 0.5, 1 / 6, 0.25];
const BNB4: Readonly<Record<number, readonly number[]>> = {
  0: [...FP4, ...FP4.map((value) => -value)],
  1: [
    ...[-1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453],
    ...[-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0],
    ...[0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224],
    ...[0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1],
  ],
};

/** Blocks run over the whole weight [N, K]; the first code of a byte is in its high bits. */
const matMulBnb4: Operator = (call) => {
  const [codes, largest] = [call.input(1), call.input(2)];
  const values = BNB4[call.number('quant_type', 1)];
  if (!values) throw call.unsupported(`quant_type ${call.number('quant_type', 1)}`);
  const [rows, depth, block] = [
    call.number('N', 0),
    call.number('K', 0),
    call.number('block_size', 0),
  ];
  const count = rows * depth;
  const fits =
    block > 0 &&
    codes.data.length === Math.ceil(count / 2) &&
    largest.data.length === Math.ceil(count / block);
  if (!fits) throw call.fail(`weights [${codes.dims.join(', ')}] for N ${rows}, K ${depth}`);
  const weights = call.make('float32', [rows, depth]);
  for (let i = 0; i < count; i++) {
    const code = ((codes.data[i >> 1] as number) >> (i % 2 === 0 ? 4 : 0)) & 15;
    weights.data[i] = (values[code] ?? 0) * (largest.data[Math.floor(i / block)] as number);
  }
  return matmul(call, call.input(0), lastTwoSwapped(call, weights));
};

/** Unpacks codes that share bytes along the last axis. */
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

/**
 * Zero point of GatherBlockQuantized without zero points: the middle code for bytes; null, which is 0, for int4 and uint4.
 */
function middle(call: Call, data: Tensor, bits: number): Tensor | null {
  if (data.dtype !== 'uint8') return null;
  const zero = call.make('uint8', []);
  zero.data[0] = 2 ** (bits - 1);
  return zero;
}

export const MS_BLOCK_QUANTIZED: OperatorTable = {
  GatherBlockQuantized: gatherBlockQuantized,
  MatMulBnb4: matMulBnb4,
  MatMulNBits: matMulNBits,
};
