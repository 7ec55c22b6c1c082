// Softmax and cross entropy: bits against the scalar row, values against float64, gradient against its formula.
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

interface SoftmaxFamily extends KernelFamily {
  forward(row: string, args: object): void;
  crossEntropy(row: string, args: object): void;
}

const softmax = family<SoftmaxFamily>('softmax');
const scalar = scalarRow(softmax);
const WIDTHS = [1, 2, 3, 15, 16, 17, 31, 32, 33, 63, 64, 65, 77, 100, 129, 1000];

function forward(row: string, rows: number, n: number, x: Float32Array): Float32Array {
  const y = new GuardedFloats(rows * n);
  softmax.forward(row, { rows, n, x, y: y.all });
  y.expectIntact(`${row} n=${n}`);
  return y.values;
}

function crossEntropy(row: string, n: number, x: Float32Array, label: Int32Array, weight: number) {
  const loss = new GuardedFloats(label.length);
  const dx = new GuardedFloats(label.length * n);
  softmax.crossEntropy(row, {
    rows: label.length,
    n,
    x,
    label,
    weight,
    loss: loss.all,
    dx: dx.all,
  });
  loss.expectIntact(`${row} loss`);
  dx.expectIntact(`${row} dx`);
  return { loss: loss.values, dx: dx.values };
}

function reference(x: Float32Array): { p: number[]; logSum: number } {
  const top = Math.max(...x);
  const e = [...x].map((v) => Math.exp(v - top));
  const sum = e.reduce((a, b) => a + b, 0);
  return { p: e.map((v) => v / sum), logSum: Math.log(sum) + top };
}

describe('softmax kernels', () => {
  reportSkippedRows(softmax);

  it('all rows have the bits of the scalar row', () => {
    const random = new Random(1);
    for (const n of WIDTHS) {
      for (const rows of [0, 1, 4]) {
        const x = random.floats(rows * n, 30);
        const label = Int32Array.from({ length: rows }, () => random.integer(-1, n - 1));
        const want = forward(scalar, rows, n, x);
        const wantLoss = crossEntropy(scalar, n, x, label, 0.25);
        for (const row of vectorRows(softmax)) {
          expectSameBits(forward(row, rows, n, x), want, `${row} ${rows}x${n}`);
          const got = crossEntropy(row, n, x, label, 0.25);
          expectSameBits(got.loss, wantLoss.loss, `${row} ${rows}x${n} loss`);
          expectSameBits(got.dx, wantLoss.dx, `${row} ${rows}x${n} dx`);
        }
      }
    }
  });

  it('agrees with float64 within the rounding of x - max, the sum and one product', () => {
    const random = new Random(2);
    for (const n of WIDTHS) {
      const x = random.floats(n, 20);
      const label = Int32Array.of(random.integer(0, n - 1));
      const { p, logSum } = reference(x);
      const top = Math.max(...x);
      const y = forward(scalar, 1, n, x);
      const { loss, dx } = crossEntropy(scalar, n, x, label, 0.5);
      const want = logSum - (x[label[0] ?? 0] ?? NaN);
      expect(Math.abs((loss[0] ?? NaN) - want)).toBeLessThanOrEqual(2e-6 * Math.max(1, want));
      for (const [j, v] of p.entries()) {
        // Half a unit in the last place of x - max is that much of exp, relatively.
        const relative = 4e-7 + 2 ** -24 * (top - (x[j] ?? NaN));
        expect(Math.abs((y[j] ?? NaN) - v)).toBeLessThanOrEqual(relative * v);
        const grad = 0.5 * (v - (j === label[0] ? 1 : 0));
        expect(Math.abs((dx[j] ?? NaN) - grad)).toBeLessThan(3e-7);
      }
    }
  });

  it('an ignored label gives no loss and no gradient; dx may be missing or alias x', () => {
    const x = new Random(3).floats(3 * 20, 5);
    const label = Int32Array.of(4, -1, 19);
    const want = crossEntropy(scalar, 20, x, label, 1);
    expect(want.loss[1]).toBe(0);
    expect(want.dx.subarray(20, 40).every((v) => v === 0)).toBe(true);
    for (const row of [scalar, ...vectorRows(softmax)]) {
      const loss = new Float32Array(3);
      softmax.crossEntropy(row, { rows: 3, n: 20, x, label, weight: 1, loss });
      expectSameBits(loss, want.loss, `${row} without dx`);
      const dx = x.slice();
      softmax.crossEntropy(row, { rows: 3, n: 20, x: dx, label, weight: 1, loss, dx });
      expectSameBits(dx, want.dx, `${row} dx = x`);
      const y = x.slice();
      softmax.forward(row, { rows: 3, n: 20, x: y, y });
      expectSameBits(y, forward(scalar, 3, 20, x), `${row} y = x`);
    }
  });

  it('huge logits stay finite; NaN fills its own row only', () => {
    const x = Float32Array.of(3e38, -3e38, 0, NaN, 1, 2);
    for (const row of [scalar, ...vectorRows(softmax)]) {
      const y = forward(row, 2, 3, x);
      expect([...y.subarray(0, 3)]).toEqual([1, 0, 0]);
      expect(y.subarray(3).every(Number.isNaN)).toBe(true);
    }
  });
});
