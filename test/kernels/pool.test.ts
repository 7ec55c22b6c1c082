// Pooling and L2 normalisation: bits against the scalar row, values and gradients against float64.
import { describe, expect, it } from 'vitest';
import {
  expectSameBits,
  family,
  GuardedFloats,
  type KernelFamily,
  Random,
  reportSkippedRows,
  scalarRow,
  vectorRows,
} from './native-test.js';

interface PoolFamily extends KernelFamily {
  forward(row: string, args: object): void;
  backward(row: string, args: object): void;
  normalizeForward(row: string, args: object): void;
  normalizeBackward(row: string, args: object): void;
}

const pool = family<PoolFamily>('pool');
const scalar = scalarRow(pool);
const [MEAN, CLS, MAX, SQRT, WEIGHTED, LAST] = [0, 1, 2, 3, 4, 5];
const KINDS = [MEAN, CLS, MAX, SQRT, WEIGHTED, LAST];
const WIDTHS = [1, 15, 16, 17, 33, 64, 100, 384];

interface Batch {
  sequences: number;
  width: number;
  offsets: Int32Array;
  tokens: number;
}

function makeBatch(lengths: readonly number[], width: number, first = 0): Batch {
  const offsets = new Int32Array(lengths.length + 1).fill(first);
  for (const [s, length] of lengths.entries()) offsets[s + 1] = (offsets[s] ?? 0) + length;
  return { sequences: lengths.length, width, offsets, tokens: lengths.reduce((a, b) => a + b, 0) };
}

function forward(row: string, kind: number, b: Batch, x: Float32Array, skipped = 0): Float32Array {
  const y = new GuardedFloats(b.sequences * b.width);
  pool.forward(row, { ...b, kind, skipped, x, y: y.all });
  y.expectIntact(`${row} kind ${kind}`);
  return y.values;
}

function backward(
  row: string,
  kind: number,
  b: Batch,
  x: Float32Array,
  dy: Float32Array,
): Float32Array {
  const dx = new GuardedFloats(b.tokens * b.width, new Float32Array(b.tokens * b.width).fill(NaN));
  pool.backward(row, { ...b, kind, x, dy, dx: dx.all });
  dx.expectIntact(`${row} kind ${kind} backward`);
  return dx.values;
}

function normalize(row: string, rows: number, width: number, x: Float32Array, dy: Float32Array) {
  const y = new GuardedFloats(rows * width);
  const dx = new GuardedFloats(rows * width);
  pool.normalizeForward(row, { rows, width, x, y: y.all });
  pool.normalizeBackward(row, { rows, width, x, dy, dx: dx.all });
  y.expectIntact(`${row} normalize`);
  dx.expectIntact(`${row} normalize backward`);
  return { y: y.values, dx: dx.values };
}

describe('pool kernels', () => {
  reportSkippedRows(pool);

  it('all rows have the bits of the scalar row', () => {
    const random = new Random(1);
    for (const width of WIDTHS) {
      for (const lengths of [[], [1], [3, 1, 7], [2, 40]]) {
        const b = makeBatch(lengths, width, 5);
        const x = random.floats(b.tokens * width);
        const dy = random.floats(b.sequences * width);
        for (const kind of KINDS) {
          for (const row of vectorRows(pool)) {
            const what = `${row} kind ${kind} width ${width}`;
            expectSameBits(forward(row, kind, b, x), forward(scalar, kind, b, x), what);
            expectSameBits(backward(row, kind, b, x, dy), backward(scalar, kind, b, x, dy), what);
          }
        }
        const want = normalize(scalar, b.sequences, width, x, dy);
        for (const row of vectorRows(pool)) {
          const got = normalize(row, b.sequences, width, x, dy);
          expectSameBits(got.y, want.y, `${row} normalize ${width}`);
          expectSameBits(got.dx, want.dx, `${row} normalize backward ${width}`);
        }
      }
    }
  });

  it('forward is the mean, the first token, the maximum, or another of the poolings', () => {
    const b = makeBatch([4, 1, 9], 21, 3);
    const x = new Random(2).floats(b.tokens * b.width);
    const outputs = KINDS.map((kind) => forward(scalar, kind, b, x));
    for (let s = 0; s < b.sequences; s++) {
      const begin = (b.offsets[s] ?? 0) - 3;
      const end = (b.offsets[s + 1] ?? 0) - 3;
      for (let j = 0; j < b.width; j++) {
        const column = Array.from(
          { length: end - begin },
          (_, t) => x[(begin + t) * b.width + j] ?? NaN,
        );
        const at = s * b.width + j;
        const mean = column.reduce((a, v) => a + v, 0) / column.length;
        expect(Math.abs((outputs[MEAN]?.[at] ?? NaN) - mean)).toBeLessThan(2e-7);
        expect(outputs[CLS]?.[at]).toBe(column[0]);
        expect(outputs[MAX]?.[at]).toBe(Math.max(...column));
        expect(outputs[LAST]?.[at]).toBe(column[column.length - 1]);
        const bySqrt = mean * Math.sqrt(column.length);
        expect(Math.abs((outputs[SQRT]?.[at] ?? NaN) - bySqrt)).toBeLessThan(1e-6);
        const weighted = column.reduce((a, v, t) => a + (t + 1) * v, 0);
        const weights = (column.length * (column.length + 1)) / 2;
        expect(Math.abs((outputs[WEIGHTED]?.[at] ?? NaN) - weighted / weights)).toBeLessThan(1e-6);
      }
    }
  });

  it('forward leaves out the first tokens of each sequence, weights still count from them', () => {
    const b = makeBatch([4, 3, 9], 21, 3);
    const x = new Random(3).floats(b.tokens * b.width);
    for (const skipped of [1, 2]) {
      const outputs = KINDS.map((kind) => forward(scalar, kind, b, x, skipped));
      for (const [kind, want] of outputs.entries()) {
        for (const row of vectorRows(pool)) {
          expectSameBits(forward(row, kind, b, x, skipped), want, `${row} kind ${kind}`);
        }
      }
      for (let s = 0; s < b.sequences; s++) {
        const begin = (b.offsets[s] ?? 0) - 3 + skipped;
        const count = (b.offsets[s + 1] ?? 0) - 3 - begin;
        for (let j = 0; j < b.width; j++) {
          const column = Array.from(
            { length: count },
            (_, t) => x[(begin + t) * b.width + j] ?? NaN,
          );
          const sum = column.reduce((a, v) => a + v, 0);
          const weighted = column.reduce((a, v, t) => a + (skipped + t + 1) * v, 0);
          const weights = column.reduce((a, _, t) => a + skipped + t + 1, 0);
          const want = [
            sum / count,
            column[0] ?? NaN,
            Math.max(...column),
            sum / Math.sqrt(count),
            weighted / weights,
            column.at(-1) ?? NaN,
          ];
          for (const [kind, value] of want.entries()) {
            const got = outputs[kind]?.[s * b.width + j] ?? NaN;
            expect(Math.abs(got - value)).toBeLessThan(1e-6);
          }
        }
      }
    }
  });

  it('backward: each token has its share', () => {
    const b = makeBatch([3, 2], 2);
    const x = Float32Array.of(1, 5, 4, 5, 4, 0, 7, 7, 8, 7);
    const dy = Float32Array.of(3, 6, 10, 20);
    const want = [
      [1, 2, 1, 2, 1, 2, 5, 10, 5, 10],
      [3, 6, 0, 0, 0, 0, 10, 20, 0, 0],
      [0, 6, 3, 0, 0, 0, 0, 20, 10, 0],
      [3, 6, 3, 6, 3, 6]
        .map((v) => v / Math.sqrt(3))
        .concat([10, 20, 10, 20].map((v) => v / Math.sqrt(2))),
      [0.5, 1, 1, 2, 1.5, 3, 10 / 3, 20 / 3, 20 / 3, 40 / 3],
      [0, 0, 0, 0, 3, 6, 0, 0, 10, 20],
    ];
    for (const row of [scalar, ...vectorRows(pool)]) {
      for (const kind of KINDS) {
        const dx = backward(row, kind, b, x, dy);
        for (const [i, v] of (want[kind] ?? []).entries())
          expect(dx[i]).toBeCloseTo(v, kind > MAX ? 5 : 6);
      }
    }
  });

  it('normalize has length 1, its gradient is the central difference, zeros stay finite', () => {
    const width = 37;
    const random = new Random(4);
    const x = random.floats(width, 3);
    const dy = random.floats(width);
    const { y, dx } = normalize(scalar, 1, width, x, dy);
    expect(Math.abs(y.reduce((a, v) => a + v * v, 0) - 1)).toBeLessThan(1e-6);
    const loss = (v: readonly number[]): number => {
      const norm = Math.sqrt(v.reduce((a, u) => a + u * u, 0));
      return v.reduce((a, u, j) => a + (u / norm) * (dy[j] ?? NaN), 0);
    };
    for (let j = 0; j < width; j++) {
      const moved = (h: number) => [...x].map((v, i) => (i === j ? v + h : v));
      expect(
        Math.abs((dx[j] ?? NaN) - (loss(moved(1e-5)) - loss(moved(-1e-5))) / 2e-5),
      ).toBeLessThan(1e-7);
    }
    expect(normalize(scalar, 1, width, new Float32Array(width), dy).y.every((v) => v === 0)).toBe(
      true,
    );
  });

  it('normalize may run in place; NaN reaches max and mean', () => {
    for (const row of [scalar, ...vectorRows(pool)]) {
      const x = new Random(5).floats(2 * 20);
      const dy = new Random(6).floats(2 * 20);
      const want = normalize(scalar, 2, 20, x, dy);
      const y = x.slice();
      pool.normalizeForward(row, { rows: 2, width: 20, x: y, y });
      expectSameBits(y, want.y, `${row} y = x`);
      pool.normalizeBackward(row, { rows: 2, width: 20, x, dy, dx: dy });
      expectSameBits(dy, want.dx, `${row} dx = dy`);
      for (const at of [0, 20, 40]) {
        const b = makeBatch([3], 20);
        const tokens = new Random(7).floats(60);
        tokens[at] = NaN;
        for (const kind of [MEAN, MAX, SQRT, WEIGHTED])
          expect(forward(row, kind, b, tokens)[0]).toBeNaN();
      }
    }
  });
});
