// Quantization: bytes of every row of the table against the float32 formula of the contract, error bounds, hostile
// values.
import { describe, expect, it } from 'vitest';
import {
  expectSameBits,
  family,
  GuardedBytes,
  GuardedFloats,
  type KernelFamily,
  Random,
  reportSkippedRows,
  scalarRow,
  vectorRows,
} from './native-test.js';

interface QuantizeFamily extends KernelFamily {
  rowsU8(row: string, args: object): void;
  weightsS8(row: string, args: object): void;
}

const quantize = family<QuantizeFamily>('quantize');
const scalar = scalarRow(quantize);
const every = [scalar, ...vectorRows(quantize)];
const ACTIVATION_BITS = [8, 7] as const;
const WIDTHS = [1, 2, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 100, 384];
const f = Math.fround;

/** To the nearest integer, ties to even. */
function round(x: number): number {
  const low = Math.floor(x);
  if (x - low !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
}

const clamp = (x: number, low: number, high: number): number => Math.min(Math.max(x, low), high);

interface Rows {
  q: Uint8Array;
  scale: Float32Array;
  zero: Int32Array;
}

function rowsU8(
  row: string,
  rows: number,
  n: number,
  x: Float32Array,
  xRow = n,
  bits: 8 | 7 = 8,
  equalizer?: Float32Array,
): Rows {
  const qRow = Math.ceil(n / 64) * 64;
  const q = new GuardedBytes(rows * qRow);
  const scale = new GuardedFloats(rows);
  const zero = new Int32Array(rows);
  const results = { q: q.all, scale: scale.all, zero };
  quantize.rowsU8(row, {
    bits,
    rows,
    n,
    xRow,
    qRow,
    x,
    ...results,
    ...(equalizer && { equalizer }),
  });
  q.expectIntact(`${row} n=${n}`);
  scale.expectIntact(`${row} n=${n}`);
  return { q: q.values, scale: scale.values, zero };
}

/** The contract's formula in float32 for one row. */
function referenceRow(x: Float32Array, top: number): { q: number[]; scale: number; zero: number } {
  const lo = Math.min(0, ...x);
  const hi = Math.max(0, ...x);
  const range = f(hi - lo);
  if (range === 0) return { q: [...x].map(() => 0), scale: 0, zero: 0 };
  const scale = f(range / top);
  const zero = clamp(round(f(-lo / scale)), 0, top);
  const inverse = f(top / range);
  return { q: [...x].map((v) => clamp(round(f(v * inverse)) + zero, 0, top)), scale, zero };
}

function weightsS8(row: string, rows: number, n: number, w: Float32Array) {
  const bytes = new GuardedBytes(rows * n);
  const scale = new GuardedFloats(rows);
  const sum = new Int32Array(rows);
  const all = new Int8Array(bytes.all.buffer);
  quantize.weightsS8(row, { rows, n, w, q: all, scale: scale.all, sum });
  bytes.expectIntact(`${row} n=${n}`);
  scale.expectIntact(`${row} n=${n}`);
  return { q: all.subarray(0, rows * n), scale: scale.values, sum };
}

describe('quantize kernels', () => {
  reportSkippedRows(quantize);

  it.each(ACTIVATION_BITS)(
    'rows_u8 follows the formula at %d bits in every row of the table, with padding bytes 0',
    (bits) => {
      const random = new Random(1);
      const top = 2 ** bits - 1;
      for (const n of WIDTHS) {
        for (const rows of [0, 1, 5]) {
          const xRow = n + 3;
          const x = random.floats(rows * xRow, 4).map((v) => v + random.pick([0, 5, -5, 1]));
          for (const row of every) {
            const got = rowsU8(row, rows, n, x, xRow, bits);
            const qRow = Math.ceil(n / 64) * 64;
            for (let r = 0; r < rows; r++) {
              const want = referenceRow(x.subarray(r * xRow, r * xRow + n), top);
              expect(got.scale[r]).toBe(want.scale);
              expect(got.zero[r]).toBe(want.zero);
              const line = got.q.subarray(r * qRow, (r + 1) * qRow);
              expect([...line.subarray(0, n)], `${row} n=${n}`).toEqual(want.q);
              expect(Math.max(...line)).toBeLessThanOrEqual(top);
              expect(line.subarray(n).every((v) => v === 0)).toBe(true);
            }
          }
        }
      }
    },
  );

  it.each(ACTIVATION_BITS)(
    'an equalizer at %d bits gives what multiplied channels give, in every row of the table',
    (bits) => {
      const random = new Random(5);
      for (const n of WIDTHS) {
        const rows = 3;
        const x = random.floats(rows * n, 4);
        const equalizer = random.floats(n, 2).map((v) => Math.abs(v) + 0.01);
        const multiplied = x.map((v, i) => f(v * (equalizer[i % n] ?? NaN)));
        for (const row of every) {
          const want = rowsU8(scalar, rows, n, multiplied, n, bits);
          const got = rowsU8(row, rows, n, x, n, bits, equalizer);
          expect(got.q, `${row} n=${n}`).toEqual(want.q);
          expect(got.zero).toEqual(want.zero);
          expectSameBits(got.scale, want.scale, row);
        }
      }
    },
  );

  it.each(ACTIVATION_BITS)(
    'dequantized activations of %d bits are within 0.51 steps; 0 is exact; the ends are the first and last code',
    (bits) => {
      const top = 2 ** bits - 1;
      const x = new Random(2).floats(384, 3);
      x[7] = 0;
      const { q, scale, zero } = rowsU8(scalar, 1, 384, x, 384, bits);
      const step = scale[0] ?? NaN;
      // The zero point is rounded too, so an end may be cut by half a step more.
      for (const [i, v] of x.entries()) {
        const error = Math.abs(((q[i] ?? NaN) - (zero[0] ?? NaN)) * step - v);
        expect(error).toBeLessThan((q[i] === 0 || q[i] === top ? 1.01 : 0.51) * step);
      }
      expect(q[7]).toBe(zero[0]);
      expect(Math.min(...q.subarray(0, 384))).toBeLessThanOrEqual(1);
      expect(Math.max(...q.subarray(0, 384))).toBeGreaterThanOrEqual(top - 1);
    },
  );

  it('weights_s8 follows the formula in every row of the table, sums included', () => {
    const random = new Random(3);
    for (const n of WIDTHS) {
      const rows = 3;
      const w = random.floats(rows * n, 0.3);
      w.fill(0, n, 2 * n);
      const want = weightsS8(scalar, rows, n, w);
      for (let r = 0; r < rows; r++) {
        const line = w.subarray(r * n, (r + 1) * n);
        const scale = f(line.reduce((a, v) => Math.max(a, Math.abs(v)), 0) / 127);
        expect(want.scale[r]).toBe(scale);
        const q = [...line].map((v) => (scale === 0 ? 0 : clamp(round(f(v / scale)), -127, 127)));
        expect([...want.q.subarray(r * n, (r + 1) * n)].map((v) => v + 0)).toEqual(
          q.map((v) => v + 0),
        );
        expect(want.sum[r]).toBe(q.reduce((a, v) => a + v, 0) + 0);
      }
      for (const row of vectorRows(quantize)) {
        const got = weightsS8(row, rows, n, w);
        expect(got.q, `${row} n=${n}`).toEqual(want.q);
        expect(got.sum).toEqual(want.sum);
        expectSameBits(got.scale, want.scale, `${row} n=${n}`);
      }
    }
  });

  it('zeros, tiny, huge, infinite and NaN values give the same bytes everywhere and never a crash', () => {
    const n = 40;
    const cases = [0, 1e-45, 1e-38, 3e38, Infinity, -Infinity, NaN].map((value) => {
      const x = new Float32Array(n);
      x[3] = value;
      x[20] = value;
      return x;
    });
    cases.push(
      new Float32Array(n).fill(2),
      new Float32Array(n).fill(-2),
      Float32Array.of(...new Random(4).floats(n, 1e-37)),
    );
    for (const x of cases) {
      for (const bits of ACTIVATION_BITS) {
        const want = rowsU8(scalar, 1, n, x, n, bits);
        expect(Math.max(...want.q)).toBeLessThan(2 ** bits);
        for (const row of vectorRows(quantize)) {
          const got = rowsU8(row, 1, n, x, n, bits);
          expect(got.q).toEqual(want.q);
          expect(got.zero).toEqual(want.zero);
          expectSameBits(got.scale, want.scale, row);
        }
      }
      const weights = weightsS8(scalar, 1, n, x);
      for (const row of vectorRows(quantize)) {
        expect(weightsS8(row, 1, n, x).q).toEqual(weights.q);
      }
    }
    const zeros = rowsU8(scalar, 1, n, new Float32Array(n));
    expect([zeros.scale[0], zeros.zero[0], Math.max(...zeros.q)]).toEqual([0, 0, 0]);
  });
});
