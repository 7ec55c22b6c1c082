/**
 * Picks and joins rows of matrices that point into the file.
 *
 * Neighbouring rows of one initializer are one piece, so that a matrix that was cut and joined again equals the original.
 */

import type { Initializer } from '../model.js';
import type { Matrix, Piece, Vector } from './draft.js';

/** The whole initializer as a matrix: its rows, or the columns of an [in, out] one. */
export function wholeMatrix({ name, dims }: Initializer, transposed: boolean): Matrix {
  const [first = 1, second = 1] = dims;
  const [rows, columns] = transposed ? [second, first] : [first, second];
  return { rows, columns, pieces: [{ source: name, transposed, begin: 0, end: rows }] };
}

export function literalMatrix(rows: number, columns: number, literal: Float32Array): Matrix {
  return { rows, columns, pieces: [], literal };
}

/** The matrix with these rows, in this order. */
export function pickRows(matrix: Matrix, rows: readonly number[]): Matrix {
  const { columns, literal } = matrix;
  if (literal !== undefined) {
    const picked = new Float32Array(rows.length * columns);
    rows.forEach((row, i) => {
      picked.set(literal.subarray(row * columns, (row + 1) * columns), i * columns);
    });
    return literalMatrix(rows.length, columns, picked);
  }
  const pieces: Piece[] = [];
  for (const row of rows) add(pieces, pieceAt(matrix, row));
  return { rows: rows.length, columns, pieces };
}

/** The matrices one below the other. */
export function stack(matrices: readonly Matrix[]): Matrix {
  const rows = matrices.reduce((sum, matrix) => sum + matrix.rows, 0);
  const columns = matrices[0]?.columns ?? 0;
  const literals = matrices.flatMap(({ literal }) => (literal ? [literal] : []));
  if (literals.length > 0) {
    const all = new Float32Array(rows * columns);
    let at = 0;
    for (const literal of literals) {
      all.set(literal, at);
      at += literal.length;
    }
    return literalMatrix(rows, columns, all);
  }
  const pieces: Piece[] = [];
  for (const matrix of matrices) for (const piece of matrix.pieces) add(pieces, piece);
  return { rows, columns, pieces };
}

export function pickValues({ values, source }: Vector, rows: readonly number[]): Vector {
  const whole = rows.length === values.length && rows.every((row, i) => row === i);
  if (whole) return { values, source };
  return { values: Float32Array.from(rows, (row) => values[row] ?? 0), source: '' };
}

/** The biases of stacked products as one vector; null when no product has one. */
export function joinBiases(parts: readonly { bias: Vector | null; rows: number }[]): Vector | null {
  if (parts.every(({ bias }) => bias === null)) return null;
  const values = parts.flatMap(({ bias, rows }) => [...(bias?.values ?? new Float32Array(rows))]);
  return { values: Float32Array.from(values), source: '' };
}

function pieceAt(matrix: Matrix, row: number): Piece {
  let begin = 0;
  for (const piece of matrix.pieces) {
    const count = piece.end - piece.begin;
    if (row < begin + count) {
      const at = piece.begin + row - begin;
      return { ...piece, begin: at, end: at + 1 };
    }
    begin += count;
  }
  throw new RangeError(`row ${row} of a matrix of ${matrix.rows}`);
}

function add(pieces: Piece[], piece: Piece): void {
  const last = pieces.at(-1);
  const follows =
    last?.source === piece.source &&
    last.transposed === piece.transposed &&
    last.end === piece.begin;
  if (last !== undefined && follows) pieces[pieces.length - 1] = { ...last, end: piece.end };
  else pieces.push(piece);
}
