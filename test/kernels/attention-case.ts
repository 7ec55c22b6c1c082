// What the attention suites share: seeded inputs in rows with gaps, calls of one row that check what was written.
// Rule: q, k, v and the gradients lie in rows whose gaps are NaN or guarded, so that a wrong address shows.
import { expect } from 'vitest';
import { family, GuardedFloats, type KernelFamily, type Random, scalarRow } from './native-test.js';

export interface AttentionFamily extends KernelFamily {
  rotate(row: string, args: object): void;
  forward(row: string, args: object): void;
  backward(row: string, args: object): void;
}

export const attention = family<AttentionFamily>('attention');
export const scalar = scalarRow(attention);
export const DROPOUT = {
  keyLow: 12345,
  keyHigh: 7,
  indexLow: 1000,
  threshold: 2 ** 30,
  keepScale: 4 / 3,
};
/** Terms of the distance: element t = center + key - query, tables [2 center + 1, headDim]. */
export interface Terms {
  center: number;
  window?: number;
  bias?: Float32Array;
  keys?: Float32Array;
  queries?: Float32Array;
}

export interface Case {
  length: number;
  headDim: number;
  qkvRow: number;
  outRow: number;
  scale: number;
  q: Float32Array;
  k: Float32Array;
  v: Float32Array;
  dOut: Float32Array;
  terms?: Terms;
}

export interface Gradients {
  dq: Float32Array;
  dk: Float32Array;
  dv: Float32Array;
  dBias?: Float32Array;
  dKeys?: Float32Array;
  dQueries?: Float32Array;
}

/** q, k, v in rows with a gap of NaN between tokens: what is read outside the head would show. */
export function makeCase(length: number, headDim: number, random: Random, gap = 5): Case {
  const rows = (row: number, scale: number): Float32Array => {
    const out = new Float32Array((length - 1) * row + headDim).fill(NaN);
    for (let i = 0; i < length; i++) out.set(random.floats(headDim, scale), i * row);
    return out;
  };
  const qkvRow = headDim + gap;
  const outRow = headDim + gap + 2;
  return {
    length,
    headDim,
    qkvRow,
    outRow,
    scale: 1 / Math.sqrt(headDim),
    q: rows(qkvRow, 2),
    k: rows(qkvRow, 2),
    v: rows(qkvRow, 1),
    dOut: rows(outRow, 1),
  };
}

/** The [length, headDim] inside rows; checks that the gaps were not written. */
function compact(buffer: GuardedFloats, c: Case, row: number, what: string): Float32Array {
  buffer.expectIntact(what);
  const out = new Float32Array(c.length * c.headDim);
  for (let i = 0; i < c.length; i++) {
    out.set(buffer.values.subarray(i * row, i * row + c.headDim), i * c.headDim);
    const gap = buffer.values.subarray(i * row + c.headDim, (i + 1) * row);
    expect(
      gap.every((v) => v === 77),
      `${what}: wrote between rows`,
    ).toBe(true);
  }
  return out;
}

const filled = (count: number): GuardedFloats =>
  new GuardedFloats(count, new Float32Array(count).fill(77));

export function forward(row: string, c: Case, dropout?: object): Float32Array {
  const o = filled((c.length - 1) * c.outRow + c.headDim);
  attention.forward(row, { ...c, dropout, o: o.all });
  return compact(o, c, c.outRow, `${row} ${c.length}x${c.headDim} o`);
}

/** The gradients of the terms start at 0. */
export function backward(row: string, c: Case, dropout?: object): Gradients {
  const make = () => filled((c.length - 1) * c.qkvRow + c.headDim);
  const out = { dq: make(), dk: make(), dv: make() };
  const like = (values?: Float32Array) =>
    values && new GuardedFloats(values.length, new Float32Array(values.length));
  const terms = {
    dBias: like(c.terms?.bias),
    dKeys: like(c.terms?.keys),
    dQueries: like(c.terms?.queries),
  };
  const passed = c.terms && {
    ...c.terms,
    dBias: terms.dBias?.all,
    dKeys: terms.dKeys?.all,
    dQueries: terms.dQueries?.all,
  };
  const { dq, dk, dv } = out;
  attention.backward(row, { ...c, dropout, dq: dq.all, dk: dk.all, dv: dv.all, terms: passed });
  const what = `${row} ${c.length}x${c.headDim}`;
  const gradients: Gradients = {
    dq: compact(out.dq, c, c.qkvRow, `${what} dq`),
    dk: compact(out.dk, c, c.qkvRow, `${what} dk`),
    dv: compact(out.dv, c, c.qkvRow, `${what} dv`),
  };
  for (const [name, guarded] of Object.entries(terms)) {
    if (guarded === undefined) continue;
    guarded.expectIntact(`${what} ${name}`);
    gradients[name as keyof typeof terms] = guarded.values.slice();
  }
  return gradients;
}

/** Rows of a strided array as float64. */
export const rowsOf = (x: Float32Array, c: Case, row: number): number[][] =>
  Array.from({ length: c.length }, (_, i) => [...x.subarray(i * row, i * row + c.headDim)]);

export const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, v, i) => sum + v * (b[i] ?? NaN), 0);

export function expectNear(
  actual: Float32Array,
  want: readonly number[],
  bound: number,
  what: string,
): void {
  let worst = 0;
  for (const [i, w] of want.entries()) worst = Math.max(worst, Math.abs(w - (actual[i] ?? NaN)));
  expect(worst, what).toBeLessThan(bound);
}
