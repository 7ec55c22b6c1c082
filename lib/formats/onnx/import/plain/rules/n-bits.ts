/**
 * Weight-only quantization in blocks: MatMulNBits and GatherBlockQuantized of onnxruntime.
 *
 * Codes are unpacked to one byte each when they are read: in a byte the lower bits come first.
 */

import type { Initializer } from '../../model.js';
import { numberOf } from '../attributes.js';
import { groupCount, spread } from '../codes.js';
import { addQuantized } from '../derive.js';
import type { Draft } from '../draft.js';
import type { QuantizedWeight } from '../plain-model.js';
import { transposedWeight } from '../quantized-weight.js';
import { count } from '../rearrange.js';
import type { Rule } from '../rule.js';

/** `perRow` codes of each of `rows` rows that begin on a byte of their own. */
function unpack(bytes: Uint8Array, bits: 4 | 8, rows: number, perRow: number): Uint8Array {
  const stride = rows === 0 ? 0 : bytes.length / rows;
  const codes = new Uint8Array(rows * perRow);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < perRow; i++) {
      const byte = bytes[row * stride + (bits === 8 ? i : i >> 1)] ?? 0;
      codes[row * perRow + i] = bits === 8 ? byte : (byte >> (4 * (i & 1))) & 15;
    }
  }
  return codes;
}

function bytesOf(initializer: Initializer): Uint8Array | null {
  const { data } = initializer.read();
  return data instanceof Uint8Array ? data : null;
}

function bitsOf(value: number): 4 | 8 | null {
  return value === 4 || value === 8 ? value : null;
}

/** Zero points of `rows` rows of `perRow` blocks, packed as the codes are, or one number each. */
function zeroPoints(
  zeros: Initializer | null,
  bits: 4 | 8,
  rows: number,
  perRow: number,
): Int32Array | null {
  const middle = 2 ** (bits - 1);
  if (zeros === null) return new Int32Array(rows * perRow).fill(middle);
  const bytes = zeros.dtype === 'uint8' ? bytesOf(zeros) : null;
  if (bytes === null || bytes.length !== rows * Math.ceil((perRow * bits) / 8)) return null;
  return Int32Array.from(unpack(bytes, bits, rows, perRow));
}

/** The weight [K, N] of a MatMulNBits; null where sizes or types are others. */
function blockWeight(
  codes: Initializer,
  scales: Initializer,
  zeros: Initializer | null,
  [rows, columns, bits, block]: readonly [number, number, 4 | 8, number],
): QuantizedWeight | null {
  const blocks = Math.ceil(columns / block);
  const bytes = (blocks * block * bits) / 8;
  if (codes.dtype !== 'uint8' || count(codes.dims) !== rows * bytes) return null;
  if (count(scales.dims) !== rows * blocks || scales.dtype !== 'float32') return null;
  const offsets = zeroPoints(zeros, bits, rows, blocks);
  if (offsets === null) return null;
  const weight: QuantizedWeight = {
    dims: [rows, columns],
    bits,
    signed: false,
    axis: 1,
    blockSize: block,
    scales: Float32Array.from(scales.read().data),
    zeroPoints: offsets,
    readCodes: () => unpack(bytesOf(codes) ?? new Uint8Array(), bits, rows, columns),
  };
  return transposedWeight(weight, [1, 0]);
}

/** The initializer at an input; undefined where the input is left out, null where it is no initializer. */
function optional(graph: Draft, name: string): Initializer | null | undefined {
  return name === '' ? undefined : graph.initializer(name);
}

const matMulNBits: Rule = {
  name: 'matmul-n-bits',
  matches: 'com.microsoft MatMulNBits of 4 or 8 bits, with or without zero points, any block size',
  writes: 'MatMul, Add',
  roots: ['com.microsoft::MatMulNBits'],
  rewrite(node, write) {
    const { graph } = write;
    const [codes, scales, zeros, order] = [1, 2, 3, 4].map((index) =>
      optional(graph, graph.input(node, index)),
    );
    const bits = bitsOf(numberOf(node, 'bits', 4));
    const block = numberOf(node, 'block_size', 0);
    if (!codes || !scales || zeros === null || order !== undefined || bits === null || block < 1)
      return false;
    const sizes = [numberOf(node, 'N', 0), numberOf(node, 'K', 0), bits, block] as const;
    const weight = blockWeight(codes, scales, zeros ?? null, sizes);
    if (weight === null) return false;
    const key = `n-bits ${[codes.name, scales.name, zeros?.name ?? '', ...sizes].join('|')}`;
    const name = graph.cached(key, () => addQuantized(graph, codes.name, weight));
    const bias = graph.input(node, 5);
    const output = node.outputs[0] ?? '';
    const x = graph.input(node, 0);
    if (bias === '') return write.into(output, 'MatMul', [x, name]);
    return write.into(output, 'Add', [write.op('MatMul', [x, name]), bias]);
  },
};

/** Codes of a table: 4-bit types come unpacked, bytes may hold two codes. */
function tableCodes(
  table: Initializer,
  bits: 4 | 8,
): { dims: readonly number[]; read: () => Int8Array | Uint8Array } | null {
  if (
    table.dtype === 'int4' ||
    table.dtype === 'uint4' ||
    (table.dtype === 'uint8' && bits === 8)
  ) {
    return { dims: table.dims, read: () => table.read().data as Int8Array | Uint8Array };
  }
  const width = table.dims.at(-1);
  if (table.dtype !== 'uint8' || width === undefined) return null;
  const dims = [...table.dims.slice(0, -1), width * 2];
  return {
    dims,
    read: () => unpack(bytesOf(table) ?? new Uint8Array(), 4, count(dims) / (width * 2), width * 2),
  };
}

const gatherBlocks: Rule = {
  name: 'gather-block-quantized',
  matches: 'com.microsoft GatherBlockQuantized of 4 or 8 bits',
  writes: 'Gather',
  roots: ['com.microsoft::GatherBlockQuantized'],
  rewrite(node, write) {
    const { graph } = write;
    const [table, scales, zeros] = [0, 2, 3].map((index) =>
      optional(graph, graph.input(node, index)),
    );
    const bits = bitsOf(numberOf(node, 'bits', 4));
    if (!table || !scales || zeros === null || bits === null) return false;
    const codes = tableCodes(table, bits);
    const rank = table.dims.length;
    const axis = numberOf(node, 'quantize_axis', 1);
    const grouping = {
      axis: axis < 0 ? axis + rank : axis,
      blockSize: numberOf(node, 'block_size', 128),
    };
    if (codes === null || grouping.axis < 0 || grouping.axis >= rank || grouping.blockSize < 1)
      return false;
    const groups = groupCount(codes.dims, grouping);
    if (count(scales.dims) !== groups || scales.dtype !== 'float32') return false;
    const packed = table.dtype === 'uint8';
    const offsets = packed
      ? zeroPoints(zeros ?? null, bits, groups / (scales.dims.at(-1) ?? 1), scales.dims.at(-1) ?? 1)
      : spread(zeros?.read().data ?? null, groups);
    if (offsets === null) return false;
    const key = `gather-blocks ${[table.name, scales.name, zeros?.name ?? '', axis, grouping.blockSize].join('|')}`;
    const name = graph.cached(key, () =>
      addQuantized(graph, table.name, {
        dims: codes.dims,
        bits: table.dtype === 'uint8' ? bits : 4,
        signed: table.dtype === 'int4',
        ...grouping,
        scales: Float32Array.from(scales.read().data),
        zeroPoints: offsets,
        readCodes: codes.read,
      }),
    );
    return write.into(node.outputs[0] ?? '', 'Gather', [name, graph.input(node, 1)], {
      axis: numberOf(node, 'gather_axis', 0),
    });
  },
};

export const N_BITS_RULES: readonly Rule[] = [matMulNBits, gatherBlocks];
