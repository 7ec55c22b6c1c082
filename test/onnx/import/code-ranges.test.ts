/**
 * Whether a weight's codes can stay int8 is told without moving them: as it is when they are moved.
 */

import { describe, expect, test } from 'vitest';
import type { QuantizedWeight } from '../../../lib/formats/onnx/import/plain/plain-model.js';
import { WeightReader } from '../../../lib/formats/onnx/import/recover/weights.js';

const NAME = 'weight';
const SOURCE = {
  kind: 'matrix',
  matrix: {
    rows: 2,
    columns: 3,
    pieces: [{ source: NAME, transposed: false, begin: 0, end: 2 }],
  },
} as const;

function readerOf(codes: readonly number[], signed: boolean, zero: number): WeightReader {
  const data = signed ? Int8Array.from(codes) : Uint8Array.from(codes);
  const weight = {
    dims: [2, 3],
    axis: null,
    blockSize: null,
    bits: 8,
    signed,
    scales: Float32Array.of(0.5),
    zeroPoints: Int32Array.of(zero),
    readCodes: () => data,
  } as unknown as QuantizedWeight;
  return new WeightReader('file', new Map(), new Map([[NAME, weight]]));
}

describe.each([
  { signed: true, zero: 0, lowest: -128 },
  { signed: false, zero: 128, lowest: 0 },
  { signed: true, zero: -3, lowest: -128 },
  { signed: false, zero: 100, lowest: 0 },
])('signed $signed, zero point $zero', ({ signed, zero, lowest }) => {
  const middle = [zero, zero + 1, zero - 1, zero + 20, zero - 20];
  test.each([lowest, lowest + 1, lowest + 200, lowest + 255])('with code %i', (code) => {
    for (const isTable of [true, false]) {
      const reader = readerOf([...middle, code], signed, zero);
      const inside = code - zero >= (isTable ? -128 : -127) && code - zero <= 127;
      expect(reader.hasCodes(SOURCE, isTable)).toBe(inside);
      expect(reader.codes(SOURCE, isTable) !== null).toBe(inside);
    }
  });
});
