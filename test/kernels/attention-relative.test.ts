// Attention with windows and terms of the distance: bits against the scalar row, outputs and gradients against float64
// (the gradient formula there is held against central differences), and what must not change any bit.
import { describe, expect, it } from 'vitest';
import { sanitized } from '../native/child.js';
import {
  attention,
  backward,
  type Case,
  DROPOUT,
  dot,
  expectNear,
  forward,
  type Gradients,
  makeCase,
  rowsOf,
  scalar,
  type Terms,
} from './attention-case.js';
import {
  expectSameBits,
  Random,
  reportSkippedRows,
  runnableRows,
  vectorRows,
} from './native-test.js';

type What = 'window' | 'bias' | 'keys' | 'queries';

const KINDS: readonly (readonly What[])[] = [
  ['window'],
  ['bias'],
  ['keys'],
  ['queries'],
  ['keys', 'queries'],
  ['window', 'bias', 'keys', 'queries'],
];

/** [length, head_dim, window, distances beyond those of the text]. */
const ALL_SHAPES = [
  [1, 1, 0, 0],
  [1, 32, 3, 4],
  [2, 3, 0, 0],
  [5, 16, 1, 0],
  [13, 8, 2, 3],
  [16, 32, 16, 0],
  [23, 20, 7, 1],
  [31, 33, 4, 12],
  [49, 16, 0, 0],
  [65, 32, 64, 5],
  [100, 24, 300, 0],
  [150, 17, 12, 9],
  [193, 16, 20, 0],
  [205, 64, 31, 2],
  [400, 16, 64, 0],
] as const;
/** Under a sanitizer, which is twenty times slower, long texts tell nothing more about where memory is touched. */
const SHAPES = ALL_SHAPES.filter(([length]) => !sanitized || length <= 150);

function relativeCase(
  [length, headDim, window, more]: readonly [number, number, number, number],
  kinds: readonly What[],
  random: Random,
): Case & { terms: Terms } {
  const c = makeCase(length, headDim, random);
  const center = length - 1 + more;
  const table = () => random.floats((2 * center + 1) * headDim, 2);
  const terms: Terms = { center };
  if (kinds.includes('window')) terms.window = window;
  if (kinds.includes('bias')) terms.bias = random.floats(2 * center + 1, 2);
  if (kinds.includes('keys')) terms.keys = table();
  if (kinds.includes('queries')) terms.queries = table();
  return { ...c, terms };
}

/** Everything in float64. */
function unpack(c: Case & { terms: Terms }) {
  const rows = (values?: Float32Array) =>
    values &&
    Array.from({ length: 2 * c.terms.center + 1 }, (_, t) => [
      ...values.subarray(t * c.headDim, (t + 1) * c.headDim),
    ]);
  return {
    dq: rowsOf(c.q, c, c.qkvRow),
    dk: rowsOf(c.k, c, c.qkvRow),
    dv: rowsOf(c.v, c, c.qkvRow),
    dBias: c.terms.bias && [...c.terms.bias],
    dKeys: rows(c.terms.keys),
    dQueries: rows(c.terms.queries),
  };
}

type Inputs = ReturnType<typeof unpack>;

function softmaxOf(x: Inputs, c: Case & { terms: Terms }): number[][] {
  const { center, window = Infinity } = c.terms;
  return x.dq.map((qi, i) => {
    const s = x.dk.map((kj, j) => {
      const t = center + j - i;
      if (Math.abs(i - j) > window) return -Infinity;
      const terms = dot(x.dKeys?.[t] ?? [], qi) + dot(x.dQueries?.[t] ?? [], kj);
      return c.scale * (dot(qi, kj) + terms) + (x.dBias?.[t] ?? 0);
    });
    const top = Math.max(...s);
    const e = s.map((v) => Math.exp(v - top));
    const sum = e.reduce((a, b) => a + b, 0);
    return e.map((v) => v / sum);
  });
}

const outputOf = (x: Inputs, p: number[][]): number[][] =>
  p.map((pi) =>
    (x.dv[0] ?? []).map((_, d) =>
      dot(
        pi,
        x.dv.map((v) => v[d] ?? NaN),
      ),
    ),
  );

/** to += factor * from */
function add(to: number[], factor: number, from: readonly number[]): void {
  for (const [d, v] of from.entries()) to[d] = (to[d] ?? NaN) + factor * v;
}

/** The gradients of sum(dOut * output) by the chain rule; d_keys and d_queries with their scale. */
function gradientsOf(x: Inputs, c: Case & { terms: Terms }): Inputs {
  const zeros = (rows: number[][]) => rows.map((row) => row.map(() => 0));
  const out: Inputs = {
    dq: zeros(x.dq),
    dk: zeros(x.dk),
    dv: zeros(x.dv),
    dBias: x.dBias?.map(() => 0),
    dKeys: x.dKeys && zeros(x.dKeys),
    dQueries: x.dQueries && zeros(x.dQueries),
  };
  const dOut = rowsOf(c.dOut, c, c.outRow);
  softmaxOf(x, c).forEach((p, i) => {
    const dp = x.dv.map((v) => dot(v, dOut[i] ?? []));
    const along = dot(p, dp);
    p.forEach((pij, j) => {
      const ds = pij * ((dp[j] ?? NaN) - along);
      const [t, scaled] = [c.terms.center + j - i, ds * c.scale];
      const [qi, kj] = [x.dq[i] ?? [], x.dk[j] ?? []];
      const [dq, dk] = [out.dq[i] ?? [], out.dk[j] ?? []];
      add(out.dv[j] ?? [], pij, dOut[i] ?? []);
      add(dq, scaled, kj);
      add(dk, scaled, qi);
      add(dq, scaled, x.dKeys?.[t] ?? []);
      add(dk, scaled, x.dQueries?.[t] ?? []);
      add(out.dKeys?.[t] ?? [], scaled, qi);
      add(out.dQueries?.[t] ?? [], scaled, kj);
      if (out.dBias) out.dBias[t] = (out.dBias[t] ?? NaN) + ds;
    });
  });
  return out;
}

const NAMES = ['dq', 'dk', 'dv', 'dBias', 'dKeys', 'dQueries'] as const;

/** A kernel's gradient of a table lacks the scale. */
function withScale(name: keyof Gradients, values: Float32Array, scale: number): Float32Array {
  return name === 'dKeys' || name === 'dQueries' ? values.map((v) => v * scale) : values;
}

const label = (shape: readonly number[], kinds: readonly What[]): string =>
  `${shape.join(' ')} ${kinds.join('+')}`;

describe('relative attention kernels', () => {
  reportSkippedRows(attention);

  for (const kinds of KINDS) {
    it(`${kinds.join('+')}: all rows have the bits of the scalar row, with and without dropout`, () => {
      const random = new Random(1);
      for (const shape of SHAPES) {
        const c = relativeCase(shape, kinds, random);
        for (const dropout of [undefined, DROPOUT]) {
          const o = forward(scalar, c, dropout);
          const gradients = backward(scalar, c, dropout);
          for (const row of vectorRows(attention)) {
            const what = `${row} ${label(shape, kinds)}`;
            expectSameBits(forward(row, c, dropout), o, what);
            const got = backward(row, c, dropout);
            for (const name of NAMES) {
              const want = gradients[name];
              if (want) expectSameBits(got[name] ?? new Float32Array(), want, `${what} ${name}`);
            }
          }
        }
      }
    }, 120_000);

    it(`${kinds.join('+')}: outputs and gradients agree with float64`, () => {
      const random = new Random(2);
      const [row = scalar] = runnableRows(attention);
      for (const shape of SHAPES.filter(([length]) => length < 400)) {
        const c = relativeCase(shape, kinds, random);
        const x = unpack(c);
        const o = outputOf(x, softmaxOf(x, c));
        expectNear(forward(row, c), o.flat(), 5e-6, label(shape, kinds));
        const [got, want] = [backward(row, c), gradientsOf(x, c)];
        for (const name of NAMES) {
          const values = got[name];
          if (!values) continue;
          const flat = (want[name] ?? []).flat();
          const size = Math.max(1, ...flat.map(Math.abs));
          const what = `${label(shape, kinds)} ${name}`;
          expect(values.length, what).toBe(flat.length);
          expectNear(withScale(name, values, c.scale), flat, 1e-5 * size, what);
        }
      }
    }, 120_000);
  }

  it('the reference gradients are central differences', () => {
    const c = relativeCase([7, 3, 4, 1], KINDS[5] ?? [], new Random(3));
    const x = unpack(c);
    const dOut = rowsOf(c.dOut, c, c.outRow).flat();
    const loss = (): number => dot(outputOf(x, softmaxOf(x, c)).flat(), dOut);
    const want = gradientsOf(x, c);
    for (const name of NAMES) {
      const values = x[name] ?? [];
      const rows: number[][] =
        typeof values[0] === 'number' ? [values as number[]] : (values as number[][]);
      const flat = (want[name] ?? []).flat();
      let at = 0;
      for (const row of rows) {
        for (const [d, value] of row.entries()) {
          row[d] = value + 1e-5;
          const up = loss();
          row[d] = value - 1e-5;
          const difference = (up - loss()) / 2e-5;
          row[d] = value;
          expect(Math.abs(difference - (flat[at++] ?? NaN)), name).toBeLessThan(1e-8);
        }
      }
      expect(at, name).toBe(flat.length);
    }
  });

  it('a window that covers the text has the bits of no window, forward', () => {
    const c = makeCase(70, 32, new Random(4));
    const plain = forward(scalar, c);
    for (const window of [69, 70, 2 ** 28]) {
      const terms = { center: 69, window };
      for (const row of runnableRows(attention)) {
        expectSameBits(forward(row, { ...c, terms }), plain, `${row} ${window}`);
      }
    }
  });

  it('a wider table of distances changes no bit', () => {
    const narrow = relativeCase([40, 16, 9, 0], KINDS[5] ?? [], new Random(5));
    const { center, window, ...tables } = narrow.terms;
    const more = 21;
    const widen = (values: Float32Array | undefined, width: number) => {
      const wide = new Float32Array((2 * (center + more) + 1) * width).fill(3);
      wide.set(values ?? [], more * width);
      return wide;
    };
    const terms: Terms = {
      center: center + more,
      window: window ?? 0,
      bias: widen(tables.bias, 1),
      keys: widen(tables.keys, narrow.headDim),
      queries: widen(tables.queries, narrow.headDim),
    };
    for (const row of runnableRows(attention)) {
      const wide = { ...narrow, terms };
      expectSameBits(forward(row, wide), forward(row, narrow), row);
      const [got, want] = [backward(row, wide), backward(row, narrow)];
      for (const name of ['dq', 'dk', 'dv'] as const) {
        expectSameBits(got[name], want[name], `${row} ${name}`);
      }
      const inner = got.dKeys?.subarray(more * narrow.headDim).subarray(0, want.dKeys?.length);
      expectSameBits(inner ?? new Float32Array(), want.dKeys ?? new Float32Array(), `${row} dKeys`);
    }
  });

  it('a key outside of the window changes nothing', () => {
    const c = relativeCase([60, 16, 5, 0], ['window'], new Random(6));
    const before = forward(scalar, c);
    for (let d = 0; d < c.headDim; d++) {
      c.k[40 * c.qkvRow + d] = 1e6;
      c.v[40 * c.qkvRow + d] = -1e6;
    }
    const after = forward(scalar, c);
    for (let i = 0; i < c.length; i++) {
      const [a, b] = [before, after].map((o) => o.subarray(i * c.headDim, (i + 1) * c.headDim));
      if (Math.abs(i - 40) <= 5) expect(b).not.toEqual(a);
      else expectSameBits(b ?? c.q, a ?? c.q, `query ${i}`);
    }
  });

  it('rotates by the angles of its tables, and back', () => {
    const random = new Random(7);
    for (const [length, headDim, half] of [
      [1, 2, 1],
      [3, 7, 3],
      [5, 64, 32],
      [4, 40, 10],
      [9, 33, 16],
    ] as const) {
      const c = makeCase(length, headDim, random);
      const angles = random.floats(length * half, 3);
      const [cos, sin] = [angles.map(Math.cos), angles.map(Math.sin)];
      const args = { length, headDim, half, cos, sin, xRow: c.qkvRow, yRow: headDim };
      const y = new Float32Array(length * headDim);
      attention.rotate(scalar, { ...args, x: c.q, y });
      const x = rowsOf(c.q, c, c.qkvRow);
      const want = x.map((row, i) =>
        row.map((v, d) => {
          const other = d < half ? -(row[d + half] ?? NaN) : (row[d - half] ?? NaN);
          const at = i * half + (d % half);
          return d < 2 * half ? v * (cos[at] ?? NaN) + other * (sin[at] ?? NaN) : v;
        }),
      );
      expectNear(y, want.flat(), 1e-6, `${length}x${headDim}, ${half}`);
      for (const row of vectorRows(attention)) {
        const other = new Float32Array(length * headDim);
        attention.rotate(row, { ...args, x: c.q, y: other });
        expectSameBits(other, y, row);
      }
      attention.rotate(scalar, { ...args, backward: true, x: y, y, xRow: headDim });
      expectNear(y, x.flat(), 1e-6, 'there and back');
    }
  });
});
