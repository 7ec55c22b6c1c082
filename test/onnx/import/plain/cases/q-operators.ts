/**
 * The QOperator format, and weights in blocks.
 */

import { expect } from 'vitest';
import { codes, floats, ints, scalar, tensor } from '../small.js';
import type { RuleCase } from './case.js';
import { keeps, only, rows } from './quantized.js';

const x = floats([2, 3, 4], 1);
const w8 = codes('int8', [4, 5], 2);

const activation = {
  xs: scalar(0.01),
  xz: tensor('uint8', [], [128]),
  ys: scalar(0.05),
  yz: tensor('uint8', [], [128]),
};
const pairs = ['quantize-dequantize'];

export const Q_OPERATOR_CASES: readonly RuleCase[] = [
  {
    rule: 'quantize-dequantize',
    title: 'of an activation of 16 bits, which the note says',
    small: {
      feeds: { x: floats([2, 3], 1) },
      constants: { s: scalar(0.0001), z: tensor('uint16', [], [32768]) },
      nodes: [
        ['q', 'QuantizeLinear', ['x', 's', 'z']],
        ['f', 'DequantizeLinear', ['q', 's', 'z']],
        ['y', 'Relu', ['f']],
      ],
      outputs: ['y'],
    },
    left: ['Relu'],
    apart: 0.01,
    check: (_, draft) => {
      expect(draft.activations.get('x')).toMatchObject({ bits: 16, signed: false });
    },
  },
  {
    rule: 'q-operator',
    title: 'product, sum, softmax',
    with: pairs,
    small: {
      feeds: { x },
      constants: {
        ...activation,
        w: w8,
        ws: rows(5, 19),
        wz: tensor('int8', [5], [0, 0, 0, 0, 0]),
        ss: scalar(1 / 256),
        sz: tensor('uint8', [], [0]),
      },
      nodes: [
        ['q', 'QuantizeLinear', ['x', 'xs', 'xz']],
        ['m', 'QLinearMatMul', ['q', 'xs', 'xz', 'w', 'ws', 'wz', 'ys', 'yz']],
        ['a', 'com.microsoft::QLinearAdd', ['m', 'ys', 'yz', 'm', 'ys', 'yz', 'ys', 'yz']],
        [
          'b',
          'com.microsoft::QLinearSoftmax',
          ['a', 'ys', 'yz', 'ss', 'sz'],
          { axis: -1, opset: 13 },
        ],
        ['y', 'DequantizeLinear', ['b', 'ss', 'sz']],
      ],
      outputs: ['y'],
    },
    left: ['MatMul', 'Add', 'Softmax'],
    apart: 0.08,
    check: keeps(w8, { axis: 1, zeros: [0, 0, 0, 0, 0] }),
  },
  {
    rule: 'q-operator',
    title: 'product by a constant, sigmoid',
    with: pairs,
    small: {
      feeds: { x },
      constants: {
        ...activation,
        w: codes('uint8', [4], 20),
        ws: scalar(0.01),
        ss: scalar(1 / 256),
        sz: tensor('uint8', [], [0]),
      },
      nodes: [
        ['q', 'QuantizeLinear', ['x', 'xs', 'xz']],
        ['m', 'com.microsoft::QLinearMul', ['q', 'xs', 'xz', 'w', 'ws', 'xz', 'xs', 'xz']],
        ['b', 'com.microsoft::QLinearSigmoid', ['m', 'xs', 'xz', 'ss', 'sz']],
        ['y', 'DequantizeLinear', ['b', 'ss', 'sz']],
      ],
      outputs: ['y'],
    },
    left: ['Mul', 'Sigmoid'],
    apart: 0.02,
  },
  {
    rule: 'qgemm',
    title: 'a transposed weight, scales per row, a bias of 32 bits',
    with: pairs,
    small: {
      feeds: { x: floats([3, 4], 21) },
      constants: {
        ...activation,
        w: codes('int8', [5, 4], 22),
        ws: rows(5, 23),
        wz: tensor('int8', [5], [0, 0, 0, 0, 0]),
        b: tensor('int32', [5], [1000, -2000, 500, 0, 3000]),
      },
      nodes: [
        ['q', 'QuantizeLinear', ['x', 'xs', 'xz']],
        [
          'm',
          'com.microsoft::QGemm',
          ['q', 'xs', 'xz', 'w', 'ws', 'wz', 'b', 'ys', 'yz'],
          { transB: 1 },
        ],
        ['y', 'DequantizeLinear', ['m', 'ys', 'yz']],
      ],
      outputs: ['y'],
    },
    left: ['MatMul', 'Add'],
    apart: 0.1,
  },
  {
    rule: 'qconcat',
    title: 'of two',
    with: pairs,
    small: {
      feeds: { x },
      constants: activation,
      nodes: [
        ['q', 'QuantizeLinear', ['x', 'xs', 'xz']],
        ['r', 'QuantizeLinear', ['x', 'ys', 'yz']],
        [
          'm',
          'com.microsoft::QLinearConcat',
          ['ys', 'yz', 'q', 'xs', 'xz', 'r', 'ys', 'yz'],
          { axis: 1 },
        ],
        ['y', 'DequantizeLinear', ['m', 'ys', 'yz']],
      ],
      outputs: ['y'],
    },
    left: ['Concat'],
    apart: 0.04,
  },
];

const packed = codes('uint8', [5, 2, 2], 24);

export const N_BITS_CASES: readonly RuleCase[] = [
  {
    rule: 'matmul-n-bits',
    title: '4 bits, the last block short, packed zero points, a bias',
    small: {
      feeds: { x: floats([3, 6], 25) },
      constants: {
        w: packed,
        s: { ...rows(10, 26), dims: [5, 2] },
        z: codes('uint8', [5, 1], 27),
        b: floats([5], 28),
      },
      nodes: [
        [
          'y',
          'com.microsoft::MatMulNBits',
          ['x', 'w', 's', 'z', '', 'b'],
          { K: 6, N: 5, bits: 4, block_size: 4 },
        ],
      ],
      outputs: ['y'],
    },
    left: ['MatMul', 'Add'],
    apart: 1e-6,
    check: (_, draft) => {
      const entry = only(draft);
      expect([entry.dims, entry.axis, entry.blockSize, entry.bits]).toEqual([[6, 5], 0, 4, 4]);
      // The first column is the first row of the file: lower bits first.
      const [first = 0, second = 0, third = 0] = packed.data;
      const column = [0, 1, 2, 3, 4, 5].map((k) => entry.readCodes()[k * 5]);
      expect(column).toEqual([
        first & 15,
        first >> 4,
        second & 15,
        second >> 4,
        third & 15,
        third >> 4,
      ]);
    },
  },
  {
    rule: 'matmul-n-bits',
    title: '8 bits without zero points',
    small: {
      feeds: { x: floats([3, 6], 25) },
      constants: { w: codes('uint8', [5, 2, 4], 29), s: { ...rows(10, 26), dims: [10] } },
      nodes: [
        [
          'y',
          'com.microsoft::MatMulNBits',
          ['x', 'w', 's'],
          { K: 6, N: 5, bits: 8, block_size: 4 },
        ],
      ],
      outputs: ['y'],
    },
    left: ['MatMul'],
    apart: 1e-5,
    check: (_, draft) => expect(new Set(only(draft).zeroPoints)).toEqual(new Set([128])),
  },
  ...([0, 1] as const).map(
    (kind): RuleCase => ({
      rule: 'matmul-bnb4',
      title: `kind ${kind}, the last block short`,
      small: {
        feeds: { x: floats([2, 6], 25) },
        constants: { w: codes('uint8', [15], 32), s: { ...rows(4, 26), dims: [4] } },
        nodes: [
          [
            'y',
            'com.microsoft::MatMulBnb4',
            ['x', 'w', 's'],
            { K: 6, N: 5, block_size: 8, quant_type: kind },
          ],
        ],
        outputs: ['y'],
      },
      left: ['MatMul'],
      apart: 1e-6,
    }),
  ),
  {
    rule: 'matmul-n-bits',
    title: '2 bits',
    small: {
      feeds: { x: floats([2, 6], 25) },
      constants: {
        w: codes('uint8', [5, 2, 1], 24),
        s: { ...rows(10, 26), dims: [10] },
        z: codes('uint8', [5, 1], 27),
      },
      nodes: [
        [
          'y',
          'com.microsoft::MatMulNBits',
          ['x', 'w', 's', 'z'],
          { K: 6, N: 5, bits: 2, block_size: 4 },
        ],
      ],
      outputs: ['y'],
    },
    left: ['MatMul'],
    apart: 1e-6,
  },
  {
    rule: 'matmul-n-bits',
    title: 'zero points that are floats, blocks by an index',
    small: {
      feeds: { x: floats([2, 6], 25) },
      constants: {
        w: packed,
        s: { ...rows(10, 26), dims: [10] },
        z: floats([10], 28),
        g: tensor('int32', [6], [1, 0, 1, 1, 0, 0]),
      },
      nodes: [
        [
          'y',
          'com.microsoft::MatMulNBits',
          ['x', 'w', 's', 'z', 'g'],
          { K: 6, N: 5, bits: 4, block_size: 4 },
        ],
      ],
      outputs: ['y'],
    },
    left: ['MatMul'],
    apart: 1e-6,
  },
  {
    rule: 'gather-block-quantized',
    title: 'signed codes of 4 bits',
    small: {
      feeds: { ids: ints(0, 3, 3) },
      constants: { w: codes('int4', [4, 32], 30), s: { ...rows(8, 31), dims: [4, 2] } },
      nodes: [
        [
          'y',
          'com.microsoft::GatherBlockQuantized',
          ['w', 'ids', 's'],
          { gather_axis: 0, quantize_axis: 1, block_size: 16, bits: 4 },
        ],
      ],
      outputs: ['y'],
    },
    left: ['Gather'],
    apart: 1e-7,
    check: (_, draft) => {
      const entry = only(draft);
      expect([entry.dims, entry.axis, entry.blockSize, entry.signed]).toEqual([
        [4, 32],
        1,
        16,
        true,
      ]);
    },
  },
];
