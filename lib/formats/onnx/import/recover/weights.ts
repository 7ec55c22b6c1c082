/**
 * Reads the numbers that a draft points at, one weight at a time: as f32, or as int8 codes with a scale per row.
 */

import { SinterError } from '../../../../core/errors.js';
import type { Initializer, Numbers } from '../model.js';
import type { QuantizedWeight } from '../plain/plain-model.js';
import type { Matrix, Piece, Vector } from './draft.js';

export type RecoveredWeight =
  | { readonly kind: 'matrix'; readonly matrix: Matrix }
  | { readonly kind: 'vector'; readonly vector: Vector };

/** Numbers of each piece that are compared before whole matrices are. */
const SAMPLES = 16;

export class WeightReader {
  private readonly path: string;
  private readonly initializers: ReadonlyMap<string, Initializer>;
  private readonly quantized: ReadonlyMap<string, QuantizedWeight>;

  constructor(
    path: string,
    initializers: ReadonlyMap<string, Initializer>,
    quantized: ReadonlyMap<string, QuantizedWeight>,
  ) {
    this.path = path;
    this.initializers = initializers;
    this.quantized = quantized;
  }

  /** All numbers of a weight as f32, matrices in PyTorch's order [out, in]. */
  floats(source: RecoveredWeight): Float32Array {
    return source.kind === 'vector' ? source.vector.values : this.rows(source.matrix);
  }

  /** Throws CORRUPT_MODEL naming the tensor that holds NaN or infinity. */
  check(source: RecoveredWeight): void {
    if (source.kind === 'vector') this.checkNumbers(source.vector.values, source.vector.source);
    else {
      const { literal, pieces } = source.matrix;
      if (literal !== undefined) this.checkNumbers(literal, 'a constant');
      for (const { source: name } of pieces) {
        if (this.checked.has(name)) continue;
        this.checked.add(name);
        // Numbers made of codes are finite if their scales are.
        const codes = this.quantized.get(name);
        this.checkNumbers(codes?.scales ?? this.initializer(name).read().data, name);
      }
    }
  }

  private readonly checked = new Set<string>();

  private checkNumbers(values: ArrayLike<number>, tensor: string): void {
    for (let i = 0; i < values.length; i++) {
      if (Number.isFinite(values[i])) continue;
      throw new SinterError('CORRUPT_MODEL', `${this.path}: ${tensor} holds NaN or infinity`, {
        details: { file: this.path, category: 'value', tensor },
      });
    }
  }

  /**
   * The file's own codes and a scale per row; null when the weight is no symmetric int8 matrix. Only a table may hold -128:
   * products are exact for -127 ... 127.
   */
  codes(
    source: RecoveredWeight,
    isTable: boolean,
  ): { codes: Int8Array; scales: Float32Array } | null {
    if (source.kind === 'vector' || source.matrix.literal !== undefined) return null;
    const { rows, columns, pieces } = source.matrix;
    const codes = new Int8Array(rows * columns);
    const scales = new Float32Array(rows);
    let at = 0;
    for (const piece of pieces) {
      const weight = this.quantized.get(piece.source);
      if (
        weight === undefined ||
        !copyCodes(weight, piece, columns, codes, scales, at, isTable ? -128 : -127)
      ) {
        return null;
      }
      at += piece.end - piece.begin;
    }
    return { codes, scales };
  }

  /** Whether `codes` would return any; where possible told without copying the codes. */
  hasCodes(source: RecoveredWeight, isTable: boolean): boolean {
    if (source.kind === 'vector' || source.matrix.literal !== undefined) return false;
    const least = isTable ? -128 : -127;
    const known = source.matrix.pieces.every((piece) => {
      const weight = this.quantized.get(piece.source);
      return (
        weight !== undefined && rowScales(weight, piece) !== null && this.leastOf(weight) >= least
      );
    });
    // `least` looks at all rows of the initializers: the rows outside the pieces may be the ones with the lower code.
    return known || this.codes(source, isTable) !== null;
  }

  private readonly ranges = new Map<QuantizedWeight, number>();

  /**
   * The smallest code of a weight minus its zero point, or -127 where it may be any above -128; -Infinity where a code is
   * above 127.
   */
  private leastOf(weight: QuantizedWeight): number {
    const known = this.ranges.get(weight);
    if (known !== undefined) return known;
    const least = leastCode(weight);
    this.ranges.set(weight, least);
    return least;
  }

  /** Whether two matrices hold the same numbers. A few are compared before all are. */
  same(a: Matrix, b: Matrix): boolean {
    if (a === b) return true;
    if (a.rows !== b.rows || a.columns !== b.columns) return false;
    if (a.literal !== undefined || b.literal !== undefined) return a.literal === b.literal;
    if (JSON.stringify(a.pieces) === JSON.stringify(b.pieces)) return true;
    for (let i = 0; i < SAMPLES; i++) if (this.sample(a, i) !== this.sample(b, i)) return false;
    const [left, right] = [this.rows(a), this.rows(b)];
    return left.every((x, i) => x === right[i]);
  }

  /** Sampled numbers of each piece, by initializer and range. */
  private readonly samples = new Map<string, (number | undefined)[]>();

  /** One sampled number of each piece, as text: most unequal matrices differ in the first. */
  private sample({ pieces, columns }: Matrix, i: number): string {
    return pieces.map((piece) => this.samplePiece(piece, columns, i)).join();
  }

  private samplePiece(piece: Piece, columns: number, i: number): number {
    const { source, transposed, begin, end } = piece;
    const key = `${begin} ${end} ${columns} ${transposed} ${source}`;
    const known = this.samples.get(key) ?? [];
    this.samples.set(key, known);
    const { dims, readRange, read } = this.initializer(source);
    const width = dims[1] ?? 1;
    const place = (n: number) => {
      const row = begin + Math.floor((n * (end - begin - 1)) / (SAMPLES - 1));
      const column = (n * 7919) % columns;
      return transposed ? column * width + row : row * width + column;
    };
    if (readRange) known[i] ??= readRange(place(i), place(i) + 1)[0] ?? 0;
    else if (known.length === 0) {
      const { data } = read();
      for (let n = 0; n < SAMPLES; n++) known.push(data[place(n)] ?? 0);
    }
    return known[i] ?? 0;
  }

  private rows(matrix: Matrix): Float32Array {
    if (matrix.literal !== undefined) return matrix.literal;
    const { rows, columns, pieces } = matrix;
    const result = new Float32Array(rows * columns);
    let at = 0;
    for (const piece of pieces) {
      const { data, dims } = this.initializer(piece.source).read();
      copyRows(data, dims[1] ?? 1, piece, columns, result, at * columns);
      at += piece.end - piece.begin;
    }
    return result;
  }

  private initializer(name: string): Initializer {
    const found = this.initializers.get(name);
    if (found !== undefined) return found;
    throw new SinterError('INTERNAL', `${this.path}: no tensor ${name}`);
  }
}

/** Columns that are copied together: enough to use whole cache lines. */
const STRIP = 16;

/** Copies the rows of a piece to `to` from element `at` on; `width` is the row length of the initializer. */
function copyRows<T extends Numbers>(
  from: Numbers,
  width: number,
  { begin, end, transposed }: Piece,
  columns: number,
  to: T,
  at: number,
): void {
  if (!transposed && width === columns) {
    to.set(from.subarray(begin * width, end * width), at);
    return;
  }
  const [rowStep, columnStep] = transposed ? [1, width] : [width, 1];
  for (let first = 0; first < columns; first += STRIP) {
    const last = Math.min(columns, first + STRIP);
    for (let row = begin; row < end; row++) {
      let index = row * rowStep + first * columnStep;
      let target = at + (row - begin) * columns + first;
      for (let c = first; c < last; c++, index += columnStep) to[target++] = from[index] as number;
    }
  }
}

/** Scale of each row of the piece; null unless codes have 8 bits and each row has one scale. */
function rowScales(weight: QuantizedWeight, piece: Piece): ((row: number) => number) | null {
  const { axis, blockSize, bits, scales } = weight;
  if (bits !== 8 || blockSize !== null) return null;
  if (axis === null) return () => scales[0] ?? 0;
  const rowAxis = piece.transposed ? 1 : 0;
  return axis === rowAxis || axis === rowAxis - weight.dims.length
    ? (row) => scales[row] ?? 0
    : null;
}

/** As `leastOf`; also -Infinity where rows differ in their zero points. */
function leastCode({ readCodes, zeroPoints, signed }: QuantizedWeight): number {
  const zero = zeroPoints[0] ?? 0;
  if (!zeroPoints.every((other) => other === zero)) return Number.NEGATIVE_INFINITY;
  const { buffer, byteOffset, length } = readCodes();
  // These zero points allow codes from -128 to 127, so only -128 has to be looked for.
  if (zero === (signed ? 0 : 128)) {
    const lowest = new Uint8Array(buffer, byteOffset, length).includes(signed ? 128 : 0);
    return lowest ? -128 : -127;
  }
  // Marks which of the 256 bytes occur: one store per code.
  const seen = new Uint8Array(256);
  const bytes = new Uint8Array(buffer, byteOffset, length);
  for (let i = 0; i < length; i++) seen[bytes[i] as number] = 1;
  let least = Number.POSITIVE_INFINITY;
  for (let byte = 0; byte < seen.length; byte++) {
    if (seen[byte] === 0) continue;
    const code = (signed ? (byte << 24) >> 24 : byte) - zero;
    if (code > 127) return Number.NEGATIVE_INFINITY;
    least = Math.min(least, code);
  }
  return least;
}

/** Copies the codes of a piece minus their zero points. Returns false when one is below `least` or above 127. */
function copyCodes(
  weight: QuantizedWeight,
  piece: Piece,
  columns: number,
  codes: Int8Array,
  scales: Float32Array,
  first: number,
  least: number,
): boolean {
  const scaleOf = rowScales(weight, piece);
  if (scaleOf === null) return false;
  // Copied as bits first: unsigned codes 128 to 255 arrive as -128 to -1 and are restored below.
  copyRows(weight.readCodes(), weight.dims[1] ?? 1, piece, columns, codes, first * columns);
  const { signed, axis, zeroPoints } = weight;
  for (let row = piece.begin; row < piece.end; row++) {
    const to = first + row - piece.begin;
    scales[to] = scaleOf(row);
    const zero = zeroPoints[axis === null ? 0 : row] ?? 0;
    for (let i = to * columns; i < (to + 1) * columns; i++) {
      const bits = codes[i] as number;
      const code = (signed ? bits : bits & 255) - zero;
      if (code < least || code > 127) return false;
      codes[i] = code;
    }
  }
  return true;
}
