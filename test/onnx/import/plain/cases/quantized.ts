/**
 * Q/DQ and dynamic quantization. Where only weights are quantized the outputs agree exactly; where activations were, within
 * their steps.
 */

import { expect } from 'vitest';
import type { OnnxGraph } from '../../../../../lib/formats/onnx/import/model.js';
import type { Draft } from '../../../../../lib/formats/onnx/import/plain/draft.js';
import { codes, floats, ints, type NodeText, scalar, tensor } from '../small.js';
import type { RuleCase } from './case.js';

export const x = floats([2, 3, 4], 1);
export const rows = (count: number, seed: number) => {
  const { dims, data } = floats([count], seed);
  return { dtype: 'float32' as const, dims, data: data.map((v) => 0.01 + Math.abs(v) / 50) };
};
export const w8 = codes('int8', [4, 5], 2);
export const u8 = codes('uint8', [4, 5], 3);

/** The one quantized weight of a graph. */
export function only(draft: Draft) {
  const [entry] = draft.quantized.values();
  expect(draft.quantized.size).toBe(1);
  if (entry === undefined) throw new Error('no quantized weight');
  return entry;
}

export const keeps =
  (
    of: ReturnType<typeof codes>,
    wanted: { axis: number | null; blockSize?: number; zeros: readonly number[] },
  ) =>
  (_: OnnxGraph, draft: Draft) => {
    const entry = only(draft);
    expect(entry.readCodes()).toEqual(of.data);
    expect(entry.dims).toEqual(of.dims);
    expect([entry.axis, entry.blockSize]).toEqual([wanted.axis, wanted.blockSize ?? null]);
    expect([...entry.zeroPoints]).toEqual(wanted.zeros);
    expect(entry.signed).toBe(of.dtype === 'int8' || of.dtype === 'int4');
  };

const product = (weight: readonly NodeText[]): readonly NodeText[] => [
  ...weight,
  ['y', 'MatMul', ['x', 'w']],
];

/** QuantizeLinear and DequantizeLinear of x times a weight. */
const pairOf = (dtype: 'uint8' | 'int8', zero: number | null, step: number): RuleCase['small'] => ({
  feeds: { x },
  constants: {
    m: floats([4, 5], 8),
    s: scalar(step),
    ...(zero === null ? {} : { z: tensor(dtype, [], [zero]) }),
  },
  nodes: [
    ['p', 'MatMul', ['x', 'm']],
    ['q', 'QuantizeLinear', zero === null ? ['p', 's'] : ['p', 's', 'z']],
    ['y', 'DequantizeLinear', zero === null ? ['q', 's'] : ['q', 's', 'z']],
  ],
  outputs: ['y'],
});

export const QDQ_CASES: readonly RuleCase[] = [
  {
    rule: 'quantized-constant',
    title: 'a weight that is quantized in the graph keeps its codes',
    with: ['dequantized-constant'],
    small: {
      feeds: { x },
      constants: { m: floats([4, 5], 8), s: rows(5, 4), z: tensor('int8', [5], [0, 0, 0, 0, 0]) },
      nodes: product([
        ['q', 'QuantizeLinear', ['m', 's', 'z'], { axis: 1 }],
        ['w', 'DequantizeLinear', ['q', 's', 'z'], { axis: 1 }],
      ]),
      outputs: ['y'],
    },
    left: ['MatMul'],
    check: (_, draft) => {
      expect([only(draft).axis, only(draft).signed]).toEqual([1, true]);
    },
  },
  ...(
    [
      ['uint8', 0],
      ['int8', -128],
      ['uint8', null],
    ] as const
  ).map(
    ([dtype, zero]): RuleCase => ({
      rule: 'range-from-zero',
      title: `a range of ${dtype} that begins at zero is a ReLU (zero point ${zero})`,
      with: ['quantize-dequantize'],
      small: pairOf(dtype, zero, 0.02),
      left: ['MatMul', 'Relu'],
      apart: 0.0101,
    }),
  ),
  {
    rule: 'quantize-dequantize',
    title: 'a range with zero inside is none',
    with: ['range-from-zero'],
    small: pairOf('uint8', 128, 0.04),
    left: ['MatMul'],
    apart: 0.0201,
  },
  {
    rule: 'quantize-dequantize',
    title: 'what is never negative needs no ReLU',
    with: ['range-from-zero'],
    small: {
      ...pairOf('uint8', 0, 0.02),
      nodes: [
        ['p', 'Softmax', ['x'], { axis: -1 }],
        ['q', 'QuantizeLinear', ['p', 's', 'z']],
        ['y', 'DequantizeLinear', ['q', 's', 'z']],
      ],
    },
    left: ['Softmax'],
    apart: 0.0101,
  },
  {
    rule: 'quantize-dequantize',
    title: 'nor does GELU where its lowest point is within half a step',
    with: ['range-from-zero'],
    small: {
      ...pairOf('uint8', 0, 0.4),
      nodes: [
        ['p', 'Gelu', ['x'], { approximate: 'none' }],
        ['q', 'QuantizeLinear', ['p', 's', 'z']],
        ['y', 'DequantizeLinear', ['q', 's', 'z']],
      ],
    },
    left: ['Gelu'],
    apart: 0.201,
  },
  {
    rule: 'dequantized-constant',
    title: 'one scale',
    small: {
      feeds: { x },
      constants: { q: w8, s: scalar(0.02) },
      nodes: product([['w', 'DequantizeLinear', ['q', 's']]]),
      outputs: ['y'],
    },
    left: ['MatMul'],
    check: keeps(w8, { axis: null, zeros: [0] }),
  },
  {
    rule: 'dequantized-constant',
    title: 'a scale and a zero point per column',
    small: {
      feeds: { x },
      constants: { q: u8, s: rows(5, 4), z: tensor('uint8', [5], [120, 130, 128, 0, 255]) },
      nodes: product([['w', 'DequantizeLinear', ['q', 's', 'z'], { axis: -1 }]]),
      outputs: ['y'],
    },
    left: ['MatMul'],
    check: keeps(u8, { axis: 1, zeros: [120, 130, 128, 0, 255] }),
  },
  {
    rule: 'dequantized-constant',
    title: 'blocks of 4-bit codes, the last one short',
    small: {
      feeds: { x: floats([3, 7], 5) },
      constants: { q: codes('int4', [7, 2], 6), s: { ...rows(4, 7), dims: [2, 2] } },
      nodes: product([['w', 'DequantizeLinear', ['q', 's'], { axis: 0, block_size: 4 }]]),
      outputs: ['y'],
    },
    left: ['MatMul'],
    check: (_, draft) => {
      const entry = only(draft);
      expect([entry.axis, entry.blockSize, entry.bits, entry.signed]).toEqual([0, 4, 4, true]);
    },
  },
  {
    rule: 'dequantized-constant',
    title: 'a bias of 32 bits is a float afterwards',
    small: {
      feeds: { x },
      constants: {
        q: tensor('int32', [4], [100, -2000, 30000, 7]),
        s: tensor('float32', [1], [0.001]),
      },
      nodes: [
        ['b', 'DequantizeLinear', ['q', 's']],
        ['y', 'Add', ['x', 'b']],
      ],
      outputs: ['y'],
    },
    left: ['Add'],
    check: (_, draft) => expect(draft.quantized.size).toBe(0),
  },
  {
    rule: 'cast-times-scale',
    title: 'a scale per row',
    small: {
      feeds: { x },
      constants: { q: w8, s: { ...rows(4, 4), dims: [4, 1] } },
      nodes: product([
        ['f', 'Cast', ['q'], { to: 1 }],
        ['w', 'Mul', ['f', 's']],
      ]),
      outputs: ['y'],
    },
    left: ['MatMul'],
    check: keeps(w8, { axis: 0, zeros: [0, 0, 0, 0] }),
  },
  {
    rule: 'cast-times-scale',
    title: 'with zero points, scale first',
    small: {
      feeds: { x },
      constants: {
        q: u8,
        s: { ...rows(5, 4), dims: [1, 5] },
        z: tensor('uint8', [1, 5], [128, 127, 1, 2, 3]),
      },
      nodes: product([
        ['f', 'Cast', ['q'], { to: 1 }],
        ['g', 'Cast', ['z'], { to: 1 }],
        ['d', 'Sub', ['f', 'g']],
        ['w', 'Mul', ['s', 'd']],
      ]),
      outputs: ['y'],
    },
    left: ['MatMul'],
    check: keeps(u8, { axis: 1, zeros: [128, 127, 1, 2, 3] }),
  },
  {
    rule: 'cast-times-scale',
    title: 'blocks as an axis of their own, reshaped to a matrix and transposed',
    with: ['reshaped-constant', 'transposed-constant'],
    small: {
      feeds: { x: floats([3, 6], 5) },
      constants: {
        q: codes('uint4', [2, 2, 3], 6),
        s: { ...rows(4, 7), dims: [2, 2, 1] },
        z: tensor('uint4', [2, 2, 1], [8, 7, 3, 0]),
        shape: ints(2, 6),
      },
      nodes: product([
        ['f', 'Cast', ['q'], { to: 1 }],
        ['g', 'Cast', ['z'], { to: 1 }],
        ['d', 'Sub', ['f', 'g']],
        ['b', 'Mul', ['d', 's']],
        ['m', 'Reshape', ['b', 'shape']],
        ['w', 'Transpose', ['m'], { perm: [1, 0] }],
      ]),
      outputs: ['y'],
    },
    left: ['MatMul'],
    check: (_, draft) => {
      const entry = only(draft);
      expect([entry.dims, entry.axis, entry.blockSize, entry.bits]).toEqual([[6, 2], 0, 3, 4]);
      expect([...entry.zeroPoints]).toEqual([8, 3, 7, 0]);
    },
  },
  {
    rule: 'quantize-dequantize',
    title: 'of an activation, static and dynamic',
    small: {
      feeds: { x },
      constants: { s: scalar(0.01), s2: scalar(0.01), z: tensor('uint8', [], [128]) },
      nodes: [
        ['q', 'QuantizeLinear', ['x', 's', 'z']],
        ['f', 'DequantizeLinear', ['q', 's2', 'z']],
        ['t', 'Tanh', ['f']],
        ['q2,s3,z2', 'DynamicQuantizeLinear', ['t']],
        ['f2', 'DequantizeLinear', ['q2', 's3', 'z2']],
        ['y', 'Relu', ['f2']],
      ],
      outputs: ['y'],
    },
    left: ['Tanh', 'Relu'],
    apart: 0.02,
    check: (graph, draft) => {
      expect(draft.activations.get('x')).toEqual({
        kind: 'static',
        signed: false,
        bits: 8,
        scale: Math.fround(0.01),
        zeroPoint: 128,
      });
      const inner = graph.nodes[1]?.inputs[0] ?? '';
      expect(draft.activations.get(inner)).toEqual({ kind: 'dynamic', signed: false, bits: 8 });
    },
  },
  {
    rule: 'quantize-dequantize',
    title: 'not with another scale',
    small: {
      feeds: { x },
      constants: { s: scalar(0.01), s2: scalar(0.02) },
      nodes: [
        ['q', 'QuantizeLinear', ['x', 's']],
        ['y', 'DequantizeLinear', ['q', 's2']],
      ],
      outputs: ['y'],
    },
    left: ['QuantizeLinear', 'DequantizeLinear'],
  },
  {
    rule: 'dequantize-before-layout',
    title: 'lookup in a quantized table, transposed, concatenated',
    with: ['dequantized-constant'],
    small: {
      feeds: { ids: ints(0, 3, 1) },
      constants: { q: w8, s: scalar(0.02) },
      nodes: [
        ['a', 'Gather', ['q', 'ids'], { axis: 0 }],
        ['b', 'Transpose', ['a'], { perm: [1, 0] }],
        ['c', 'Concat', ['b', 'b'], { axis: 1 }],
        ['f', 'DequantizeLinear', ['c', 's']],
        ['y', 'Tanh', ['f']],
      ],
      outputs: ['y'],
    },
    left: ['Gather', 'Transpose', 'Gather', 'Transpose', 'Concat', 'Tanh'],
    check: keeps(w8, { axis: null, zeros: [0] }),
  },
];
