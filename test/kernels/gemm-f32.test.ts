// The f32 GEMM rows: same bits as the scalar row for every shape, stride and split; the scalar row against float64.
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

interface PackArgs {
  k: number;
  n: number;
  bRow: number;
  bCol: number;
  b: Float32Array;
  packed: Float32Array;
}

interface RunArgs {
  m: number;
  n: number;
  k: number;
  a: Float32Array;
  aRow?: number;
  aCol?: number;
  packed: Float32Array;
  c: Float32Array;
  cRow?: number;
  bias?: Float32Array | null;
  activation?: number;
  accumulate?: boolean;
}

interface GemmF32 extends KernelFamily {
  pack(row: string, args: PackArgs): void;
  unpack(row: string, args: PackArgs): void;
  run(row: string, args: RunArgs): void;
}

const gemm = family<GemmF32>('gemmF32');
const scalar = scalarRow(gemm);
const vectors = vectorRows(gemm);
const ACTIVATIONS = { none: 0, gelu: 1, geluTanh: 2, relu: 3, tanh: 4, silu: 5, quickGelu: 6 };
const EPSILON = 2 ** -24; // half an ulp of 1

// Around the tiles (6, 12 and 14 rows), the panels (16, 32, 64, 128 columns) and the K block (384).
const ROWS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 14, 15, 16, 17, 27, 28, 29, 43];
const COLUMNS = [0, 1, 2, 15, 16, 17, 31, 32, 33, 47, 48, 64, 79, 127, 128, 129, 144, 273];
const DEPTHS = [0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 64, 100, 383, 384, 385, 400, 769];

const packedFloats = (k: number, n: number): number => Math.ceil(n / 16) * 16 * k;

/** Packs W[n, k] (the weights of a linear layer). */
function packWeights(row: string, n: number, k: number, w: Float32Array): Float32Array {
  const packed = new GuardedFloats(packedFloats(k, n));
  gemm.pack(row, { k, n, bRow: 1, bCol: k, b: w, packed: packed.all });
  packed.expectIntact(`${row} pack n=${n} k=${k}`);
  return packed.values.slice(); // of exact size: a sanitizer sees reads behind it
}

/** Runs one row on a fresh copy of c and returns the copy; columns between n and cRow must stay as they were. */
function run(row: string, args: RunArgs): Float32Array {
  const c = new GuardedFloats(args.c.length, args.c);
  gemm.run(row, { ...args, c: c.all });
  c.expectIntact(row);
  return c.values;
}

function randomCase(random: Random): RunArgs & { w: Float32Array } {
  const [m, n, k] = [random.pick(ROWS), random.pick(COLUMNS), random.pick(DEPTHS)];
  const cRow = n + random.pick([0, 0, 1, 5]);
  const layout = random.pick(['rows', 'padded', 'transposed', 'both']);
  const strides = {
    rows: { aRow: k, aCol: 1 },
    padded: { aRow: k + 3, aCol: 1 },
    transposed: { aRow: 1, aCol: m + random.pick([0, 5]) },
    both: { aRow: 2 * k + 1, aCol: 2 },
  }[layout] ?? { aRow: k, aCol: 1 };
  const size = m > 0 && k > 0 ? (m - 1) * strides.aRow + (k - 1) * strides.aCol + 1 : 0;
  const w = random.floats(n * k);
  return {
    m,
    n,
    k,
    ...strides,
    a: random.floats(size),
    w,
    packed: packWeights(scalar, n, k, w),
    c: random.floats(m > 0 && n > 0 ? (m - 1) * cRow + n : 0),
    cRow,
    bias: random.next() < 0.7 ? random.floats(n) : null,
    activation: random.pick(Object.values(ACTIVATIONS)),
    accumulate: random.next() < 0.3,
  };
}

const describeCase = (args: RunArgs): string =>
  `m=${args.m} n=${args.n} k=${args.k} aRow=${args.aRow} aCol=${args.aCol} cRow=${args.cRow} ` +
  `activation=${args.activation} accumulate=${args.accumulate} bias=${args.bias !== null}`;

/** A plain case: A[m, k], W[n, k], no bias. */
function plainCase(random: Random, m: number, n: number, k: number): RunArgs {
  const packed = packWeights(scalar, n, k, random.floats(n * k));
  return { m, n, k, a: random.floats(m * k), packed, c: new Float32Array(m * n) };
}

reportSkippedRows(gemm);

describe.each(vectors)('%s', (row) => {
  it('gives the bits of the scalar row for random shapes, strides, epilogues', () => {
    const random = new Random(11);
    for (let i = 0; i < 400; i++) {
      const args = randomCase(random);
      expectSameBits(run(row, args), run(scalar, args), `${row} ${describeCase(args)}`);
    }
  });

  it('gives the bits of the scalar row for every number of rows up to three tiles', () => {
    const random = new Random(12);
    for (let m = 0; m <= 45; m++) {
      const args = plainCase(random, m, 145, 37);
      expectSameBits(run(row, args), run(scalar, args), `${row} m=${m}`);
    }
  });

  it('gives the bits of the scalar row for every number of columns up to ten panels', () => {
    const random = new Random(13);
    for (let n = 0; n <= 161; n++) {
      for (const m of [1, 3, 15]) {
        const args = plainCase(random, m, n, 19);
        expectSameBits(run(row, args), run(scalar, args), `${row} m=${m} n=${n}`);
      }
    }
  });

  it('packs as the scalar row does and unpacks to the same matrix', () => {
    const random = new Random(14);
    for (let i = 0; i < 150; i++) {
      const [n, k] = [random.pick(COLUMNS), random.pick(DEPTHS)];
      const strides = random.pick([
        { bRow: 1, bCol: k },
        { bRow: 1, bCol: k + 2 },
        { bRow: n, bCol: 1 },
        { bRow: n + 3, bCol: 1 },
        { bRow: 2, bCol: 2 * k + 1 },
      ]);
      const what = `${row} n=${n} k=${k} bRow=${strides.bRow} bCol=${strides.bCol}`;
      const size = n > 0 && k > 0 ? (k - 1) * strides.bRow + (n - 1) * strides.bCol + 1 : 0;
      const b = random.floats(size);
      const expected = new Float32Array(packedFloats(k, n));
      gemm.pack(scalar, { k, n, ...strides, b, packed: expected });
      const packed = new GuardedFloats(expected.length);
      gemm.pack(row, { k, n, ...strides, b, packed: packed.all });
      packed.expectIntact(what);
      expectSameBits(packed.values, expected, what);
      // Elements between the strides belong to no element of B and must survive.
      const back = new GuardedFloats(size, b);
      for (let j = 0; j < n; j++) {
        for (let p = 0; p < k; p++) back.values[p * strides.bRow + j * strides.bCol] = 9;
      }
      gemm.unpack(row, { k, n, ...strides, b: back.all, packed: expected });
      back.expectIntact(what);
      expectSameBits(back.values, b, `${what} unpacked`);
    }
  });

  it('gives the same bits when callers split m anywhere and n at panels', () => {
    const random = new Random(15);
    const args = { ...plainCase(random, 31, 100, 410), bias: random.floats(100), activation: 1 };
    const whole = run(row, args);
    for (const [rows, columns] of [
      [1, 16],
      [5, 32],
      [13, 48],
      [30, 96],
    ] as const) {
      const c = new Float32Array(whole.length);
      for (let i = 0; i < args.m; i += rows) {
        for (let j = 0; j < args.n; j += columns) {
          gemm.run(row, {
            ...args,
            m: Math.min(rows, args.m - i),
            n: Math.min(columns, args.n - j),
            a: args.a.subarray(i * args.k),
            packed: args.packed.subarray(j * args.k),
            bias: args.bias.subarray(j),
            c: c.subarray(i * args.n + j),
            cRow: args.n,
          });
        }
      }
      expectSameBits(c, whole, `${row} split into ${rows} x ${columns}`);
    }
  });

  it('carries the sum from one call to the next when accumulating over split k', () => {
    const random = new Random(16);
    const [m, n, k] = [9, 40, 500];
    const a = random.floats(m * k);
    const w = random.floats(n * k);
    const whole = run(row, {
      m,
      n,
      k,
      a,
      packed: packWeights(row, n, k, w),
      c: new Float32Array(m * n),
    });
    const c = new Float32Array(m * n);
    for (let p = 0; p < k; p += 123) {
      const depth = Math.min(123, k - p);
      const packed = new Float32Array(packedFloats(depth, n));
      gemm.pack(row, { k: depth, n, bRow: 1, bCol: k, b: w.subarray(p), packed });
      gemm.run(row, { m, n, k: depth, a: a.subarray(p), aRow: k, packed, c, accumulate: true });
    }
    expectSameBits(c, whole, row);
  });
});

describe.each([...vectors, scalar])('%s', (row) => {
  it('gives act(bias) for k = 0, and leaves C alone when it accumulates nothing', () => {
    const bias = Float32Array.of(-1, 2, -0, 0.5, -3);
    const empty = new Float32Array(0);
    const args = {
      m: 2,
      n: 5,
      k: 0,
      a: empty,
      packed: empty,
      bias,
      c: new Float32Array(10).fill(7),
    };
    const relu = Float32Array.from([...bias, ...bias], (x) => Math.max(x, 0));
    expect([...run(row, { ...args, activation: ACTIVATIONS.relu })].map(Math.abs)).toEqual([
      ...relu,
    ]);
    expect([...run(row, { ...args, accumulate: true })]).toEqual(new Array(10).fill(7));
    expect([...run(row, { ...args, bias: null })]).toEqual(new Array(10).fill(0));
  });

  it.each(Object.entries(ACTIVATIONS))('keeps a NaN in its row or column (%s)', (_, activation) => {
    const random = new Random(17);
    const [m, n, k] = [17, 50, 30];
    const a = random.floats(m * k);
    const w = random.floats(n * k);
    a[6 * k + 29] = Number.NaN;
    w[33 * k] = Number.NaN;
    w[34 * k + 5] = Number.POSITIVE_INFINITY;
    const c = run(row, {
      m,
      n,
      k,
      a,
      packed: packWeights(row, n, k, w),
      c: new Float32Array(m * n),
      activation,
    });
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        const poisoned = i === 6 || j === 33;
        if (j !== 34) expect(Number.isNaN(c[i * n + j]), `${row} [${i}, ${j}]`).toBe(poisoned);
      }
    }
  });
});

describe('the scalar row against float64', () => {
  // erf by its Taylor series, good to 1e-12 for |x| < 3.
  const erf = (x: number): number => {
    let term = x;
    let sum = x;
    for (let i = 1; i < 80; i++) {
      term *= (-x * x) / i;
      sum += term / (2 * i + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  };
  const exact: Record<keyof typeof ACTIVATIONS, (x: number) => number> = {
    none: (x) => x,
    gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
    geluTanh: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
    relu: (x) => Math.max(x, 0),
    tanh: Math.tanh,
    silu: (x) => x / (1 + Math.exp(-x)),
    quickGelu: (x) => x / (1 + Math.exp(-1.702 * x)),
  };

  // Bound of a chain of k fma and one addition: (k + 1) half ulps of the sum of magnitudes; the activations
  // have slopes below 1.13 and add an error of their own, at most 1e-6 of max(1, |x|).
  it.each(Object.keys(exact) as (keyof typeof exact)[])('%s', (name) => {
    const random = new Random(18);
    for (const [m, n, k] of [
      [5, 17, 1],
      [7, 33, 64],
      [3, 20, 1536],
    ] as const) {
      const a = random.floats(m * k);
      const w = random.floats(n * k, 2 / Math.sqrt(k));
      const bias = random.floats(n);
      const packed = packWeights(scalar, n, k, w);
      const activation = ACTIVATIONS[name];
      const c = run(scalar, { m, n, k, a, packed, bias, activation, c: new Float32Array(m * n) });
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) {
          let sum = bias[j] ?? 0;
          let magnitude = Math.abs(sum);
          for (let p = 0; p < k; p++) {
            const product = (a[i * k + p] ?? 0) * (w[j * k + p] ?? 0);
            sum += product;
            magnitude += Math.abs(product);
          }
          const bound =
            1.13 * (k + 1) * EPSILON * magnitude +
            (name === 'none' ? 0 : 1e-6 * Math.max(1, Math.abs(sum)));
          expect(Math.abs((c[i * n + j] ?? 0) - exact[name](sum))).toBeLessThanOrEqual(bound);
        }
      }
    }
  });
});
