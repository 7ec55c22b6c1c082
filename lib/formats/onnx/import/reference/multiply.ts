/**
 * Product of two matrices: the loop that takes nearly all time of the reference evaluator.
 *
 * Sums are doubles in increasing k, so products of 8-bit integers are exact and float ones are rounded once. A few columns of
 * B are packed as doubles, and pairs of rows of A pass over them.
 */

import type { Numbers } from '../model.js';

/** One product: [rows, depth] times [depth, columns], both row-major. */
export interface Panel {
  readonly a: Float64Array;
  readonly b: Numbers;
  /** Subtracted from B: one number, or one for each column. null: nothing is subtracted. */
  readonly zero: Float64Array | null;
  readonly rows: number;
  readonly depth: number;
  readonly columns: number;
}

/** Writes the rows * columns sums to `out`. Every implementation gives the same bits. */
export type Multiply = (panel: Panel, out: Numbers) => void;

/** Columns of B that are packed side by side and multiplied at once. */
const TILE = 4;

export const multiply: Multiply = (panel, out) => {
  const { a, rows, depth, columns } = panel;
  const tile = new Float64Array(depth * TILE);
  const sums = new Float64Array(2 * TILE);
  for (let column = 0; column < columns; column += TILE) {
    const width = Math.min(TILE, columns - column);
    pack(panel, column, width, tile);
    for (let row = 0; row < rows; row += 2) {
      // An odd last row is computed twice.
      const second = Math.min(row + 1, rows - 1);
      twoRows(a, row * depth, second * depth, depth, tile, sums);
      const height = Math.min(2, rows - row);
      for (let i = 0; i < height; i++) {
        const at = (row + i) * columns + column;
        for (let j = 0; j < width; j++) out[at + j] = sums[i * TILE + j] as number;
      }
    }
  }
};

/** Packs `width` columns of B as doubles, row by row; missing columns of the tile are 0. */
function pack({ b, zero, depth, columns }: Panel, from: number, width: number, to: Float64Array) {
  for (let j = 0; j < TILE; j++) {
    const shift = j < width && zero ? (zero[zero.length === 1 ? 0 : from + j] as number) : 0;
    for (let k = 0, at = from + j; k < depth; k++, at += columns) {
      to[k * TILE + j] = j < width ? (b[at] as number) - shift : 0;
    }
  }
}

/** Computes two rows of a tile; their sums stay in registers. */
function twoRows(
  a: Float64Array,
  first: number,
  second: number,
  depth: number,
  tile: Float64Array,
  sums: Float64Array,
): void {
  let [s0, s1, s2, s3, t0, t1, t2, t3] = [0, 0, 0, 0, 0, 0, 0, 0];
  for (let k = 0, at = 0; k < depth; k++, at += TILE) {
    const x = a[first + k] as number;
    const y = a[second + k] as number;
    const b0 = tile[at] as number;
    const b1 = tile[at + 1] as number;
    const b2 = tile[at + 2] as number;
    const b3 = tile[at + 3] as number;
    s0 += x * b0;
    s1 += x * b1;
    s2 += x * b2;
    s3 += x * b3;
    t0 += y * b0;
    t1 += y * b1;
    t2 += y * b2;
    t3 += y * b3;
  }
  sums[0] = s0;
  sums[1] = s1;
  sums[2] = s2;
  sums[3] = s3;
  sums[4] = t0;
  sums[5] = t1;
  sums[6] = t2;
  sums[7] = t3;
}
