// The f64 product, dot, sum and rotation: bits against the scalar row, and the product against plain sums.
import { describe, expect, it } from 'vitest';
import {
  expectSameBytes,
  family,
  type KernelFamily,
  Random,
  reportSkippedRows,
  scalarRow,
  vectorRows,
} from './native-test.js';

interface GemmF64Family extends KernelFamily {
  run(row: string, args: object): void;
  dot(row: string, args: object): number;
  addScaled(row: string, args: object): void;
  rotate(row: string, args: object): void;
}

const gemm = family<GemmF64Family>('gemmF64');
const scalar = scalarRow(gemm);
const GUARD = 32;

function doubles(random: Random, count: number): Float64Array {
  return Float64Array.from({ length: count }, () => random.next() * 2 - 1);
}

/** Rows of a matrix [count, k] in panels of `panel` rows. */
function packed(from: Float64Array, count: number, k: number, panel: number): Float64Array {
  const out = new Float64Array(Math.ceil(count / panel) * panel * k);
  for (let i = 0; i < count; i++) {
    for (let p = 0; p < k; p++) {
      out[(Math.floor(i / panel) * k + p) * panel + (i % panel)] = from[i * k + p] as number;
    }
  }
  return out;
}

describe('f64 kernels', () => {
  reportSkippedRows(gemm);

  it.each([false, true])('run: subtract %s', (subtract) => {
    const random = new Random(1);
    for (const [m, n, k] of [
      [0, 3, 2],
      [1, 1, 1],
      [3, 17, 5],
      [8, 16, 0],
      [8, 16, 40],
      [21, 50, 9],
    ] as const) {
      const [left, right] = [doubles(random, m * k), doubles(random, n * k)];
      const [a, b] = [packed(left, m, k, 8), packed(right, n, k, 16)];
      const cRow = n + 2;
      const start = doubles(random, m * cRow + GUARD);
      const results = [scalar, ...vectorRows(gemm)].map((row) => {
        const c = start.slice();
        gemm.run(row, { m, n, k, a, b, c, cRow, subtract });
        return c;
      });
      const [first] = results as [Float64Array];
      for (const other of results) expectSameBytes(other, first, `${m} ${n} ${k}`);
      const want = start.slice();
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) {
          let sum = 0;
          for (let p = 0; p < k; p++) sum += (left[i * k + p] ?? 0) * (right[j * k + p] ?? 0);
          want[i * cRow + j] = (want[i * cRow + j] ?? 0) + (subtract ? -sum : sum);
        }
      }
      for (const [i, value] of want.entries()) {
        const outside = i % cRow >= n || i >= m * cRow;
        if (outside) expect(first[i]).toBe(value);
        else expect(Math.abs((first[i] ?? NaN) - value)).toBeLessThan(1e-13);
      }
    }
  });

  it('dot, addScaled and rotate', () => {
    const random = new Random(2);
    for (const n of [0, 1, 7, 16, 31, 100]) {
      const [x, y] = [doubles(random, n), doubles(random, n)];
      const rows = [scalar, ...vectorRows(gemm)];
      const dots = rows.map((row) => gemm.dot(row, { n, x, y }));
      expect(new Set(dots).size).toBe(1);
      const plain = x.reduce((sum, one, i) => sum + one * (y[i] ?? 0), 0);
      expect(Math.abs((dots[0] ?? NaN) - plain)).toBeLessThan(1e-13);
      const [cosine, sine] = [Math.cos(0.3), Math.sin(0.3)];
      const made = rows.map((row) => {
        const [a, b, sum] = [x.slice(), y.slice(), y.slice()];
        gemm.addScaled(row, { n, factor: -0.7, x, y: sum });
        gemm.rotate(row, { n, cosine, sine, x: a, y: b });
        return { a, b, sum };
      });
      const [first] = made as [(typeof made)[0]];
      for (const { a, b, sum } of made) {
        expectSameBytes(a, first.a, `x of ${n}`);
        expectSameBytes(b, first.b, `y of ${n}`);
        expectSameBytes(sum, first.sum, `sum of ${n}`);
      }
      for (let i = 0; i < n; i++) {
        const [p, q] = [x[i] ?? 0, y[i] ?? 0];
        expect(first.sum[i]).toBeCloseTo(q - 0.7 * p, 14);
        expect(first.a[i]).toBeCloseTo(cosine * p - sine * q, 14);
        expect(first.b[i]).toBeCloseTo(sine * p + cosine * q, 14);
      }
    }
  });
});
