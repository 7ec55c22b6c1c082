/**
 * Products, norms, activations and attention against ONNX Runtime on random shapes.
 */

import { describe, expect, it } from 'vitest';
import { evaluateNode } from '../../../lib/formats/onnx/import/reference/evaluate.js';
import { agrees, anyAxis, flag, upTo } from './agree.js';
import { msMask } from './masks.js';
import { dimsOf, generator, int64s, real, whole } from './random-tensors.js';
import { tensor } from './write-model.js';

const MS = 'com.microsoft';
describe('products', () => {
  agrees(
    'MatMul broadcasts',
    dimsOf(4, 4),
    ([b = 1, m = 1, k = 1, n = 1], next) => {
      const lefts = [[k], [m, k], [b, m, k], [1, b, m, k], [2, 1, m, k]];
      const rights = [[k], [k, n], [b, k, n], [2, b, k, n], [1, 1, k, n]];
      const [left, right] = [lefts[upTo(next, 4)] ?? [k], rights[upTo(next, 4)] ?? [k]];
      return { op: 'MatMul', opset: 13, inputs: [real(left, next), real(right, next)] };
    },
    40,
  );
  agrees(
    'MatMul beyond one block',
    dimsOf(2, 2, 3),
    ([m = 1, k = 1], next) => ({
      op: 'MatMul',
      opset: 13,
      inputs: [real([m * 3, k * 7], next), real([k * 7, 520], next)],
      tolerance: 1e-5,
    }),
    4,
  );
  agrees(
    'Gemm',
    dimsOf(3, 3),
    ([m = 1, k = 1, n = 1], next) => {
      const [transA, transB] = [flag(next), flag(next)];
      const c = [[n], [m, n], [1], [m, 1]][upTo(next, 3)] ?? [n];
      return {
        op: 'Gemm',
        opset: 13,
        inputs: [
          real(transA ? [k, m] : [m, k], next),
          real(transB ? [n, k] : [k, n], next),
          ...(next() < 0.3 ? [] : [real(c, next)]),
        ],
        attributes: { transA, transB, alpha: { float: 0.5 }, beta: { float: 1.5 } },
      };
    },
    30,
  );
  agrees(
    'FusedMatMul',
    dimsOf(4, 4),
    ([b = 1, m = 1, k = 1, n = 1], next) => {
      const flags = { transA: flag(next), transB: flag(next) };
      const batched = { transBatchA: flag(next), transBatchB: flag(next) };
      const left = batched.transBatchA ? [m, b, k] : [b, m, k];
      const right = batched.transBatchB ? [k, b, n] : [b, k, n];
      // The axes that the product exchanges are the rows and columns after the batch is in front.
      if (flags.transA) [left[batched.transBatchA ? 0 : 1], left[2]] = [k, m];
      if (flags.transB) [right[batched.transBatchB ? 0 : 1], right[2]] = [n, k];
      return {
        op: 'FusedMatMul',
        domain: MS,
        opset: 13,
        inputs: [real(left, next), real(right, next)],
        attributes: { ...flags, ...batched, alpha: { float: 0.25 } },
      };
    },
    30,
  );
  agrees('FusedGemm', dimsOf(3, 3), ([m = 1, k = 1, n = 1], next) => ({
    op: 'FusedGemm',
    domain: MS,
    opset: 13,
    inputs: [real([m, k], next), real([n, k], next), real([n], next)],
    attributes: { transB: 1, activation: next() < 0.5 ? 'Relu' : 'Tanh' },
  }));
  for (const equation of ['ij,jk->ik', 'bhqd,bhkd->bhqk', 'i,j->ij', 'ii->i', 'ij->', 'ij,kj']) {
    agrees(
      `Einsum ${equation}`,
      dimsOf(8, 8, 3),
      (dims, next) => {
        const letters = [...new Set(equation.replace(/[^a-z]/g, ''))];
        const size = (letter: string) => dims[letters.indexOf(letter)] ?? 1;
        const terms = (equation.split('->')[0] ?? '').split(',');
        const inputs = terms.map((term) => real([...term].map(size), next));
        return { op: 'Einsum', opset: 12, inputs, attributes: { equation } };
      },
      4,
    );
  }
});

describe('norms and activations', () => {
  agrees(
    'LayerNormalization',
    dimsOf(2, 4),
    (dims, next) => {
      const axis = anyAxis(dims.length, next);
      const width = dims.slice(axis < 0 ? axis + dims.length : axis);
      return {
        op: 'LayerNormalization',
        opset: 17,
        inputs: [real(dims, next), real(width, next), ...(next() < 0.3 ? [] : [real(width, next)])],
        attributes: { axis, epsilon: { float: 0.01 } },
        tolerance: 2e-5,
      };
    },
    20,
  );
  agrees('SkipLayerNormalization', dimsOf(3, 3), (dims, next) => {
    const width = dims.slice(-1);
    const bias = next() < 0.5 ? real(width, next) : null;
    return {
      op: 'SkipLayerNormalization',
      domain: MS,
      opset: 17,
      inputs: [real(dims, next), real(dims, next), real(width, next), real(width, next), bias],
      attributes: { epsilon: { float: 0.01 } },
      tolerance: 2e-5,
    };
  });
  agrees('SimplifiedLayerNormalization', dimsOf(2, 3), (dims, next) => ({
    op: 'SimplifiedLayerNormalization',
    opset: 17,
    inputs: [real(dims, next), real(dims.slice(-1), next)],
    attributes: { epsilon: { float: 0.01 }, axis: -1 },
    tolerance: 2e-5,
  }));
  agrees('Gelu', dimsOf(1, 3), (dims, next) => ({
    op: 'Gelu',
    opset: 20,
    inputs: [real(dims, next, 4)],
    attributes: { approximate: next() < 0.5 ? 'tanh' : 'none' },
    tolerance: 1e-6,
  }));
  for (const op of ['BiasGelu', 'FastGelu']) {
    agrees(op, dimsOf(2, 3), (dims, next) => ({
      op,
      domain: MS,
      opset: 17,
      inputs: [real(dims, next, 3), real(dims.slice(-1), next)],
      tolerance: 1e-6,
    }));
  }
  agrees('QuickGelu', dimsOf(1, 3), (dims, next) => ({
    op: 'QuickGelu',
    domain: MS,
    opset: 17,
    inputs: [real(dims, next, 4)],
    tolerance: 1e-6,
  }));
  agrees('EmbedLayerNormalization', dimsOf(2, 2, 5), ([b = 1, s = 1], next) => ({
    op: 'EmbedLayerNormalization',
    domain: MS,
    opset: 17,
    inputs: [
      whole('int32', [b, s], 0, 6, next),
      whole('int32', [b, s], 0, 1, next),
      real([7, 8], next),
      real([6, 8], next),
      real([2, 8], next),
      real([8], next),
      real([8], next),
      whole('int32', [b, s], 0, 1, next),
    ],
    attributes: { epsilon: { float: 0.001 } },
    outputs: ['float32', 'int32'],
    tolerance: 2e-5,
  }));
});

describe('attention', () => {
  const shapes = dimsOf(2, 2, 5);
  agrees(
    'Attention of com.microsoft, all masks',
    shapes,
    ([b = 1, s = 1], next) => ({
      op: 'Attention',
      domain: MS,
      opset: 17,
      inputs: [
        real([b, s, 6], next),
        real([6, 24], next),
        real([24], next),
        msMask(upTo(next, 3), b, s, next),
        null,
        next() < 0.5 ? real([b, 2, s, s], next) : null,
      ],
      attributes: {
        num_heads: 2,
        unidirectional: flag(next),
        ...(next() < 0.5 ? { scale: { float: 0.3 } } : {}),
      },
      tolerance: 1e-5,
    }),
    30,
  );
  agrees(
    'MultiHeadAttention',
    shapes,
    ([b = 1, s = 1], next) => ({
      op: 'MultiHeadAttention',
      domain: MS,
      opset: 17,
      inputs: [
        real([b, s, 8], next),
        real([b, s, 8], next),
        real([b, s, 8], next),
        next() < 0.5 ? real([24], next) : null,
        msMask(upTo(next, 2), b, s, next),
      ],
      attributes: { num_heads: 2 },
      tolerance: 1e-5,
    }),
    20,
  );
  it('MultiHeadAttention with packed inputs is that of the parts (the runtime has it on GPUs only)', () => {
    const next = generator(7);
    const [q, k, v] = [real([2, 3, 8], next), real([2, 3, 8], next), real([2, 3, 8], next)];
    const packed: number[] = [];
    for (let row = 0; row < 6; row++) {
      for (const head of [0, 1]) {
        const from = row * 8 + head * 4;
        for (const part of [q, k, v]) packed.push(...part.data.subarray(from, from + 4));
      }
    }
    const node = { op: 'MultiHeadAttention', domain: MS, name: '', outputs: ['y'] };
    const attributes = new Map([['num_heads', 2]]);
    const apart = evaluateNode({ ...node, inputs: ['q', 'k', 'v'], attributes }, [q, k, v], 1);
    const all = tensor('float32', [2, 3, 2, 3, 4], packed);
    const together = evaluateNode({ ...node, inputs: ['qkv'], attributes }, [all], 1);
    expect(together).toEqual(apart);
  });
  agrees(
    'Attention of ONNX: groups, masks, softcap',
    shapes,
    ([b = 1, s = 1], next) => {
      const flat = next() < 0.5;
      const masked = upTo(next, 2);
      const boolMask = whole('bool', [b, 1, s, s], 0, 1, next);
      for (let i = 0; i < boolMask.data.length; i += s) boolMask.data[i] = 1;
      const mask = masked === 0 ? [] : [masked === 1 ? boolMask : real([s, s], next)];
      return {
        op: 'Attention',
        opset: 23,
        inputs: [
          real(flat ? [b, s, 16] : [b, 4, s, 4], next),
          real(flat ? [b, s, 8] : [b, 2, s, 4], next),
          real(flat ? [b, s, 8] : [b, 2, s, 4], next),
          ...mask,
        ],
        attributes: {
          ...(flat ? { q_num_heads: 4, kv_num_heads: 2 } : {}),
          is_causal: masked === 0 ? flag(next) : 0,
          ...(next() < 0.3 ? { softcap: { float: 2 } } : {}),
        },
        tolerance: 1e-5,
      };
    },
    30,
  );
  agrees(
    'RotaryEmbedding of ONNX: three and four axes, part of a head, rows by position or one a token',
    shapes,
    ([b = 1, s = 1], next) => {
      const flat = next() < 0.5;
      const width = next() < 0.5 ? 8 : 4;
      const indexed = next() < 0.6;
      const table = () => real(indexed ? [9, width / 2] : [b, s, width / 2], next);
      return {
        op: 'RotaryEmbedding',
        opset: 23,
        inputs: [
          real(flat ? [b, s, 16] : [b, 2, s, 8], next),
          table(),
          table(),
          ...(indexed ? [whole('int64', [b, s], 0, 8, next)] : []),
        ],
        attributes: {
          interleaved: flag(next),
          ...(flat ? { num_heads: 2 } : {}),
          ...(width === 8 ? {} : { rotary_embedding_dim: width, num_heads: 2 }),
        },
      };
    },
    40,
  );
  agrees('RotaryEmbedding of com.microsoft', shapes, ([b = 1, s = 1], next) => ({
    op: 'RotaryEmbedding',
    domain: MS,
    opset: 17,
    inputs: [
      real([b, s, 16], next),
      next() < 0.5 ? int64s([2]) : whole('int64', [b, s], 0, 8, next),
      real([9, 4], next),
      real([9, 4], next),
    ],
    attributes: { interleaved: flag(next) },
  }));
});
