// Dropout: bits against the scalar row, the share that is dropped, independence of how a range is split, and the
// avalanche of the hash.
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

interface DropoutFamily extends KernelFamily {
  apply(row: string, args: object): void;
}

interface Stream {
  keyLow: number;
  keyHigh: number;
  indexLow: number;
  indexHigh: number;
  threshold: number;
  keepScale: number;
}

const dropout = family<DropoutFamily>('dropout');
const scalar = scalarRow(dropout);
const TENTH: Stream = {
  keyLow: 1,
  keyHigh: 2,
  indexLow: 0,
  indexHigh: 0,
  threshold: Math.round(0.1 * 2 ** 32),
  keepScale: 1 / 0.9,
};

function apply(row: string, x: Float32Array, stream: Stream): Float32Array {
  const y = new GuardedFloats(x.length);
  dropout.apply(row, { ...stream, n: x.length, x, y: y.all });
  y.expectIntact(`${row} n=${x.length}`);
  return y.values;
}

const ones = (n: number): Float32Array => new Float32Array(n).fill(1);

/** Which of n elements are kept. */
const kept = (n: number, stream: Stream): boolean[] =>
  [...apply(scalar, ones(n), stream)].map((v) => v !== 0);

/** The correlation of two decisions with shares p, near 0 when they are independent. */
function correlation(a: readonly boolean[], b: readonly boolean[], share: number): number {
  const sum = a.reduce((s, v, i) => s + (Number(v) - share) * (Number(b[i]) - share), 0);
  return sum / a.length / (share * (1 - share));
}

describe('dropout kernels', () => {
  reportSkippedRows(dropout);

  it('all rows have the bits of the scalar row, across 2^32 too', () => {
    const random = new Random(1);
    for (const n of [0, 1, 15, 16, 17, 33, 100, 1000]) {
      const x = random.floats(n);
      for (const start of [0, 123, 2 ** 32 - 40, 2 ** 32 - 7]) {
        for (const threshold of [0, 1, TENTH.threshold, 2 ** 32 - 1]) {
          const stream = { ...TENTH, indexLow: start, indexHigh: 1, threshold };
          const want = apply(scalar, x, stream);
          for (const row of vectorRows(dropout)) {
            expectSameBits(apply(row, x, stream), want, `${row} n=${n} start=${start}`);
          }
        }
      }
    }
  });

  it('threshold 0 is the identity; kept elements are scaled; y may alias x', () => {
    const x = new Random(2).floats(100);
    expectSameBits(apply(scalar, x, { ...TENTH, threshold: 0, keepScale: 1 }), x, 'identity');
    const y = apply(scalar, x, TENTH);
    const scale = Math.fround(TENTH.keepScale);
    for (const [i, v] of y.entries()) {
      if (v !== 0) expect(v).toBe(Math.fround((x[i] ?? NaN) * scale));
    }
    for (const row of [scalar, ...vectorRows(dropout)]) {
      const z = x.slice();
      dropout.apply(row, { ...TENTH, n: z.length, x: z, y: z });
      expectSameBits(z, y, `${row} in place`);
    }
  });

  it('a range gives the same decisions whole or in pieces', () => {
    const whole = kept(300, TENTH);
    for (const cut of [1, 16, 77, 299]) {
      const tail = kept(300 - cut, { ...TENTH, indexLow: cut });
      expect([...kept(cut, TENTH), ...tail]).toEqual(whole);
    }
  });

  it('drops its share, whatever the key', () => {
    const n = 200_000;
    for (const p of [0.02, 0.1, 0.5, 0.9]) {
      for (const keyLow of [0, 1, 2, 2 ** 31]) {
        const stream = { ...TENTH, keyLow, keyHigh: 0, threshold: Math.round(p * 2 ** 32) };
        const share = kept(n, stream).filter((v) => !v).length / n;
        expect(Math.abs(share - p)).toBeLessThan(4.5 * Math.sqrt((p * (1 - p)) / n));
      }
    }
  });

  it('decisions of neighbours, of near keys and of far indices do not correlate', () => {
    const n = 100_000;
    const base = kept(n, TENTH);
    const limit = 4.5 / Math.sqrt(n);
    const others: Stream[] = [
      { ...TENTH, keyLow: 3 },
      { ...TENTH, keyHigh: 3 },
      { ...TENTH, indexHigh: 1 },
      { ...TENTH, indexLow: n },
    ];
    for (const lag of [1, 2, 16, 32, 384, 1024]) others.push({ ...TENTH, indexLow: lag });
    for (const other of others) {
      expect(Math.abs(correlation(base, kept(n, other), 0.9)), JSON.stringify(other)).toBeLessThan(
        limit,
      );
    }
  });

  it('flipping one bit of the index flips a top bit of the hash half the time, within 2 %', () => {
    const n = 1 << 17;
    const half = { ...TENTH, threshold: 2 ** 31 };
    const base = kept(n, half);
    for (let bit = 0; bit < 32; bit++) {
      const far = bit >= 17 ? kept(n, { ...half, indexLow: 2 ** bit }) : base;
      const flips = base.filter((v, i) => v !== far[bit >= 17 ? i : i ^ (1 << bit)]).length;
      expect(Math.abs(flips / n - 0.5), `bit ${bit}`).toBeLessThan(0.02);
    }
  });
});
