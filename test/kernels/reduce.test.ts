// Row sums and element-wise sums: bits against the scalar row and against a float32 sum in the same order.
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

interface ReduceFamily extends KernelFamily {
  addRows(row: string, args: object): void;
  add(row: string, args: object): void;
}

const reduce = family<ReduceFamily>('reduce');
const every = [scalarRow(reduce), ...vectorRows(reduce)];

describe('reduce kernels', () => {
  reportSkippedRows(reduce);

  it('addRows adds rows in increasing order to what is there, in every row of the table', () => {
    const random = new Random(1);
    for (const n of [0, 1, 15, 16, 17, 63, 64, 65, 100, 130]) {
      for (const rows of [0, 1, 7]) {
        const xRow = n + 3;
        const x = random.floats(rows * xRow);
        const start = random.floats(n);
        const want = start.slice();
        for (let i = 0; i < rows; i++) {
          // A Float32Array rounds each sum, as the kernel does.
          for (let j = 0; j < n; j++) want[j] = (want[j] ?? NaN) + (x[i * xRow + j] ?? NaN);
        }
        for (const row of every) {
          const out = new GuardedFloats(n, start);
          reduce.addRows(row, { rows, n, xRow, x, out: out.all });
          out.expectIntact(`${row} ${rows}x${n}`);
          expectSameBits(out.values, want, `${row} ${rows}x${n}`);
        }
      }
    }
  });

  it('add is the float32 sum; y may alias either; NaN passes', () => {
    const random = new Random(2);
    for (const n of [0, 1, 16, 17, 100]) {
      const a = random.floats(n);
      const b = random.floats(n);
      if (n > 1) a[1] = NaN;
      const want = a.map((v, i) => v + (b[i] ?? NaN));
      for (const row of every) {
        const y = new GuardedFloats(n);
        reduce.add(row, { n, a, b, y: y.all });
        y.expectIntact(`${row} n=${n}`);
        expectSameBits(y.values, want, `${row} n=${n}`);
        const inA = a.slice();
        reduce.add(row, { n, a: inA, b, y: inA });
        expectSameBits(inA, want, `${row} y = a`);
        const inB = b.slice();
        reduce.add(row, { n, a, b: inB, y: inB });
        expectSameBits(inB, want, `${row} y = b`);
      }
    }
    expect(every.length).toBeGreaterThan(0);
  });
});
