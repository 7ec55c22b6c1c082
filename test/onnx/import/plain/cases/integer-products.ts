/**
 * Products of integers with ranges found at run time. The outputs agree within the steps of the activations.
 */

import { expect } from 'vitest';
import { codes, floats, ints, type NodeText, scalar, tensor } from '../small.js';
import type { RuleCase } from './case.js';
import { keeps, rows, u8, w8, x } from './quantized.js';

const dynamic: readonly NodeText[] = [['q,s,z', 'DynamicQuantizeLinear', ['x']]];
const STEP = 0.05;

export const INTEGER_CASES: readonly RuleCase[] = [
  {
    rule: 'matmul-integer',
    title: 'one scale of the weight',
    small: {
      feeds: { x },
      constants: { w: w8, ws: scalar(0.02), wz: tensor('int8', [], [0]) },
      nodes: [
        ...dynamic,
        ['m', 'MatMulInteger', ['q', 'w', 'z', 'wz']],
        ['f', 'Cast', ['m'], { to: 1 }],
        ['k', 'Mul', ['s', 'ws']],
        ['y', 'Mul', ['f', 'k']],
      ],
      outputs: ['y'],
    },
    left: ['MatMul'],
    apart: STEP,
    check: (graph, draft) => {
      keeps(w8, { axis: null, zeros: [0] })(graph, draft);
      expect(draft.activations.get('x')).toEqual({ kind: 'dynamic', signed: false, bits: 8 });
    },
  },
  {
    rule: 'matmul-integer',
    title: 'per column, scales applied one after the other, input reshaped after quantization',
    small: {
      feeds: { x },
      constants: {
        w: u8,
        ws: rows(5, 9),
        wz: tensor('uint8', [5], [128, 1, 2, 130, 255]),
        shape: ints(6, 4),
      },
      nodes: [
        ...dynamic,
        ['r', 'Reshape', ['q', 'shape']],
        ['m', 'MatMulInteger', ['r', 'w', 'z', 'wz']],
        ['f', 'Cast', ['m'], { to: 1 }],
        ['k', 'Mul', ['ws', 'f']],
        ['y', 'Mul', ['k', 's']],
      ],
      outputs: ['y'],
    },
    left: ['Reshape', 'MatMul'],
    apart: 0.5,
    check: keeps(u8, { axis: 1, zeros: [128, 1, 2, 130, 255] }),
  },
  {
    rule: 'matmul-integer',
    title: 'of two activations',
    small: {
      feeds: { x, k: floats([2, 4, 5], 10) },
      nodes: [
        ...dynamic,
        ['q2,s2,z2', 'DynamicQuantizeLinear', ['k']],
        ['m', 'MatMulInteger', ['q', 'q2', 'z', 'z2']],
        ['f', 'Cast', ['m'], { to: 1 }],
        ['p', 'Mul', ['s', 's2']],
        ['y', 'Mul', ['p', 'f']],
      ],
      outputs: ['y'],
    },
    left: ['MatMul'],
    apart: STEP,
    check: (_, draft) => expect([...draft.activations.keys()].sort()).toEqual(['k', 'x']),
  },
  {
    rule: 'matmul-integer',
    title: 'not without the scale of the weight',
    small: {
      feeds: { x },
      constants: { w: w8 },
      nodes: [
        ...dynamic,
        ['m', 'MatMulInteger', ['q', 'w', 'z']],
        ['f', 'Cast', ['m'], { to: 1 }],
        ['y', 'Mul', ['f', 's']],
      ],
      outputs: ['y'],
    },
    left: ['DynamicQuantizeLinear', 'MatMulInteger', 'Cast', 'Mul'],
  },
  {
    rule: 'dynamic-quantize-matmul',
    title: 'with a bias',
    small: {
      feeds: { x },
      constants: { w: w8, ws: scalar(0.02), b: floats([5], 11) },
      nodes: [['y', 'com.microsoft::DynamicQuantizeMatMul', ['x', 'w', 'ws', '', 'b']]],
      outputs: ['y'],
    },
    left: ['MatMul', 'Add'],
    apart: STEP,
    check: keeps(w8, { axis: null, zeros: [0] }),
  },
  {
    rule: 'matmul-integer-to-float',
    title: 'with a bias',
    small: {
      feeds: { x },
      constants: { w: w8, ws: scalar(0.02), wz: tensor('int8', [], [3]), b: floats([5], 11) },
      nodes: [
        ...dynamic,
        ['y', 'com.microsoft::MatMulIntegerToFloat', ['q', 'w', 's', 'ws', 'z', 'wz', 'b']],
      ],
      outputs: ['y'],
    },
    left: ['MatMul', 'Add'],
    apart: STEP,
    check: keeps(w8, { axis: null, zeros: [3] }),
  },
  {
    rule: 'qattention',
    title: 'on a dynamically quantized input',
    small: {
      feeds: { x, mask: tensor('int32', [2, 3], [1, 1, 1, 1, 1, 0]) },
      constants: {
        w: codes('int8', [4, 12], 12),
        ws: scalar(0.01),
        b: floats([12], 13),
        wz: tensor('int8', [], [0]),
      },
      nodes: [
        ...dynamic,
        [
          'y',
          'com.microsoft::QAttention',
          ['q', 'w', 'b', 's', 'ws', 'mask', 'z', 'wz'],
          { num_heads: 2 },
        ],
      ],
      outputs: ['y'],
    },
    left: ['com.microsoft::Attention'],
    apart: STEP,
  },
  {
    rule: 'qembed-layer-norm',
    title: 'tables and norm',
    small: {
      feeds: {
        ids: tensor('int32', [2, 3], [1, 4, 2, 3, 0, 1]),
        types: tensor('int32', [2, 3], [0, 1, 0, 1, 1, 0]),
      },
      constants: {
        word: codes('uint8', [5, 4], 14),
        position: codes('uint8', [6, 4], 15),
        segment: codes('uint8', [2, 4], 16),
        scale: codes('uint8', [4], 17),
        bias: codes('uint8', [4], 18),
        s: scalar(0.02),
        z: tensor('uint8', [], [128]),
      },
      nodes: [
        [
          'y,lengths',
          'com.microsoft::QEmbedLayerNormalization',
          [
            ...['ids', 'types', 'word', 'position', 'segment', 'scale', 'bias', ''],
            ...['s', 's', 's', 's', 's', 'z', 'z', 'z', 'z', 'z'],
          ],
          { epsilon: 1e-12 },
        ],
      ],
      outputs: ['y'],
    },
    left: ['com.microsoft::EmbedLayerNormalization'],
    apart: 1e-5,
    check: (_, draft) => expect(draft.quantized.size).toBe(5),
  },
];
