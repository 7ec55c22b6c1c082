/**
 * Weight-only quantization in blocks: MatMulNBits, MatMulBnb4 and GatherBlockQuantized of onnxruntime.
 *
 * Codes are unpacked to one byte each when they are read; in a packed byte the lower bits come first. Codes of 4 and 8 bits
 * with integer zero points are kept; other weights become floats.
 */

import type { Initializer } from '../../model.js';
import { numberOf } from '../attributes.js';
import { bitsAndBytes, bitsAndBytesValues, blockFloats } from '../block-floats.js';
import { groupCount, spread } from '../codes.js';
import { addQuantized } from '../derive.js';
import type { Draft } from '../draft.js';
import type { QuantizedWeight } from '../plain-model.js';
import { transposedWeight } from '../quantized-weight.js';
import { count } from '../rearrange.js';
import type { Rule } from '../rule.js';

/** Unpacks `rows` rows of `perRow` codes; each row begins on a new byte. */
function unpack(bytes: Uint8Array, bits: 2 | 4 | 8, rows: number, perRow: number): Uint8Array {
  const stride = rows === 0 ? 0 : bytes.length / rows;
  const codes = new Uint8Array(rows * perRow);
  const mask = 2 ** bits - 1;
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < perRow; i++) {
      const byte = bytes[row * stride + ((i * bits) >> 3)] ?? 0;
      codes[row * perRow + i] = (byte >> ((i * bits) & 7)) & mask;
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

/** Zero points of `rows` rows of `perRow` blocks, packed like the codes; the middle code for all where `zeros` is null. */
function zeroPoints(
  zeros: Initializer | null,
  bits: 2 | 4 | 8,
  rows: number,
  perRow: number,
): Int32Array | null {
  const middle = 2 ** (bits - 1);
  if (zeros === null) return new Int32Array(rows * perRow).fill(middle);
  const bytes = zeros.dtype === 'uint8' ? bytesOf(zeros) : null;
  if (bytes === null || bytes.length !== rows * Math.ceil((perRow * bits) / 8)) return null;
  return Int32Array.from(unpack(bytes, bits, rows, perRow));
}

type BlockSizes = readonly [rows: number, columns: number, bits: 2 | 4 | 8, block: number];

/** Whether codes and scales have the types and sizes of a MatMulNBits. */
function fits(codes: Initializer, scales: Initializer, [rows, columns, bits, block]: BlockSizes) {
  const blocks = Math.ceil(columns / block);
  const bytes = (blocks * block * bits) / 8;
  const counts = count(codes.dims) === rows * bytes && count(scales.dims) === rows * blocks;
  return counts && codes.dtype === 'uint8' && scales.dtype === 'float32';
}

/**
 * The weight [K, N] of a MatMulNBits as floats, where it cannot be kept as codes of 4 or 8 bits; null where sizes or types do
 * not fit.
 */
function floatWeight(
  graph: Draft,
  [codes, scales, zeros, order]: readonly [
    Initializer,
    Initializer,
    Initializer | null,
    Initializer | null,
  ],
  [rows, columns, bits, block]: BlockSizes,
): string | null {
  const blocks = Math.ceil(columns / block);
  const isFloat = zeros?.dtype === 'float32';
  if (isFloat && count(zeros.dims) !== rows * blocks) return null;
  const given = isFloat ? zeros.read().data : zeroPoints(zeros, bits, rows, blocks);
  const groups = order?.read().data ?? null;
  if (given === null || (groups !== null && groups.length < columns)) return null;
  if (groups?.some((group) => !(group >= 0 && group < blocks))) return null;
  const dims = [columns, rows];
  return graph.addInitializer({
    name: graph.freshName(codes.name),
    dtype: 'float32',
    dims,
    read: () => {
      const unpacked = unpack(bytesOf(codes) ?? new Uint8Array(), bits, rows, columns);
      const data = blockFloats(
        { rows, columns, block },
        unpacked,
        scales.read().data,
        given,
        groups,
      );
      return { dtype: 'float32', dims, data };
    },
  });
}

/** The weight [K, N] of a MatMulNBits with its codes; null where sizes or types do not fit. */
function blockWeight(
  codes: Initializer,
  scales: Initializer,
  zeros: Initializer | null,
  [rows, columns, bits, block]: readonly [number, number, 4 | 8, number],
): QuantizedWeight | null {
  const offsets = zeroPoints(zeros, bits, rows, Math.ceil(columns / block));
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

/** The initializer at an input; undefined where the input is left out, null for a computed one. */
function optional(graph: Draft, name: string): Initializer | null | undefined {
  return name === '' ? undefined : graph.initializer(name);
}

const matMulNBits: Rule = {
  name: 'matmul-n-bits',
  matches:
    'com.microsoft MatMulNBits of 2, 4 or 8 bits, with or without zero points (packed or floats) and group indices',
  writes: 'MatMul, Add',
  roots: ['com.microsoft::MatMulNBits'],
  rewrite(node, write) {
    const { graph } = write;
    const [codes, scales, zeros, order] = [1, 2, 3, 4].map((index) =>
      optional(graph, graph.input(node, index)),
    );
    const bits = numberOf(node, 'bits', 4);
    const block = numberOf(node, 'block_size', 0);
    if (!codes || !scales || zeros === null || order === null || block < 1) return false;
    if (bits !== 2 && bits !== 4 && bits !== 8) return false;
    const [rows, columns] = [numberOf(node, 'N', 0), numberOf(node, 'K', 0)];
    const sizes = [rows, columns, bits, block] as const;
    if (!fits(codes, scales, sizes)) return false;
    const parts = [codes, scales, zeros ?? null, order ?? null] as const;
    const keepsCodes = bits !== 2 && order === undefined && zeros?.dtype !== 'float32';
    const weight = keepsCodes
      ? blockWeight(codes, scales, parts[2], [rows, columns, bits, block])
      : null;
    const key = `n-bits ${[...parts.map((part) => part?.name ?? ''), ...sizes].join('|')}`;
    const name =
      graph.known(key) ??
      (weight !== null
        ? addQuantized(graph, codes.name, weight)
        : keepsCodes
          ? null
          : floatWeight(graph, parts, sizes));
    if (name === null) return false;
    graph.cached(key, () => name);
    const bias = graph.input(node, 5);
    const output = node.outputs[0] ?? '';
    const x = graph.input(node, 0);
    if (bias === '') return write.into(output, 'MatMul', [x, name]);
    return write.into(output, 'Add', [write.op('MatMul', [x, name]), bias]);
  },
};

const matMulBnb4: Rule = {
  name: 'matmul-bnb4',
  matches: 'com.microsoft MatMulBnb4: nf4 and fp4 of bitsandbytes',
  writes: 'MatMul',
  roots: ['com.microsoft::MatMulBnb4'],
  rewrite(node, write) {
    const { graph } = write;
    const [codes, largest] = [1, 2].map((index) => graph.initializer(graph.input(node, index)));
    const kind = numberOf(node, 'quant_type', 1);
    const values = bitsAndBytesValues(kind);
    const [rows, columns] = [numberOf(node, 'N', 0), numberOf(node, 'K', 0)];
    const block = numberOf(node, 'block_size', 0);
    if (!codes || !largest || values === null || numberOf(node, 'transB', 1) !== 1) return false;
    const counts =
      block > 0 &&
      count(codes.dims) === Math.ceil((rows * columns) / 2) &&
      count(largest.dims) === Math.ceil((rows * columns) / block);
    if (!counts || codes.dtype !== 'uint8' || largest.dtype !== 'float32') return false;
    const dims = [columns, rows];
    const sizes = { rows, columns, block };
    const key = `bnb4 ${[codes.name, largest.name, kind, rows, columns, block].join('|')}`;
    const name = graph.cached(key, () =>
      graph.addInitializer({
        name: graph.freshName(codes.name),
        dtype: 'float32',
        dims,
        read: () => {
          const bytes = bytesOf(codes) ?? new Uint8Array();
          const data = bitsAndBytes(sizes, bytes, largest.read().data, values);
          return { dtype: 'float32', dims, data };
        },
      }),
    );
    return write.into(node.outputs[0] ?? '', 'MatMul', [graph.input(node, 0), name]);
  },
};

/** Codes of a table, one byte each: of a 4-bit type, of bytes with one code, or of bytes with two. */
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

export const N_BITS_RULES: readonly Rule[] = [matMulNBits, matMulBnb4, gatherBlocks];
