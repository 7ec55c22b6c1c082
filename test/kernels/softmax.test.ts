// Softmax and cross entropy: bits against the scalar row, values against float64, gradient against its formula.
import { describe, expect, it } from 'vitest';
import {
  bitsOf,
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
  exponential(args: object): void;
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

/** The bits of a float as a number. */
const bitOf = (x: number): number => bitsOf(Float32Array.of(x))[0] ?? NaN;

function exponentials(base2: boolean, x: Float32Array): Float32Array {
  const y = new GuardedFloats(x.length);
  softmax.exponential({ base2, n: x.length, x, y: y.all });
  y.expectIntact('exponential');
  return y.values;
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

  for (const { base2, least, bound, name } of [
    { base2: true, least: -126, bound: 1.95, name: '2^x, x <= 0' },
    { base2: false, least: -87.3, bound: 0.89, name: 'e^x, x <= 0' },
    { base2: false, least: 0, bound: 0.89, name: 'e^x, x > 0' },
  ]) {
    it(`${name} is within ${bound} ulp of float64 over its range`, () => {
      const [low, high] = least < 0 ? [0x80000000, bitOf(least)] : [0, bitOf(88.7)];
      let worst = 0;
      for (let from = low; from <= high; from += 1009 * 65536) {
        const x = new Float32Array(65536);
        const words = bitsOf(x);
        for (let i = 0; i < words.length; i++) words[i] = Math.min(from + 1009 * i, high);
        const y = exponentials(base2, x);
        for (let i = 0; i < x.length; i++) {
          const want = base2 ? 2 ** (x[i] ?? NaN) : Math.exp(x[i] ?? NaN);
          const ulp = 2 ** (Math.floor(Math.log2(want)) - 23);
          worst = Math.max(worst, Math.abs((y[i] ?? NaN) - want) / ulp);
        }
      }
      expect(worst).toBeLessThan(bound);
      expect(worst).toBeGreaterThan(0.8 * bound); // the stated bound is not a loose one
    });
  }

  it('2^x is 1 at 0, 0 far below, NaN at NaN', () => {
    const x = Float32Array.of(0, -0, -1, -126.51, -127, -1e30, -Infinity, NaN);
    const y = exponentials(
      true,
      Float32Array.from({ length: 16 }, (_, i) => x[i % 8] ?? NaN),
    );
    expect([...y.subarray(0, 8)]).toEqual([1, 1, 0.5, 0, 0, 0, 0, NaN]);
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
