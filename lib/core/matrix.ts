/**
 * A dense matrix over one Float32Array: the form of embeddings and logits.
 *
 * Rows are views: writing to a row writes to the matrix.
 */

import { rangeMistake, SinterError, typeMistake } from './errors.js';

/** Row-major: `data[r * cols + c]` is row r, column c. */
export class Matrix {
  /** All numbers, row after row: rows x cols of them. */
  readonly data: Float32Array;
  /** Number of rows. */
  readonly rows: number;
  /** Numbers of a row. */
  readonly cols: number;

  /** Wraps `data` without copying it. Throws RangeError when its length is not rows x cols. */
  constructor(data: Float32Array, rows: number, cols: number) {
    if (!(data instanceof Float32Array)) throw typeMistake('Matrix: data', 'a Float32Array', data);
    if (!isCount(rows)) throw rangeMistake('Matrix: rows', 'a whole number', rows);
    if (!isCount(cols)) throw rangeMistake('Matrix: cols', 'a whole number', cols);
    if (data.length !== rows * cols) {
      throw rangeMistake('Matrix: data', `${rows} x ${cols} numbers long`, data.length);
    }
    this.data = data;
    this.rows = rows;
    this.cols = cols;
  }

  /** A matrix of zeros. Throws OUT_OF_MEMORY if there is no memory for it. */
  static zeros(rows: number, cols: number): Matrix {
    let data: Float32Array;
    try {
      data = new Float32Array(rows * cols);
    } catch (cause) {
      const wantedBytes = 4 * rows * cols;
      throw new SinterError('OUT_OF_MEMORY', `no memory for a ${rows} x ${cols} matrix`, {
        details: { wantedBytes },
        cause,
      });
    }
    return new Matrix(data, rows, cols);
  }

  /** Row `index` as a view of `data`. */
  row(index: number): Float32Array {
    if (!isCount(index) || index >= this.rows) {
      throw rangeMistake('row: index', `a whole number below ${this.rows}`, index);
    }
    return this.data.subarray(index * this.cols, (index + 1) * this.cols);
  }

  /** The rows in their order, as views of `data`. */
  *[Symbol.iterator](): IterableIterator<Float32Array> {
    for (let i = 0; i < this.rows; i++) yield this.row(i);
  }

  /** A copy as nested arrays, one per row. */
  toArray(): number[][] {
    return Array.from(this, (row) => [...row]);
  }

  /** What JSON.stringify writes: the nested arrays of `toArray`. JSON has no NaN and no infinity and writes null. */
  toJSON(): number[][] {
    return this.toArray();
  }
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
