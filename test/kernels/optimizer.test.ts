// AdamW, Adam, Lion, LAMB, SGD, scaling, limits, averages and sums of squares: bits against the scalar row, ten steps against float64.
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

interface OptimizerFamily extends KernelFamily {
  adamw(row: string, args: object): void;
  adam(row: string, args: object): void;
  lion(row: string, args: object): void;
  lambMoments(row: string, args: object): [number, number];
  lambApply(row: string, args: object): void;
  clamp(row: string, args: object): void;
  blend(row: string, args: object): void;
  sgd(row: string, args: object): void;
  scale(row: string, args: object): void;
  sumSquares(row: string, args: object): number;
}

const optimizer = family<OptimizerFamily>('optimizer');
const scalar = scalarRow(optimizer);
const SIZES = [0, 1, 15, 16, 17, 33, 64, 100, 1000];
const HYPER = { lr: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decay: 0.01 };

interface State {
  p: GuardedFloats;
  m: GuardedFloats;
  v: GuardedFloats;
}

function steps(
  row: string,
  p: Float32Array,
  grads: readonly Float32Array[],
  gradScale: number,
): State {
  const n = p.length;
  const state = { p: new GuardedFloats(n, p), m: new GuardedFloats(n), v: new GuardedFloats(n) };
  for (const [i, grad] of grads.entries()) {
    optimizer.adamw(row, {
      ...HYPER,
      correction1: 1 - HYPER.beta1 ** (i + 1),
      correction2: 1 - HYPER.beta2 ** (i + 1),
      gradScale,
      n,
      grad,
      p: state.p.all,
      m: state.m.all,
      v: state.v.all,
    });
  }
  for (const [key, buffer] of Object.entries(state)) buffer.expectIntact(`${row} ${key}`);
  return state;
}

describe('optimizer kernels', () => {
  reportSkippedRows(optimizer);

  it('all rows have the bits of the scalar row', () => {
    const random = new Random(1);
    for (const n of SIZES) {
      const p = random.floats(n);
      const grads = [random.floats(n), random.floats(n, 1e-3), new Float32Array(n)];
      const want = steps(scalar, p, grads, 0.5);
      for (const row of vectorRows(optimizer)) {
        const got = steps(row, p, grads, 0.5);
        for (const key of ['p', 'm', 'v'] as const) {
          expectSameBits(got[key].values, want[key].values, `${row} n=${n} ${key}`);
        }
        const scaled = { got: new GuardedFloats(n, p), want: new GuardedFloats(n, p) };
        optimizer.scale(row, { n, factor: 0.999, p: scaled.got.all });
        optimizer.scale(scalar, { n, factor: 0.999, p: scaled.want.all });
        scaled.got.expectIntact(`${row} scale`);
        expectSameBits(scaled.got.values, scaled.want.values, `${row} scale n=${n}`);
        expect(optimizer.sumSquares(row, { n, x: p })).toBe(
          optimizer.sumSquares(scalar, { n, x: p }),
        );
      }
    }
  });

  it('ten AdamW steps stay within 2e-6 of float64, for gradients from 1e-6 to 1', () => {
    const random = new Random(2);
    const n = 200;
    const p = random.floats(n);
    const size = Float32Array.from({ length: n }, () => 10 ** (-6 * random.next()));
    const grads = Array.from({ length: 10 }, () =>
      random.floats(n).map((g, i) => g * (size[i] ?? 1)),
    );
    const got = steps(scalar, p, grads, 0.7).p.values;
    for (let i = 0; i < n; i++) {
      let [w, m, v] = [p[i] ?? NaN, 0, 0];
      for (const [t, grad] of grads.entries()) {
        const g = (grad[i] ?? NaN) * 0.7;
        w *= 1 - HYPER.lr * HYPER.decay;
        m = HYPER.beta1 * m + (1 - HYPER.beta1) * g;
        v = HYPER.beta2 * v + (1 - HYPER.beta2) * g * g;
        const root = Math.sqrt(v / (1 - HYPER.beta2 ** (t + 1)));
        w -= (HYPER.lr * (m / (1 - HYPER.beta1 ** (t + 1)))) / (root + HYPER.epsilon);
      }
      expect(Math.abs(w - (got[i] ?? NaN))).toBeLessThan(2e-6);
    }
  });

  it.each([
    [0, false],
    [0.9, false],
    [0.8, true],
  ])(
    'SGD with momentum %d, nesterov %s: bits of the scalar row, near float64',
    (momentum, nesterov) => {
      const random = new Random(6);
      for (const n of SIZES) {
        const p = random.floats(n);
        const grads = Array.from({ length: 10 }, () => random.floats(n));
        const common = { lr: 0.05, momentum, decay: 0.1, gradScale: 0.7, nesterov: +nesterov, n };
        const run = (row: string) => {
          const values = new GuardedFloats(n, p);
          const kept = new GuardedFloats(n);
          const buffer = momentum === 0 ? null : kept.all;
          for (const grad of grads) optimizer.sgd(row, { ...common, grad, p: values.all, buffer });
          values.expectIntact(`${row} p`);
          kept.expectIntact(`${row} buffer`);
          return { p: values.values, buffer: kept.values };
        };
        const want = run(scalar);
        for (const row of vectorRows(optimizer)) {
          const got = run(row);
          expectSameBits(got.p, want.p, `${row} n=${n} p`);
          expectSameBits(got.buffer, want.buffer, `${row} n=${n} buffer`);
        }
        for (let i = 0; i < n; i++) {
          let [w, b] = [p[i] ?? NaN, 0];
          for (const grad of grads) {
            const g = (grad[i] ?? NaN) * 0.7 + 0.1 * w;
            b = momentum * b + g;
            w -= 0.05 * (nesterov ? g + momentum * b : b);
          }
          expect(Math.abs(w - (want.p[i] ?? NaN))).toBeLessThan(2e-6);
        }
      }
    },
  );

  /** Three steps of an optimizer; all of its arrays. */
  function threeSteps(
    kind: 'adam' | 'lion' | 'lamb',
    row: string,
    p: Float32Array,
    grads: readonly Float32Array[],
  ) {
    const n = p.length;
    const state = { p: new GuardedFloats(n, p), m: new GuardedFloats(n), v: new GuardedFloats(n) };
    const squares: number[] = [];
    for (const [i, grad] of grads.entries()) {
      const [correction1, correction2] = [
        1 - HYPER.beta1 ** (i + 1),
        1 - HYPER.beta2 ** (i + 1),
      ] as const;
      const arrays = { p: state.p.all, m: state.m.all, v: state.v.all };
      const args = { ...HYPER, correction1, correction2, gradScale: 0.5, n, grad, ...arrays };
      if (kind === 'adam') optimizer.adam(row, args);
      if (kind === 'lion') optimizer.lion(row, args);
      if (kind !== 'lamb') continue;
      squares.push(...optimizer.lambMoments(row, args));
      optimizer.lambApply(row, { ...args, ratio: 1.7 });
    }
    for (const [key, buffer] of Object.entries(state)) buffer.expectIntact(`${row} ${key}`);
    return { ...state, squares };
  }

  it.each(['adam', 'lion', 'lamb'] as const)('%s has the bits of the scalar row', (kind) => {
    const random = new Random(7);
    for (const n of SIZES) {
      const p = random.floats(n);
      // The direction of Lion is 0 where all gradients are.
      const grads = [random.floats(n), random.floats(n, 1e-3), new Float32Array(n)].map((grad) =>
        grad.map((g, i) => (i % 5 === 0 ? 0 : g)),
      );
      const want = threeSteps(kind, scalar, p, grads);
      for (const row of vectorRows(optimizer)) {
        const got = threeSteps(kind, row, p, grads);
        for (const key of ['p', 'm', 'v'] as const)
          expectSameBits(got[key].values, want[key].values, `${row} n=${n} ${key}`);
        expect(got.squares).toEqual(want.squares);
      }
    }
  });

  it('clamp and blend have the bits of the scalar row, and clamp keeps NaN', () => {
    const random = new Random(8);
    for (const n of SIZES) {
      const x = random.floats(n, 3).map((value, i) => (i % 7 === 3 ? Number.NaN : value));
      const [p, mean] = [random.floats(n), random.floats(n)];
      const run = (row: string) => {
        const limited = new GuardedFloats(n, x);
        const average = new GuardedFloats(n, mean);
        optimizer.clamp(row, { n, limit: 0.75, x: limited.all });
        optimizer.blend(row, { n, rate: 0.1, x: p, mean: average.all });
        limited.expectIntact(`${row} clamp`);
        average.expectIntact(`${row} blend`);
        return { limited: limited.values, average: average.values };
      };
      const want = run(scalar);
      for (const [i, value] of x.entries()) {
        const limit = Math.max(-0.75, Math.min(0.75, value));
        expect(want.limited[i]).toBe(limit);
        const average = (mean[i] ?? 0) + 0.1 * ((p[i] ?? 0) - (mean[i] ?? 0));
        expect(Math.abs((want.average[i] ?? Number.NaN) - average)).toBeLessThan(1e-6);
      }
      for (const row of vectorRows(optimizer)) {
        const got = run(row);
        expectSameBits(got.limited, want.limited, `${row} clamp n=${n}`);
        expectSameBits(got.average, want.average, `${row} blend n=${n}`);
      }
    }
  });

  it('an element whose gradient has always been 0 only decays, as scale does', () => {
    const p = new Random(3).floats(50);
    const got = steps(scalar, p, [new Float32Array(50)], 1).p.values;
    const want = p.slice();
    optimizer.scale(scalar, { n: 50, factor: 1 - HYPER.lr * HYPER.decay, p: want });
    expectSameBits(got, want, 'decay');
  });

  it('sums of squares keep float64 digits, and NaN', () => {
    // Multiples of 2^-14, so that integers give the exact sum.
    const x = new Random(4).floats(10_001, 100).map((v) => Math.round(v * 2 ** 14) / 2 ** 14);
    const units = [...x].reduce((a, v) => a + BigInt(v * 2 ** 14) ** 2n, 0n);
    const want = Number(units) / 2 ** 28;
    for (const row of [scalar, ...vectorRows(optimizer)]) {
      expect(Math.abs(optimizer.sumSquares(row, { n: x.length, x }) / want - 1)).toBeLessThan(
        1e-14,
      );
      expect(optimizer.sumSquares(row, { n: 3, x: Float32Array.of(1, NaN, 2) })).toBeNaN();
    }
  });
});
