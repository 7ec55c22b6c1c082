// The int8 GEMM rows, each in its formats for activation codes of 8 and of 7 bits: the scalar row against exact integers
// and rounded floats in JS, the others against its bits.
import { describe, expect, it } from 'vitest';
import {
  expectSameBits,
  expectSameBytes,
  family,
  GuardedBytes,
  GuardedFloats,
  type KernelFamily,
  Random,
  reportSkippedRows,
  scalarRow,
  vectorRows,
} from './native-test.js';

/** Width of the activation codes. */
type Bits = 8 | 7;

interface PackArgs {
  bits: Bits;
  n: number;
  k: number;
  w: Int8Array;
  packed: Uint8Array;
}

interface RunArgs {
  bits: Bits;
  m: number;
  n: number;
  k: number;
  a: Uint8Array;
  aRow: number;
  aScale: Float32Array;
  aZero: Int32Array;
  packed: Uint8Array;
  wScale: Float32Array;
  wSum: Int32Array;
  c: Float32Array;
  cRow: number;
  bias?: Float32Array | null;
  activation?: number;
}

interface GemmS8 extends KernelFamily {
  packedBytes(row: string, shape: { bits: Bits; n: number; k: number }): number;
  pack(row: string, args: PackArgs): void;
  unpack(row: string, args: PackArgs): void;
  run(row: string, args: RunArgs): void;
}

/** The operands without a row's own packed layout. */
type Problem = Omit<RunArgs, 'packed'> & { w: Int8Array };

const gemm = family<GemmS8>('gemmS8');
const scalar = scalarRow(gemm);
const vectors = vectorRows(gemm);
const RELU = 3;
const WIDTHS: readonly Bits[] = [8, 7];
/** Every row in both formats. */
const formatsOf = (rows: readonly string[]) =>
  rows.flatMap((row) => WIDTHS.map((bits) => [row, bits] as const));

// Around the tiles (4, 6, 12 and 14 rows), the panels and the K blocks (768 and 1536 for int16 and int8 pairs).
const ROWS = [0, 1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 14, 15, 16, 17, 28, 29, 43];
const COLUMNS = [0, 1, 2, 15, 16, 17, 31, 32, 33, 48, 64, 79, 128, 129, 144];
const DEPTHS = [
  0, 1, 2, 3, 4, 5, 31, 32, 33, 63, 64, 65, 127, 384, 767, 768, 769, 1535, 1537, 1600,
];

const topCode = (bits: Bits): number => 2 ** bits - 1;
const paddedK = (k: number): number => Math.ceil(k / 64) * 64;

function packWeights(row: string, args: Omit<PackArgs, 'packed'>): Uint8Array {
  const { bits, n, k } = args;
  const packed = new GuardedBytes(gemm.packedBytes(row, { bits, n, k }));
  gemm.pack(row, { ...args, packed: packed.all });
  packed.expectIntact(`${row} pack bits=${bits} n=${n} k=${k}`);
  return packed.values.slice(); // of exact size: a sanitizer sees reads behind it
}

/** Packs for the row, runs it on a fresh copy of c and returns the copy. */
function run(row: string, { w, ...problem }: Problem): Float32Array {
  const c = new GuardedFloats(problem.c.length, problem.c);
  const { bits, n, k } = problem;
  const packed = packWeights(row, { bits, n, k, w });
  gemm.run(row, { ...problem, packed, c: c.all });
  c.expectIntact(row);
  return c.values;
}

/** A[i, p] and W[j, p] from functions; rows of A are zero padded to a multiple of 64 bytes. */
function makeProblem(
  bits: Bits,
  [m, n, k]: readonly [number, number, number],
  a: (i: number, p: number) => number,
  w: (j: number, p: number) => number,
  random = new Random(1),
): Problem & { bias: Float32Array } {
  const aRow = paddedK(k);
  const bytes = new Uint8Array(m * aRow);
  for (let i = 0; i < m; i++) for (let p = 0; p < k; p++) bytes[i * aRow + p] = a(i, p);
  const weights = new Int8Array(n * k);
  const wSum = new Int32Array(n);
  for (let j = 0; j < n; j++) {
    for (let p = 0; p < k; p++) weights[j * k + p] = w(j, p);
    wSum[j] = weights.subarray(j * k, (j + 1) * k).reduce((sum, x) => sum + x, 0);
  }
  return {
    bits,
    m,
    n,
    k,
    a: bytes,
    aRow,
    aScale: Float32Array.from({ length: m }, () => 0.002 + random.next() * 0.01),
    aZero: Int32Array.from({ length: m }, () => random.integer(0, topCode(bits))),
    w: weights,
    wScale: Float32Array.from({ length: n }, () => 0.001 + random.next() * 0.01),
    wSum,
    c: new Float32Array(m * n),
    cRow: n,
    bias: random.floats(n),
  };
}

/** Weights of all sizes, or mostly small ones as in a trained model: 7-bit formats sort them by their size. */
function randomProblem(bits: Bits, random: Random, shape: readonly [number, number, number]) {
  const most = random.pick([127, 90, 60]);
  return makeProblem(
    bits,
    shape,
    () => random.integer(0, topCode(bits)),
    () => (random.next() < 0.02 ? random.integer(-127, 127) : random.integer(-most, most)),
    random,
  );
}

/** The contract in JS: integers are exact in doubles, and each float operation is rounded once. */
function reference(problem: Problem): Float32Array {
  const { m, n, k, aRow } = problem;
  const c = new Float32Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = -(problem.aZero[i] ?? 0) * (problem.wSum[j] ?? 0);
      for (let p = 0; p < k; p++)
        sum += (problem.a[i * aRow + p] ?? 0) * (problem.w[j * k + p] ?? 0);
      const scale = Math.fround((problem.aScale[i] ?? 0) * (problem.wScale[j] ?? 0));
      let x = Math.fround(Math.fround(sum) * scale);
      if (problem.bias) x = Math.fround(x + (problem.bias[j] ?? 0));
      c[i * n + j] = problem.activation === RELU ? Math.max(x, 0) : x;
    }
  }
  return c;
}

reportSkippedRows(gemm);

describe.each(formatsOf([...vectors, scalar]))('%s, %d-bit codes', (row, bits) => {
  const top = topCode(bits);

  it('equals exact integers and single-rounded floats', () => {
    const random = new Random(21);
    for (const shape of [
      [1, 1, 1],
      [3, 17, 5],
      [15, 40, 130],
      [7, 33, 1601],
    ] as const) {
      const problem = randomProblem(bits, random, shape);
      for (const bias of [problem.bias, null]) {
        for (const activation of [0, RELU]) {
          const args = { ...problem, bias, activation };
          expectSameBits(run(row, args), reference(args), `${row} ${shape.join(' x ')}`);
        }
      }
    }
  });

  it.each([
    [top, 127],
    [top, -127],
    [0, 127],
  ])('does not saturate with %d x %d everywhere', (a, w) => {
    for (const k of [1, 2, 4, 64, 1000, 32768]) {
      const problem = makeProblem(
        bits,
        [2, 17, k],
        () => a,
        () => w,
      );
      for (const zero of [0, 100, top]) {
        problem.aZero.fill(zero);
        expectSameBits(run(row, problem), reference(problem), `${row} k=${k} zero=${zero}`);
      }
    }
  });

  it('is exact at the largest weights that two sums of 16 bits hold together, and beyond', () => {
    // 127 x 258 = 32766: the most that 7-bit codes may bring into one int16. Four k of a group of eight meet there.
    for (const quad of [
      [127, 127, 4, 0],
      [127, 127, 5, 0],
      [64, 65, 65, 64],
      [65, 65, 65, 64],
      [127, 127, 127, 127],
      [127, -127, 127, 127],
    ]) {
      for (const sign of [1, -1]) {
        const at = (p: number) => sign * (quad[(p >> 2) % 2 === 0 ? p % 2 : 2 + (p % 2)] ?? 0);
        for (const k of [8, 24, 100]) {
          // Only one output of a panel is large in every third group, so that groups of both kinds alternate.
          const w = (j: number, p: number) => ((p >> 3) % 3 === 0 && j % 16 !== 5 ? 1 : at(p));
          const problem = makeProblem(bits, [5, 33, k], () => top, w);
          expectSameBits(run(row, problem), reference(problem), `${row} ${quad} x ${sign} k=${k}`);
        }
      }
    }
  });

  it('unpacks what it packed, and panels start where packedBytes says', () => {
    const random = new Random(22);
    for (let i = 0; i < 60; i++) {
      const [n, k] = [random.pick(COLUMNS), random.pick(DEPTHS)];
      const { w } = randomProblem(bits, random, [0, n, k]);
      const packed = packWeights(row, { bits, n, k, w });
      const back = new Int8Array(n * k + 16).fill(99);
      gemm.unpack(row, { bits, n, k, w: back, packed });
      expectSameBytes(back.subarray(0, n * k), w, `${row} n=${n} k=${k}`);
      expect(back.subarray(n * k).every((byte) => byte === 99)).toBe(true);
      for (let j = 16; j < n; j += 16) {
        const tail = packWeights(row, { bits, n: n - j, k, w: w.subarray(j * k) });
        expectSameBytes(
          packed.subarray(gemm.packedBytes(row, { bits, n: j, k })),
          tail,
          `${row} panel ${j / 16}`,
        );
      }
    }
  });

  it('gives the same bits when callers split m anywhere and n at panels', () => {
    const random = new Random(23);
    const problem = { ...randomProblem(bits, random, [31, 100, 1700]), activation: 1 };
    const whole = run(row, problem);
    const { k } = problem;
    const packed = packWeights(row, problem);
    for (const [rows, columns] of [
      [1, 16],
      [13, 48],
      [30, 96],
    ] as const) {
      const c = new Float32Array(whole.length);
      for (let i = 0; i < problem.m; i += rows) {
        for (let j = 0; j < problem.n; j += columns) {
          gemm.run(row, {
            ...problem,
            m: Math.min(rows, problem.m - i),
            n: Math.min(columns, problem.n - j),
            a: problem.a.subarray(i * problem.aRow),
            aScale: problem.aScale.subarray(i),
            aZero: problem.aZero.subarray(i),
            packed: packed.subarray(gemm.packedBytes(row, { bits, n: j, k })),
            wScale: problem.wScale.subarray(j),
            wSum: problem.wSum.subarray(j),
            bias: problem.bias.subarray(j),
            c: c.subarray(i * problem.n + j),
          });
        }
      }
      expectSameBits(c, whole, `${row} split into ${rows} x ${columns}`);
    }
  });

  it('gives act(bias) for k = 0 and passes a NaN scale on', () => {
    const problem = makeProblem(
      bits,
      [3, 20, 0],
      () => 0,
      () => 0,
    );
    expectSameBits(run(row, problem), reference(problem), row);
    const poisoned = makeProblem(
      bits,
      [3, 20, 9],
      () => 1,
      () => 1,
    );
    poisoned.aScale[1] = Number.NaN;
    const c = run(row, poisoned);
    for (let i = 0; i < c.length; i++) {
      expect(Number.isNaN(c[i])).toBe(Math.floor(i / 20) === 1);
    }
  });
});

describe.each(formatsOf(vectors))('%s, %d-bit codes', (row, bits) => {
  it('gives the bits of the scalar row for random shapes and epilogues', () => {
    const random = new Random(24);
    for (let i = 0; i < 250; i++) {
      const shape = [random.pick(ROWS), random.pick(COLUMNS), random.pick(DEPTHS)] as const;
      const [m, n] = shape;
      const base = randomProblem(bits, random, shape);
      const cRow = n + random.pick([0, 0, 3]);
      const problem = {
        ...base,
        cRow,
        c: random.floats(m > 0 && n > 0 ? (m - 1) * cRow + n : 0),
        bias: random.next() < 0.7 ? base.bias : null,
        activation: random.integer(0, 5),
      };
      const what = `${row} ${shape.join(' x ')} activation=${problem.activation} cRow=${cRow}`;
      expectSameBits(run(row, problem), run(scalar, problem), what);
    }
  });

  it('gives the bits of the scalar row for every number of rows and of columns', () => {
    const random = new Random(25);
    for (let m = 0; m <= 45; m++) {
      const problem = randomProblem(bits, random, [m, 50, 70]);
      expectSameBits(run(row, problem), run(scalar, problem), `${row} m=${m}`);
    }
    for (let n = 0; n <= 161; n++) {
      for (const m of [1, 3]) {
        const problem = randomProblem(bits, random, [m, n, 37]);
        expectSameBits(run(row, problem), run(scalar, problem), `${row} m=${m} n=${n}`);
      }
    }
  });
});
