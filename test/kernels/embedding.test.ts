// Embedding sums and gradients: every row of the table against float32 sums in the stated order, in bits.
import { describe, expect, it } from 'vitest';
import { f16ToF32 } from '../../lib/formats/float16.js';
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

interface EmbeddingFamily extends KernelFamily {
  forward(row: string, args: object): void;
  backward(row: string, args: object): void;
}

const embedding = family<EmbeddingFamily>('embedding');
const every = [scalarRow(embedding), ...vectorRows(embedding)];
const WIDTHS = [1, 3, 15, 16, 17, 31, 33, 64, 100, 384];

const indices = (random: Random, tokens: number, rows: number): Int32Array =>
  Int32Array.from({ length: tokens }, () => random.integer(0, rows - 1));

describe('embedding kernels', () => {
  reportSkippedRows(embedding);

  it('forward sums f32 and int8 tables in their order', () => {
    const random = new Random(1);
    for (const width of WIDTHS) {
      for (const tokens of [0, 1, 6]) {
        const f32 = random.floats(9 * width);
        const position = random.floats(4 * width);
        const s8 = Int8Array.from({ length: 5 * width }, () => random.integer(-127, 127));
        const scale = random.floats(5, 0.1);
        const [a, b, c] = [
          indices(random, tokens, 9),
          indices(random, tokens, 5),
          indices(random, tokens, 4),
        ];
        const tables = [
          { f32, index: a },
          { s8, scale, index: b },
          { f32: position, index: c },
        ];
        const want = new Float32Array(tokens * width);
        for (let t = 0; t < tokens; t++) {
          for (let j = 0; j < width; j++) {
            const at = (index: Int32Array): number => (index[t] ?? 0) * width + j;
            const quantized = Math.fround((s8[at(b)] ?? NaN) * (scale[b[t] ?? 0] ?? NaN));
            const two = Math.fround((f32[at(a)] ?? NaN) + quantized);
            want[t * width + j] = two + (position[at(c)] ?? NaN);
          }
        }
        for (const row of every) {
          const y = new GuardedFloats(tokens * width);
          embedding.forward(row, { tokens, width, tables, y: y.all });
          y.expectIntact(`${row} ${tokens}x${width}`);
          expectSameBits(y.values, want, `${row} ${tokens}x${width}`);
        }
      }
    }
  });

  it('an int8 table may come first', () => {
    const tables = [
      { s8: Int8Array.of(1, -2, 3), scale: Float32Array.of(0.5), index: Int32Array.of(0) },
    ];
    for (const row of every) {
      const y = new GuardedFloats(3);
      embedding.forward(row, { tokens: 1, width: 3, tables, y: y.all });
      expect([...y.values]).toEqual([0.5, -1, 1.5]);
    }
  });

  it('widens f16 tables exactly: all finite halves, whole and partial vectors, first and later', () => {
    const finite = Uint16Array.from({ length: 65_536 }, (_, i) => i).filter(
      (half) => (half & 0x7c00) !== 0x7c00,
    );
    const values = f16ToF32(finite);
    const random = new Random(3);
    for (const width of [1, 7, 16, 31, 248]) {
      const rows = Math.floor(finite.length / width);
      const f16 = finite.subarray(0, rows * width);
      const index = Int32Array.from({ length: rows }, (_, row) => row);
      const f32 = random.floats(3 * width);
      const other = indices(random, rows, 3);
      const sums = values
        .subarray(0, rows * width)
        .map(
          (value, i) =>
            value + (f32[(other[Math.floor(i / width)] ?? 0) * width + (i % width)] ?? NaN),
        );
      for (const row of every) {
        const alone = new GuardedFloats(rows * width);
        embedding.forward(row, { tokens: rows, width, tables: [{ f16, index }], y: alone.all });
        alone.expectIntact(`${row} width ${width}`);
        expectSameBits(alone.values, values.subarray(0, rows * width), `${row} width ${width}`);
        const second = new GuardedFloats(rows * width);
        const tables = [
          { f32, index: other },
          { f16, index },
        ];
        embedding.forward(row, { tokens: rows, width, tables, y: second.all });
        second.expectIntact(`${row} width ${width}, second`);
        expectSameBits(second.values, sums, `${row} width ${width}, second`);
      }
    }
  });

  it('backward adds rows in increasing token order, and may be split by columns anywhere', () => {
    const random = new Random(2);
    for (const width of WIDTHS) {
      const tokens = 12;
      const index = indices(random, tokens, 4);
      const dy = random.floats(tokens * width);
      const start = random.floats(4 * width);
      const want = start.slice();
      for (let t = 0; t < tokens; t++) {
        for (let j = 0; j < width; j++) {
          const at = (index[t] ?? 0) * width + j;
          want[at] = (want[at] ?? NaN) + (dy[t * width + j] ?? NaN);
        }
      }
      const cut = random.integer(0, width);
      for (const row of every) {
        for (const parts of [
          [[0, width]],
          [
            [0, cut],
            [cut, width],
          ],
        ]) {
          const grad = new GuardedFloats(4 * width, start);
          for (const [begin, end] of parts) {
            embedding.backward(row, { tokens, width, begin, end, index, dy, grad: grad.all });
          }
          grad.expectIntact(`${row} width ${width}`);
          expectSameBits(grad.values, want, `${row} width ${width}`);
        }
      }
    }
  });
});
