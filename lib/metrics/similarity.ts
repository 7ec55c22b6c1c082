/**
 * Cosine similarity between rows of matrices, and the nearest rows of one matrix to those of another.
 *
 * Plain loops on the calling thread: for thousands of rows, not for a search engine.
 */

import { rangeMistake, typeMistake } from '../core/errors.js';
import { Matrix } from '../core/matrix.js';

/** A row of the searched matrix, with its similarity to a query. */
export interface Neighbour {
  /** Row of the searched matrix, from 0. */
  readonly index: number;
  /** Cosine similarity, from -1 to 1. */
  readonly score: number;
}

/** Cosine similarity of every row of `a` with every row of `b`, [a.rows, b.rows]; 0 if one of the rows is zero. */
export function similarity(a: Matrix, b: Matrix): Matrix {
  checkPair('similarity', a, b);
  const result = Matrix.zeros(a.rows, b.rows);
  const normsA = inverseNorms(a);
  const normsB = inverseNorms(b);
  for (let i = 0; i < a.rows; i++) {
    const row = a.row(i);
    const out = result.row(i);
    const norm = normsA[i] ?? 0;
    for (let j = 0; j < b.rows; j++) out[j] = dot(row, b.row(j)) * norm * (normsB[j] ?? 0);
  }
  return result;
}

/** For each row of `queries`, the `k` most similar rows of `matrix`, best first; equal ones in the order of the matrix. */
export function nearest(queries: Matrix, matrix: Matrix, k: number): Neighbour[][] {
  if (!Number.isSafeInteger(k) || k < 1)
    throw rangeMistake('nearest: k', 'a whole number from 1', k);
  checkPair('nearest', queries, matrix);
  return Array.from({ length: queries.rows }, (_, i) => {
    const query = new Matrix(queries.row(i), 1, queries.cols);
    const scores = similarity(query, matrix).data;
    const order = [...scores.keys()].sort((x, y) => (scores[y] ?? 0) - (scores[x] ?? 0) || x - y);
    return order.slice(0, k).map((index) => ({ index, score: scores[index] ?? 0 }));
  });
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}

function inverseNorms(matrix: Matrix): Float64Array {
  return Float64Array.from({ length: matrix.rows }, (_, i) => {
    const row = matrix.row(i);
    const norm = Math.sqrt(dot(row, row));
    return norm === 0 ? 0 : 1 / norm;
  });
}

/** `embed` of one text gives its vector alone. */
const A_MATRIX = 'a Matrix, as embed gives it for an array of texts';

function checkPair(where: string, a: unknown, b: unknown): void {
  if (!(a instanceof Matrix)) throw typeMistake(`${where}: first argument`, A_MATRIX, a);
  if (!(b instanceof Matrix)) throw typeMistake(`${where}: second argument`, A_MATRIX, b);
  if (a.cols === b.cols) return;
  throw rangeMistake(`${where}: second argument`, `a Matrix with ${a.cols} columns`, b.cols);
}
