// Attention: bits against the scalar row, outputs and gradients against float64 (the gradient formula there is held
// against central differences), reads inside [length, head_dim] only, dropout the same forward and backward.
import { describe, expect, it } from 'vitest';
import {
  attention,
  backward,
  DROPOUT,
  dot,
  expectNear,
  forward,
  makeCase,
  rowsOf,
  scalar,
} from './attention-case.js';
import { expectSameBits, Random, reportSkippedRows, vectorRows } from './native-test.js';

const SHAPES = [
  [1, 1],
  [1, 32],
  [2, 3],
  [5, 16],
  [6, 32],
  [7, 8],
  [8, 32],
  [9, 48],
  [12, 32],
  [15, 64],
  [16, 32],
  [17, 32],
  [23, 20],
  [31, 33],
  [33, 32],
  [40, 64],
  [65, 32],
  [129, 32],
  [250, 32],
] as const;

/** Softmax attention in float64; keep[i][j] multiplies P. */
function reference(q: number[][], k: number[][], v: number[][], scale: number, keep?: number[][]) {
  const p = q.map((qi) => {
    const s = k.map((kj) => scale * dot(qi, kj));
    const top = Math.max(...s);
    const e = s.map((x) => Math.exp(x - top));
    const sum = e.reduce((a, b) => a + b, 0);
    return e.map((x) => x / sum);
  });
  const o = p.map((pi, i) =>
    (v[0] ?? []).map((_, d) =>
      pi.reduce((sum, x, j) => sum + x * (keep?.[i]?.[j] ?? 1) * (v[j]?.[d] ?? NaN), 0),
    ),
  );
  return { p, o };
}

/** The dropout factors that the kernel uses, read off a forward pass over one-hot values. */
function keepFactors(length: number): number[][] {
  const c = makeCase(length, length, new Random(1), 0);
  c.q.fill(0); // P is 1 / length everywhere
  c.v.fill(0);
  for (let j = 0; j < length; j++) c.v[j * length + j] = 1;
  const o = forward(scalar, { ...c, outRow: c.qkvRow }, DROPOUT);
  return Array.from({ length }, (_, i) =>
    [...o.subarray(i * length, (i + 1) * length)].map((x) => (x === 0 ? 0 : DROPOUT.keepScale)),
  );
}

describe('attention kernels', () => {
  reportSkippedRows(attention);

  it('all rows have the bits of the scalar row, forward and backward, with and without dropout', () => {
    const random = new Random(1);
    for (const [length, headDim] of SHAPES) {
      const c = makeCase(length, headDim, random);
      for (const dropout of [undefined, DROPOUT]) {
        const o = forward(scalar, c, dropout);
        const grads = backward(scalar, c, dropout);
        for (const row of vectorRows(attention)) {
          const what = `${row} ${length}x${headDim}`;
          expectSameBits(forward(row, c, dropout), o, what);
          const got = backward(row, c, dropout);
          for (const key of ['dq', 'dk', 'dv'] as const)
            expectSameBits(got[key], grads[key], `${what} ${key}`);
        }
      }
    }
  }, 120_000);

  it('forward agrees with float64 within 2e-6', () => {
    const random = new Random(2);
    for (const [length, headDim] of SHAPES) {
      const c = makeCase(length, headDim, random);
      const [q, k, v] = [
        rowsOf(c.q, c, c.qkvRow),
        rowsOf(c.k, c, c.qkvRow),
        rowsOf(c.v, c, c.qkvRow),
      ];
      const { o } = reference(q, k, v, c.scale);
      expectNear(forward(scalar, c), o.flat(), 2e-6, `${length}x${headDim}`);
    }
  });

  for (const dropout of [undefined, DROPOUT]) {
    it(`gradients are central differences of float64${dropout ? ', with dropout' : ''}`, () => {
      const c = makeCase(11, 7, new Random(3));
      const inputs = {
        dq: rowsOf(c.q, c, c.qkvRow),
        dk: rowsOf(c.k, c, c.qkvRow),
        dv: rowsOf(c.v, c, c.qkvRow),
      };
      const dOut = rowsOf(c.dOut, c, c.outRow);
      const keep = dropout ? keepFactors(c.length) : undefined;
      const loss = (): number =>
        reference(inputs.dq, inputs.dk, inputs.dv, c.scale, keep).o.reduce(
          (sum, o, i) => sum + dot(o, dOut[i] ?? []),
          0,
        );
      const grads = backward(scalar, c, dropout);
      for (const key of ['dq', 'dk', 'dv'] as const) {
        const want: number[] = [];
        for (const token of inputs[key]) {
          for (const [d, at] of token.entries()) {
            const h = 1e-5;
            token[d] = at + h;
            const up = loss();
            token[d] = at - h;
            want.push((up - loss()) / (2 * h));
            token[d] = at;
          }
        }
        expectNear(grads[key], want, 3e-6, key);
      }
    });
  }

  it('drops a quarter of P when asked to, another set for another index', () => {
    const keep = keepFactors(64).flat();
    const share = keep.filter((f) => f === 0).length / keep.length;
    expect(Math.abs(share - 0.25)).toBeLessThan(0.03);
    const c = makeCase(20, 16, new Random(9));
    expect(forward(scalar, c, DROPOUT)).not.toEqual(
      forward(scalar, c, { ...DROPOUT, indexLow: 1400 }),
    );
  });

  it('dropout indices may cross 2^32', () => {
    const c = makeCase(20, 16, new Random(9));
    const crossing = { ...DROPOUT, indexLow: 2 ** 32 - 100, indexHigh: 3 };
    const want = forward(scalar, c, crossing);
    for (const row of vectorRows(attention)) expectSameBits(forward(row, c, crossing), want, row);
  });

  it('scores far below the largest underflow to 0, with the same bits', () => {
    const c = makeCase(64, 1, new Random(5), 0);
    c.outRow = c.qkvRow;
    c.scale = 1;
    c.q.fill(1);
    for (let j = 0; j < c.length; j++) c.k[j] = j === 0 ? 0 : -85 - j / 16; // -85 to -89; 0 below 2^-126.5
    c.k[63] = -1e30;
    for (let j = 0; j < c.length; j++) {
      c.v.fill(0);
      c.v[j] = 2 ** 100; // shows the exponential of key j alone
      const want = forward(scalar, c);
      const error = Math.abs((want[0] ?? NaN) / 2 ** 100 - Math.exp(c.k[j] ?? NaN));
      expect(error, `key ${j}`).toBeLessThan(j === 0 ? 1e-6 : 2 ** -126.49);
      for (const row of vectorRows(attention))
        expectSameBits(forward(row, c), want, `${row} key ${j}`);
    }
  });

  it('large scores stay finite, NaN reaches the queries that see it', () => {
    const c = makeCase(10, 32, new Random(4));
    for (const [i, v] of c.q.entries()) c.q[i] = v * 1e4;
    const want = forward(scalar, c);
    expect(want.every(Number.isFinite)).toBe(true);
    for (const row of vectorRows(attention)) expectSameBits(forward(row, c), want, row);
    // A NaN whose low bits are set, as a hostile file may hold: exp must not take them for an exponent.
    new Uint32Array(c.q.buffer)[3 * c.qkvRow] = 0x7fc001ff;
    for (const row of [scalar, ...vectorRows(attention)]) {
      const o = forward(row, c);
      for (let i = 0; i < c.length; i++) {
        const values = o.subarray(i * c.headDim, (i + 1) * c.headDim);
        expect(values.every(i === 3 ? Number.isNaN : Number.isFinite)).toBe(true);
      }
    }
  });
});
