// Activations: every row against the scalar one in bits, the scalar one against float64, derivatives against central
// differences of the float64 function.
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

interface ActivationFamily extends KernelFamily {
  forward(row: string, args: object): void;
  backward(row: string, args: object): void;
  gateForward(row: string, args: object): void;
  gateBackward(row: string, args: object): void;
}

const activation = family<ActivationFamily>('activation');
const scalar = scalarRow(activation);
const SIZES = [0, 1, 2, 15, 16, 17, 31, 33, 64, 100, 1000];

/** exp(-x^2) times a continued fraction for large x, the series for small x: relative error below 1e-13. */
function erfc(x: number): number {
  if (x < 0) return 2 - erfc(-x);
  if (x < 2) {
    let term = x;
    let sum = x;
    for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
    }
    return 1 - (2 / Math.sqrt(Math.PI)) * (x === 0 ? 0 : sum);
  }
  let fraction = x;
  for (let n = 120; n > 0; n--) fraction = x + n / 2 / fraction;
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / fraction;
}

const geluTanhArgument = (x: number): number =>
  2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);

/** The kinds with their numbers, a float64 reference and the largest error over max(1, |x|). */
const KINDS = [
  { name: 'none', kind: 0, bound: 0, f: (x: number) => x },
  { name: 'gelu', kind: 1, bound: 1.2e-7, f: (x: number) => 0.5 * x * erfc(-x / Math.SQRT2) },
  {
    name: 'gelu_tanh',
    kind: 2,
    bound: 1.5e-7,
    f: (x: number) => x / (1 + Math.exp(-geluTanhArgument(x))),
  },
  { name: 'relu', kind: 3, bound: 0, f: (x: number) => Math.max(x, 0) },
  { name: 'tanh', kind: 4, bound: 1e-7, f: Math.tanh },
  { name: 'silu', kind: 5, bound: 1.5e-7, f: (x: number) => x / (1 + Math.exp(-x)) },
  { name: 'quick_gelu', kind: 6, bound: 1.5e-7, f: (x: number) => x / (1 + Math.exp(-1.702 * x)) },
];

/** Values where the functions bend, saturate or leave the finite numbers, then random ones. */
function inputs(n: number, random: Random): Float32Array {
  const special = [
    0, -0, 1e-30, -1e-30, 0.625, -0.625, 5.5, -5.5, 9, -9, 12.9, -13, 40, -40, 1e6, -1e6,
  ];
  const x = random.floats(n, 8);
  x.set(special.slice(0, n));
  return x;
}

function forward(row: string, kind: number, x: Float32Array): Float32Array {
  const y = new GuardedFloats(x.length);
  activation.forward(row, { kind, n: x.length, x, y: y.all });
  y.expectIntact(`${row} kind ${kind}`);
  return y.values;
}

function backward(row: string, kind: number, x: Float32Array, dy: Float32Array): Float32Array {
  const dx = new GuardedFloats(x.length);
  activation.backward(row, { kind, n: x.length, x, dy, dx: dx.all });
  dx.expectIntact(`${row} backward kind ${kind}`);
  return dx.values;
}

function gate(row: string, kind: number, rows: number, n: number, seed: number) {
  const random = new Random(seed);
  const x = random.floats(2 * rows * n, 4);
  const dy = random.floats(rows * n);
  const before = random.floats(2 * rows * n);
  const y = new GuardedFloats(rows * n);
  const dx = new GuardedFloats(2 * rows * n, before);
  activation.gateForward(row, { kind, rows, n, x, y: y.all });
  activation.gateBackward(row, { kind, rows, n, x, dy, dx: dx.all });
  y.expectIntact(`${row} gate ${kind}`);
  dx.expectIntact(`${row} gate ${kind} backward`);
  return { x, dy, before, y: y.values, dx: dx.values };
}

describe('gate kernels', () => {
  for (const { name, kind, f } of KINDS) {
    it(`${name}: all rows have the bits of the scalar row`, () => {
      for (const n of SIZES) {
        const want = gate(scalar, kind, 3, n, n);
        for (const row of vectorRows(activation)) {
          const got = gate(row, kind, 3, n, n);
          expectSameBits(got.y, want.y, `${row} n=${n}`);
          expectSameBits(got.dx, want.dx, `${row} n=${n} backward`);
        }
      }
    });

    it(`${name}: is the product of its halves, and backward adds its derivative`, () => {
      const [rows, n] = [5, 83];
      const { x, dy, before, y, dx } = gate(scalar, kind, rows, n, 3);
      for (let r = 0; r < rows; r++) {
        for (let j = 0; j < n; j++) {
          const at = 2 * r * n + j;
          const [a, b, d] = [x[at], x[at + n], dy[r * n + j]] as [number, number, number];
          if (Math.abs(a) < 1e-3) continue; // the bend of relu
          const slope = (f(a + 1e-4) - f(a - 1e-4)) / 2e-4;
          expect(Math.abs((y[r * n + j] ?? NaN) - f(a) * b)).toBeLessThan(1e-5);
          const first = (before[at] ?? NaN) + d * b * slope;
          const second = (before[at + n] ?? NaN) + d * f(a);
          expect(Math.abs((dx[at] ?? NaN) - first)).toBeLessThan(1e-5);
          expect(Math.abs((dx[at + n] ?? NaN) - second)).toBeLessThan(1e-5);
        }
      }
    });
  }
});

describe('activation kernels', () => {
  reportSkippedRows(activation);

  for (const { name, kind, bound, f } of KINDS) {
    it(`${name}: all rows have the bits of the scalar row`, () => {
      const random = new Random(kind + 1);
      for (const n of SIZES) {
        const x = inputs(n, random);
        const dy = random.floats(n);
        for (const row of vectorRows(activation)) {
          expectSameBits(forward(row, kind, x), forward(scalar, kind, x), `${row} n=${n}`);
          expectSameBits(
            backward(row, kind, x, dy),
            backward(scalar, kind, x, dy),
            `${row} n=${n}`,
          );
        }
      }
    });

    it(`${name}: is within ${bound} of float64, relative to max(1, |x|)`, () => {
      const x = inputs(20_000, new Random(17));
      const y = forward(scalar, kind, x);
      let worst = 0;
      for (const [i, v] of x.entries()) {
        worst = Math.max(worst, Math.abs((y[i] ?? NaN) - f(v)) / Math.max(1, Math.abs(v)));
      }
      expect(worst).toBeLessThanOrEqual(bound);
    });

    it(`${name}: backward is the derivative of the float64 function`, () => {
      const x = inputs(5_000, new Random(23)).map((v) => (Math.abs(v) < 1e-3 ? 0.5 : v));
      const dx = backward(scalar, kind, x, new Float32Array(x.length).fill(1));
      let worst = 0;
      for (const [i, v] of x.entries()) {
        const h = 1e-4 * Math.max(1, Math.abs(v));
        worst = Math.max(worst, Math.abs((dx[i] ?? NaN) - (f(v + h) - f(v - h)) / (2 * h)));
      }
      expect(worst).toBeLessThan(5e-7);
    });

    it(`${name}: NaN passes and y may alias x`, () => {
      for (const row of [scalar, ...vectorRows(activation)]) {
        const x = new Random(5).floats(37, 3);
        x[20] = NaN;
        const expected = forward(scalar, kind, x);
        expect(expected[20]).toBeNaN();
        activation.forward(row, { kind, n: x.length, x, y: x });
        expectSameBits(x, expected, `${row} in place`);
      }
    });
  }

  it('gelu and tanh saturate exactly', () => {
    const x = Float32Array.of(20, -20, 1e30, -1e30, 50, -50);
    expect([...forward(scalar, 4, x)]).toEqual([1, -1, 1, -1, 1, -1]);
    const y = forward(scalar, 1, x);
    expect([y[0], y[2], y[4]]).toEqual([x[0], x[2], x[4]]);
    for (const i of [1, 3, 5]) expect(Math.abs(y[i] ?? NaN)).toBeLessThan(1e-36);
  });
});
