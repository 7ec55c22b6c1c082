// Products by native loops have the bits of the evaluator's own loops.
import { expect, test } from 'vitest';
import { nativeMultiply } from '../../../lib/checkpoint/onnx/native-multiply.js';
import type { Numbers } from '../../../lib/formats/onnx/import/model.js';
import { multiply } from '../../../lib/formats/onnx/import/reference/multiply.js';

let state = 7;
const random = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32 - 0.5;
};
const filled = <T extends Numbers>(array: T, scale: number): T => {
  for (let i = 0; i < array.length; i++) array[i] = random() * scale;
  return array;
};

const KINDS = [
  ['int8', (n: number) => filled(new Int8Array(n), 255)],
  ['uint8', (n: number) => filled(new Uint8Array(n), 255)],
  ['int16, which only the evaluator multiplies', (n: number) => filled(new Int16Array(n), 60000)],
  ['int32', (n: number) => filled(new Int32Array(n), 2 ** 31)],
  ['floats', (n: number) => filled(new Float32Array(n), 2)],
  ['doubles', (n: number) => filled(new Float64Array(n), 2)],
] as const;

const SIZES = [
  [1, 1, 1],
  [2, 3, 4],
  [5, 0, 3],
  [0, 4, 4],
  [16, 65, 63],
  [7, 40, 64],
  [3, 129, 200],
] as const;

test.each(KINDS)('%s', (_, make) => {
  for (const [rows, depth, columns] of SIZES) {
    const a = filled(new Float64Array(rows * depth), 3);
    const b = make(depth * columns);
    for (const zeros of [0, 1, columns]) {
      const zero = zeros === 0 ? null : filled(new Float64Array(zeros), 9);
      for (const Out of [Float32Array, Float64Array]) {
        const [own, got] = [new Out(rows * columns), new Out(rows * columns)];
        const panel = { a, b, zero, rows, depth, columns };
        multiply(panel, own);
        nativeMultiply(panel, got);
        expect(got).toEqual(own);
      }
    }
  }
});

test('infinities and NaN come where they would', () => {
  const a = Float64Array.of(Number.POSITIVE_INFINITY, 0, 1, 1);
  const b = Float32Array.of(0, 1, Number.NaN, 2);
  const [own, got] = [new Float64Array(4), new Float64Array(4)];
  const panel = { a, b, zero: null, rows: 2, depth: 2, columns: 2 };
  multiply(panel, own);
  nativeMultiply(panel, got);
  expect(got).toEqual(own);
  expect([...got].map(Number.isFinite)).toEqual([false, false, false, true]);
});
