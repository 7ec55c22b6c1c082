// Binary cross entropy and squared error: bits against the scalar row, values and gradients against float64.
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

interface LossFamily extends KernelFamily {
  binaryCrossEntropy(row: string, args: object): void;
  squaredError(row: string, args: object): void;
}

const loss = family<LossFamily>('loss');
const scalar = scalarRow(loss);
const WIDTHS = [0, 1, 2, 7, 15, 16, 17, 33, 63, 64, 65, 100, 300];
const KERNELS = ['binaryCrossEntropy', 'squaredError'] as const;
type Kernel = (typeof KERNELS)[number];

function run(kernel: Kernel, row: string, rows: number, x: Float32Array, target: Float32Array) {
  const n = rows === 0 ? 0 : x.length / rows;
  const sums = new GuardedFloats(rows);
  const dx = new GuardedFloats(rows * n);
  loss[kernel](row, { rows, n, x, target, weight: 0.25, loss: sums.all, dx: dx.all });
  sums.expectIntact(`${row} ${kernel}`);
  dx.expectIntact(`${row} ${kernel} dx`);
  return { loss: sums.values, dx: dx.values };
}

const EXACT = {
  binaryCrossEntropy: {
    value: (x: number, t: number) => Math.max(x, 0) - x * t + Math.log1p(Math.exp(-Math.abs(x))),
    slope: (x: number, t: number) => 1 / (1 + Math.exp(-x)) - t,
  },
  squaredError: {
    value: (x: number, t: number) => (x - t) ** 2,
    slope: (x: number, t: number) => 2 * (x - t),
  },
};

describe.each(KERNELS)('loss kernels: %s', (kernel) => {
  reportSkippedRows(loss);

  it('all rows have the bits of the scalar row', () => {
    const random = new Random(1);
    for (const n of WIDTHS) {
      for (const rows of [0, 1, 5]) {
        const x = random.floats(rows * n, 20);
        const target = random.floats(rows * n);
        const want = run(kernel, scalar, rows, x, target);
        for (const row of vectorRows(loss)) {
          const got = run(kernel, row, rows, x, target);
          expectSameBits(got.loss, want.loss, `${row} ${rows}x${n}`);
          expectSameBits(got.dx, want.dx, `${row} ${rows}x${n} dx`);
        }
      }
    }
  });

  it('agrees with float64 element by element, large and tiny logits included', () => {
    const random = new Random(2);
    const x = random.floats(4000, 12);
    x.set([0, -0, 1e-6, 16, -16, 25, -25, 80, -80, 100, -100, 1e4]);
    const target = Float32Array.from(x, () => random.integer(0, 4) / 4);
    const { value, slope } = EXACT[kernel];
    const got = run(kernel, scalar, x.length, x, target);
    for (const [i, v] of x.entries()) {
      const t = target[i] ?? NaN;
      const want = value(v, t);
      // x t is exact in a float for these targets; a difference of large numbers keeps their rounding.
      expect(Math.abs((got.loss[i] ?? NaN) - want)).toBeLessThanOrEqual(
        3e-7 * Math.max(want, Math.abs(v)) + 1e-37,
      );
      const bound = 2e-7 * Math.max(1, Math.abs(v));
      expect(Math.abs((got.dx[i] ?? NaN) - 0.25 * slope(v, t))).toBeLessThan(bound);
    }
  });

  it('a row sums its elements; NaN stays in its row; dx may alias x', () => {
    const random = new Random(3);
    const [rows, n] = [3, 77];
    const x = random.floats(rows * n, 5);
    const target = random.floats(rows * n);
    x[80] = NaN;
    const want = run(kernel, scalar, rows, x, target);
    expect(want.loss[1]).toBeNaN();
    for (const r of [0, 2]) {
      let sum = 0;
      for (let j = r * n; j < (r + 1) * n; j++)
        sum += EXACT[kernel].value(x[j] ?? NaN, target[j] ?? NaN);
      expect(Math.abs((want.loss[r] ?? NaN) - sum)).toBeLessThan(1e-6 * sum);
    }
    for (const row of [scalar, ...vectorRows(loss)]) {
      const dx = x.slice();
      const sums = new Float32Array(rows);
      loss[kernel](row, { rows, n, x: dx, target, weight: 0.25, loss: sums, dx });
      expectSameBits(dx, want.dx, `${row} dx = x`);
      expectSameBits(sums, want.loss, `${row} in place`);
    }
  });
});

describe('binary cross entropy', () => {
  it('keeps the digits of a confident right answer', () => {
    const x = Float32Array.of(12, -15);
    const { loss: got } = run('binaryCrossEntropy', scalar, 2, x, Float32Array.of(1, 0));
    for (const [i, v] of [Math.log1p(Math.exp(-12)), Math.log1p(Math.exp(-15))].entries())
      expect(Math.abs((got[i] ?? NaN) / v - 1)).toBeLessThan(1e-6);
  });
});
