// Layer and RMS norm: bits against the scalar row, the scalar row against float64, gradients against the analytic float64
// gradient, which is itself held against central differences.
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

interface NormFamily extends KernelFamily {
  forward(row: string, args: object): void;
  backwardInput(row: string, args: object): void;
  backwardParams(row: string, args: object): void;
}

const norm = family<NormFamily>('norm');
const scalar = scalarRow(norm);
const EPSILON = 1e-5;
const SHAPES = [
  [0, 8],
  [1, 1],
  [3, 2],
  [2, 15],
  [2, 16],
  [3, 17],
  [1, 63],
  [2, 64],
  [2, 65],
  [3, 80],
  [2, 100],
  [2, 112],
  [2, 127],
  [5, 384],
  [1, 770],
] as const;

interface Forward {
  sum: Float32Array;
  mean: Float32Array;
  rstd: Float32Array;
  y: Float32Array;
}

/** Which of the kernels, and whether it has a bias. */
interface Form {
  rms: boolean;
  hasBias: boolean;
}

interface Case {
  rms: boolean;
  rows: number;
  n: number;
  x: Float32Array;
  residual: Float32Array;
  weight: Float32Array;
  bias: Float32Array | undefined;
  dy: Float32Array;
}

function makeCase(form: Form, rows: number, n: number, random: Random, shift = 0): Case {
  return {
    rms: form.rms,
    rows,
    n,
    x: random.floats(rows * n, 2).map((v) => v + shift),
    residual: random.floats(rows * n),
    weight: random.floats(n, 1.5),
    bias: form.hasBias ? random.floats(n) : undefined,
    dy: random.floats(rows * n),
  };
}

function forward(row: string, c: Case, withResidual: boolean, keep: boolean): Forward {
  const out = {
    sum: new GuardedFloats(keep ? c.rows * c.n : 0),
    mean: new GuardedFloats(c.rows),
    rstd: new GuardedFloats(c.rows),
    y: new GuardedFloats(c.rows * c.n),
  };
  norm.forward(row, {
    ...c,
    residual: withResidual ? c.residual : undefined,
    epsilon: EPSILON,
    y: out.y.all,
    ...(keep ? { sum: out.sum.all, mean: out.mean.all, rstd: out.rstd.all } : {}),
  });
  for (const [name, buffer] of Object.entries(out)) buffer.expectIntact(`${row} ${name}`);
  return { sum: out.sum.values, mean: out.mean.values, rstd: out.rstd.values, y: out.y.values };
}

/** One row in float64. */
function reference(s: readonly number[], { rms, weight, bias }: Case): number[] {
  const mean = rms ? 0 : s.reduce((a, b) => a + b, 0) / s.length;
  const variance = s.reduce((a, b) => a + (b - mean) ** 2, 0) / s.length;
  const rstd = 1 / Math.sqrt(variance + EPSILON);
  return s.map((v, j) => (v - mean) * rstd * (weight[j] ?? NaN) + (bias?.[j] ?? 0));
}

const rowOf = (values: Float32Array, r: number, n: number): number[] => [
  ...values.subarray(r * n, (r + 1) * n),
];

const FORMS: [string, Form][] = [
  ['layer norm', { rms: false, hasBias: true }],
  ['layer norm without bias', { rms: false, hasBias: false }],
  ['RMS norm', { rms: true, hasBias: false }],
  ['RMS norm with bias', { rms: true, hasBias: true }],
];

describe.each(FORMS)('%s kernels', (_, form) => {
  reportSkippedRows(norm);

  it('all rows have the bits of the scalar row, forward and backward', () => {
    const random = new Random(1);
    for (const [rows, n] of SHAPES) {
      const c = makeCase(form, rows, n, random);
      const want = forward(scalar, c, true, true);
      const plain = forward(scalar, c, false, false);
      const wantGrads = backward(scalar, c, want);
      for (const row of vectorRows(norm)) {
        const got = forward(row, c, true, true);
        for (const key of ['sum', 'mean', 'rstd', 'y'] as const) {
          expectSameBits(got[key], want[key], `${row} ${rows}x${n} ${key}`);
        }
        expectSameBits(forward(row, c, false, false).y, plain.y, `${row} ${rows}x${n} plain`);
        const grads = backward(row, c, want);
        for (const key of ['ds', 'dweight', 'dbias'] as const) {
          expectSameBits(grads[key], wantGrads[key], `${row} ${rows}x${n} ${key}`);
        }
      }
    }
  });

  function backward(row: string, c: Case, f: Forward) {
    const ds = new GuardedFloats(c.rows * c.n);
    const dweight = new GuardedFloats(c.n, c.weight);
    const dbias = new GuardedFloats(c.n, c.weight);
    const { rms, rows, n, dy } = c;
    const args = { rms, rows, n, s: f.sum, ...(rms ? {} : { mean: f.mean }), rstd: f.rstd, dy };
    norm.backwardInput(row, { ...args, weight: c.weight, ds: ds.all });
    norm.backwardParams(row, {
      ...args,
      dweight: dweight.all,
      ...(form.hasBias ? { dbias: dbias.all } : {}),
    });
    for (const b of [ds, dweight, dbias]) b.expectIntact(`${row} backward`);
    return { ds: ds.values, dweight: dweight.values, dbias: dbias.values };
  }

  it('agrees with float64 within 3e-6, also when the mean is 300 times the spread', () => {
    for (const [shift, bound] of [
      [0, 3e-6],
      [300, 1e-4],
    ] as const) {
      const c = makeCase(form, 7, 384, new Random(3), shift);
      const { y } = forward(scalar, c, true, true);
      let worst = 0;
      for (let r = 0; r < c.rows; r++) {
        const s = rowOf(c.x, r, c.n).map((v, j) =>
          Math.fround(v + (c.residual[r * c.n + j] ?? NaN)),
        );
        for (const [j, v] of reference(s, c).entries()) {
          worst = Math.max(worst, Math.abs(v - (y[r * c.n + j] ?? NaN)));
        }
      }
      expect(worst).toBeLessThan(bound);
    }
  });

  it('ds is the central difference of the float64 forward', () => {
    const c = makeCase(form, 3, 37, new Random(4));
    const f = forward(scalar, c, true, true);
    const { ds } = backward(scalar, c, f);
    for (let r = 0; r < c.rows; r++) {
      const s = rowOf(f.sum, r, c.n);
      const loss = (v: readonly number[]): number =>
        reference(v, c).reduce((a, y, j) => a + y * (c.dy[r * c.n + j] ?? NaN), 0);
      for (let j = 0; j < c.n; j++) {
        const h = 1e-4;
        const moved = (by: number) => s.map((v, i) => (i === j ? v + by : v));
        const want = (loss(moved(h)) - loss(moved(-h))) / (2 * h);
        expect(Math.abs(want - (ds[r * c.n + j] ?? NaN))).toBeLessThan(2e-6);
      }
    }
  });

  it('parameter gradients add to what is there and may be split by columns anywhere', () => {
    const c = makeCase(form, 9, 100, new Random(6));
    const f = forward(scalar, c, true, true);
    const whole = backward(scalar, c, f);
    for (let j = 0; j < c.n; j++) {
      let dw = c.weight[j] ?? NaN;
      let db = c.weight[j] ?? NaN;
      for (let r = 0; r < c.rows; r++) {
        const d = c.dy[r * c.n + j] ?? NaN;
        const mean = form.rms ? 0 : (f.mean[r] ?? NaN);
        dw += d * ((f.sum[r * c.n + j] ?? NaN) - mean) * (f.rstd[r] ?? NaN);
        if (form.hasBias) db += d;
      }
      expect(Math.abs(dw - (whole.dweight[j] ?? NaN))).toBeLessThan(3e-6);
      expect(Math.abs(db - (whole.dbias[j] ?? NaN))).toBeLessThan(3e-6);
    }
    for (const row of [scalar, ...vectorRows(norm)]) {
      const dweight = c.weight.slice();
      const dbias = c.weight.slice();
      for (const [begin, end] of [
        [0, 3],
        [3, 70],
        [70, 70],
        [70, 100],
      ]) {
        const { rms, rows, n, dy } = c;
        const args = { rms, rows, n, begin, end, s: f.sum, mean: f.mean, rstd: f.rstd, dy };
        norm.backwardParams(row, { ...args, dweight, ...(form.hasBias ? { dbias } : {}) });
      }
      expectSameBits(dweight, whole.dweight, `${row} split`);
      expectSameBits(dbias, whole.dbias, `${row} split`);
    }
  });

  it('y may alias x, sum may alias x or residual, ds may alias dy; NaN stays in its row', () => {
    for (const row of [scalar, ...vectorRows(norm)]) {
      const c = makeCase(form, 3, 50, new Random(8));
      c.x[60] = NaN;
      const want = forward(scalar, c, true, true);
      expect(rowOf(want.y, 1, c.n).every(Number.isNaN)).toBe(true);
      expect(rowOf(want.y, 2, c.n).some(Number.isNaN)).toBe(false);
      const x = c.x.slice();
      norm.forward(row, { ...c, x, epsilon: EPSILON, y: x });
      expectSameBits(x, want.y, `${row} y = x`);
      for (const alias of ['x', 'residual'] as const) {
        const buffers = { x: c.x.slice(), residual: c.residual.slice() };
        const extra = {
          mean: new Float32Array(3),
          rstd: new Float32Array(3),
          y: new Float32Array(150),
        };
        norm.forward(row, {
          ...c,
          ...buffers,
          ...extra,
          sum: buffers[alias],
          epsilon: EPSILON,
        });
        expectSameBits(buffers[alias], want.sum, `${row} sum = ${alias}`);
        expectSameBits(extra.y, want.y, `${row} sum = ${alias}`);
      }
      const grads = backward(scalar, c, want);
      const dy = c.dy.slice();
      const args = {
        rms: form.rms,
        rows: 3,
        n: 50,
        s: want.sum,
        mean: want.mean,
        rstd: want.rstd,
        weight: c.weight,
      };
      norm.backwardInput(row, { ...args, dy, ds: dy });
      expectSameBits(dy, grads.ds, `${row} ds = dy`);
    }
  });
});
