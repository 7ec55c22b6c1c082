/**
 * Products, norms, attention and quantized operators against ONNX Runtime on random shapes.
 *
 * Integer weights stay in 6 bits where the runtime multiplies u8 by s8: its kernels saturate on CPUs without VNNI.
 */

import { describe, expect, it } from 'vitest';
import { evaluateNode } from '../../../lib/formats/onnx/import/reference/evaluate.js';
import { agrees, anyAxis, flag, type Next, upTo } from './agree.js';
import { dimsOf, generator, int64s, real, scalar, whole } from './random-tensors.js';
import { tensor } from './write-model.js';

const MS = 'com.microsoft';
const positive = (dims: readonly number[], next: Next, low = 0.01) => {
  const values = real(dims, next, 0.02);
  return { ...values, data: values.data.map((value) => Math.abs(value) + low) as Float32Array };
};
const u8 = (dims: readonly number[], next: Next) => whole('uint8', dims, 0, 255, next);
const s6 = (dims: readonly number[], next: Next) => whole('int8', dims, -32, 31, next);

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

/** A mask of one of the forms of com.microsoft's attention, some key always allowed. */
function msMask(form: number, b: number, s: number, next: Next) {
  const length = () => 1 + upTo(next, s - 1);
  if (form === 0) return null;
  if (form === 1) return tensor('int32', [b], Array.from({ length: b }, length));
  const rows = form === 2 ? [b, s] : [b, s, s];
  const mask = whole('int32', rows, 0, 1, next);
  for (let i = 0; i < mask.data.length; i += s) mask.data[i] = 1;
  return mask;
}

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
  agrees('RotaryEmbedding of ONNX', shapes, ([b = 1, s = 1], next) => ({
    op: 'RotaryEmbedding',
    opset: 23,
    inputs: [
      real([b, 2, s, 8], next),
      real([9, 4], next),
      real([9, 4], next),
      whole('int64', [b, s], 0, 8, next),
    ],
    attributes: { interleaved: flag(next) },
  }));
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

describe('quantized', () => {
  agrees('QuantizeLinear by axis, halves to even', dimsOf(2, 3), (dims, next) => {
    const axis = anyAxis(dims.length, next);
    const width = dims.at(axis) as number;
    const scale = tensor(
      'float32',
      [width],
      Array.from({ length: width }, () => 0.25),
    );
    const values = real(dims, next, 40);
    const onGrid = values.data.map((value) => Math.round(value * 8) / 8) as Float32Array;
    return {
      op: 'QuantizeLinear',
      opset: 13,
      inputs: [{ ...values, data: onGrid }, scale, whole('int8', [width], -9, 9, next)],
      attributes: { axis },
      outputs: ['int8'],
    };
  });
  agrees('DequantizeLinear by axis', dimsOf(2, 3), (dims, next) => {
    const axis = anyAxis(dims.length, next);
    const width = dims.at(axis) as number;
    return {
      op: 'DequantizeLinear',
      opset: 13,
      inputs: [u8(dims, next), positive([width], next), u8([width], next)],
      attributes: { axis },
      outputs: ['float32'],
    };
  });
  agrees('DequantizeLinear in blocks', dimsOf(2, 2), ([k = 1, n = 1], next) => ({
    op: 'DequantizeLinear',
    opset: 21,
    inputs: [u8([2 * k, n], next), positive([k, n], next), u8([k, n], next)],
    attributes: { axis: 0, block_size: 2 },
    outputs: ['float32'],
  }));
  agrees(
    'DynamicQuantizeLinear',
    dimsOf(1, 3),
    (dims, next) => {
      const values = real(dims, next, 3);
      const shift = [-4, 0, 4][upTo(next, 2)] as number;
      return {
        op: 'DynamicQuantizeLinear',
        opset: 11,
        inputs: [{ ...values, data: values.data.map((value) => value + shift) as Float32Array }],
        outputs: ['uint8', 'float32', 'uint8'],
      };
    },
    20,
  );
  agrees(
    'MatMulInteger',
    dimsOf(3, 3),
    ([m = 1, k = 1, n = 1], next) => ({
      op: 'MatMulInteger',
      opset: 10,
      inputs: [
        u8([m, k], next),
        s6([k, n], next),
        whole('uint8', [], 0, 255, next),
        next() < 0.5 ? whole('int8', [], -9, 9, next) : whole('int8', [n], -9, 9, next),
      ],
      outputs: ['int32'],
    }),
    20,
  );
  agrees(
    'QLinearMatMul',
    dimsOf(3, 3),
    ([m = 1, k = 1, n = 1], next) => {
      const columns = next() < 0.5 ? [n] : [];
      return {
        op: 'QLinearMatMul',
        opset: 10,
        inputs: [
          u8([m, k], next),
          scalar('float32', 0.02),
          scalar('uint8', 120),
          s6([k, n], next),
          positive(columns, next),
          columns.length > 0 ? tensor('int8', columns, new Array(n).fill(0)) : scalar('int8', 3),
          scalar('float32', 0.05),
          scalar('uint8', 100),
        ],
        outputs: ['uint8'],
        step: 1,
      };
    },
    20,
  );
  agrees('MatMulIntegerToFloat', dimsOf(3, 3), ([m = 1, k = 1, n = 1], next) => ({
    op: 'MatMulIntegerToFloat',
    domain: MS,
    opset: 17,
    inputs: [
      u8([m, k], next),
      s6([k, n], next),
      scalar('float32', 0.02),
      positive(next() < 0.5 ? [n] : [], next),
      scalar('uint8', 9),
      null,
      real([n], next),
    ],
    outputs: ['float32'],
    tolerance: 1e-5,
  }));
  agrees('DynamicQuantizeMatMul', dimsOf(3, 3), ([m = 1, k = 1, n = 1], next) => ({
    op: 'DynamicQuantizeMatMul',
    domain: MS,
    opset: 17,
    inputs: [
      real([m, k], next),
      s6([k, n], next),
      positive([], next),
      scalar('int8', 0),
      real([n], next),
    ],
    tolerance: 1e-5,
  }));
  agrees('QGemm', dimsOf(3, 3), ([m = 1, k = 1, n = 1], next) => {
    const out = flag(next);
    return {
      op: 'QGemm',
      domain: MS,
      opset: 17,
      inputs: [
        u8([m, k], next),
        scalar('float32', 0.02),
        scalar('uint8', 120),
        s6([n, k], next),
        scalar('float32', 0.01),
        scalar('int8', 0),
        whole('int32', [n], -300, 300, next),
        ...(out ? [scalar('float32', 0.05), scalar('uint8', 100)] : []),
      ],
      attributes: { transB: 1 },
      outputs: [out ? 'uint8' : 'float32'],
      ...(out ? { step: 1 } : {}),
    };
  });
  for (const op of ['QLinearAdd', 'QLinearMul']) {
    agrees(op, dimsOf(1, 3), (dims, next) => ({
      op,
      domain: MS,
      opset: 17,
      inputs: [
        u8(dims, next),
        scalar('float32', 0.02),
        scalar('uint8', 120),
        u8(dims.slice(-1), next),
        scalar('float32', 0.03),
        scalar('uint8', 90),
        scalar('float32', 0.06),
        scalar('uint8', 100),
      ],
      step: 1,
    }));
  }
  // The runtime's table of exponentials is in fixed point: small codes alone in a row give it zeros.
  agrees('QLinearSoftmax', dimsOf(1, 2), (dims, next) => ({
    op: 'QLinearSoftmax',
    domain: MS,
    opset: 17,
    inputs: [
      whole('uint8', [...dims, 5], 180, 255, next),
      scalar('float32', 0.02),
      scalar('uint8', 120),
      scalar('float32', 1 / 256),
      scalar('uint8', 0),
    ],
    attributes: { axis: -1, opset: 13 },
    step: 1,
  }));
  agrees('QLinearSigmoid', dimsOf(1, 3), (dims, next) => ({
    op: 'QLinearSigmoid',
    domain: MS,
    opset: 17,
    inputs: [
      u8(dims, next),
      scalar('float32', 0.05),
      scalar('uint8', 120),
      scalar('float32', 0.00390625),
      scalar('uint8', 0),
    ],
    step: 1,
  }));
  agrees('QLinearConcat', dimsOf(2, 3), (dims, next) => ({
    op: 'QLinearConcat',
    domain: MS,
    opset: 17,
    inputs: [
      scalar('float32', 0.05),
      scalar('uint8', 100),
      ...[0.02, 0.05].flatMap((scale) => [
        u8(dims, next),
        scalar('float32', scale),
        scalar('uint8', 120),
      ]),
    ],
    attributes: { axis: 1 },
    outputs: ['uint8'],
    step: 1,
  }));
  for (const bits of [4, 8]) {
    agrees(
      `MatMulNBits of ${bits} bits`,
      dimsOf(3, 3),
      ([m = 1, k = 1, n = 1], next) => {
        const depth = 8 * k + upTo(next, 7);
        const blocks = Math.ceil(depth / 16);
        const zeros = u8([n * Math.ceil((blocks * bits) / 8)], next);
        return {
          op: 'MatMulNBits',
          domain: MS,
          opset: 17,
          inputs: [
            real([m, depth], next),
            u8([n, blocks, (16 * bits) / 8], next),
            positive([n * blocks], next),
            next() < 0.5 ? null : zeros,
          ],
          attributes: { K: depth, N: n, bits, block_size: 16 },
          tolerance: 1e-5,
        };
      },
      20,
    );
  }
  agrees('GatherBlockQuantized', dimsOf(1, 1), ([n = 1], next) => ({
    op: 'GatherBlockQuantized',
    domain: MS,
    opset: 17,
    inputs: [
      u8([n + 1, 16], next),
      whole('int64', [2, 2], 0, n, next),
      positive([n + 1, 2], next),
      next() < 0.5 ? null : u8([n + 1, 1], next),
    ],
    attributes: { bits: 4, block_size: 16, gather_axis: 0, quantize_axis: 1 },
    outputs: ['float32'],
  }));
  agrees('QAttention', dimsOf(2, 2, 5), ([b = 1, s = 1], next) => ({
    op: 'QAttention',
    domain: MS,
    opset: 17,
    inputs: [
      u8([b, s, 6], next),
      s6([6, 24], next),
      real([24], next),
      scalar('float32', 0.01),
      scalar('float32', 0.01),
      msMask(upTo(next, 2), b, s, next),
      scalar('uint8', 100),
      scalar('int8', 0),
    ],
    attributes: { num_heads: 2 },
    outputs: ['float32'],
    tolerance: 1e-5,
  }));
});
