/**
 * Quantized operators against ONNX Runtime on random shapes.
 *
 * Integer weights stay in 6 bits where the runtime multiplies u8 by s8: its kernels saturate on CPUs without VNNI.
 */

import { describe } from 'vitest';
import { agrees, anyAxis, flag, type Next, upTo } from './agree.js';
import { msMask } from './masks.js';
import { dimsOf, real, scalar, whole } from './random-tensors.js';
import { tensor } from './write-model.js';

const MS = 'com.microsoft';
const positive = (dims: readonly number[], next: Next, low = 0.01) => {
  const values = real(dims, next, 0.02);
  return { ...values, data: values.data.map((value) => Math.abs(value) + low) as Float32Array };
};
const u8 = (dims: readonly number[], next: Next) => whole('uint8', dims, 0, 255, next);
const s6 = (dims: readonly number[], next: Next) => whole('int8', dims, -32, 31, next);

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
  for (const quant_type of [0, 1]) {
    agrees(
      `MatMulBnb4 of kind ${quant_type}`,
      dimsOf(3, 3),
      ([m = 1, k = 1, n = 1], next) => {
        const [depth, count] = [8 * k, 8 * k * n];
        return {
          op: 'MatMulBnb4',
          domain: MS,
          opset: 17,
          inputs: [
            real([m, depth], next),
            u8([Math.ceil(count / 2)], next),
            positive([Math.ceil(count / 16)], next),
          ],
          attributes: { K: depth, N: n, block_size: 16, quant_type },
          tolerance: 1e-5,
        };
      },
      20,
    );
  }
  agrees(
    'MatMulNBits with floats for zero points, blocks in any order',
    dimsOf(3, 3),
    ([m = 1, k = 1, n = 1], next) => {
      const depth = 16 * k;
      return {
        op: 'MatMulNBits',
        domain: MS,
        opset: 17,
        inputs: [
          real([m, depth], next),
          u8([n, k, 8], next),
          positive([n * k], next),
          real([n * k], next),
          next() < 0.5 ? null : whole('int32', [depth], 0, k - 1, next),
        ],
        attributes: { K: depth, N: n, bits: 4, block_size: 16 },
        tolerance: 1e-5,
      };
    },
    20,
  );
  for (const bits of [2, 4, 8]) {
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
