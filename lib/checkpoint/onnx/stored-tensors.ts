/**
 * Reads the weights of a recovered graph from their location in the ONNX file, a block of rows at a time and off the
 * JavaScript thread, without its graph and without a worker.
 *
 * The numbers have the same bits as those of `WeightReader`. The event loop gets a turn between two blocks.
 */

import type { FileHandle } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { SinterError } from '../../core/errors.js';
import { type FileStamp, isUnchanged, openRegular, readUpTo } from '../../core/files.js';
import { bf16ToF32, f16ToF32 } from '../../formats/float16.js';
import type { RecoveredWeight } from '../../formats/onnx/import/index.js';
import type { StoredTensor, TensorSource } from '../../formats/weight-files.js';
import { bytesOf } from '../../runtime/program.js';
import { BLOCK_BYTES, gathered, Memory, type Raw } from './gathered-rows.js';
import { namesOfScales, type OnnxTensorSet, tensorSet } from './onnx-tensor-set.js';
import { elementBytes, type StoredMatrices, type StoredMatrix } from './stored-weights.js';

/** A file of the model, with its stamp from when its content was hashed. */
export interface StoredFile {
  /** Name of the file, as external data names it; '' for the model's own. */
  readonly name: string;
  readonly path: string;
  readonly stamp: FileStamp;
}

export interface StoredContents extends OnnxTensorSet {
  readonly matrices: StoredMatrices;
  /** Names of weights that are only looked up: their codes may be -128. */
  readonly tables: ReadonlySet<string>;
  readonly files: readonly StoredFile[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** Rows [begin, end) of a matrix, or its columns where it is transposed. */
type Piece = Extract<RecoveredWeight, { kind: 'matrix' }>['matrix']['pieces'][number];

export class StoredTensors implements TensorSource {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: Readonly<Record<string, string>>;
  private readonly contents: StoredContents;
  /** For each tensor of scales the name of its weight. */
  private readonly scales: ReadonlyMap<string, string>;
  private readonly handles = new Map<string, Promise<FileHandle>>();
  private closed = false;
  /** Buffers of the last tensor, kept for the next; null while in use. */
  private memory: Memory | null = null;

  constructor(path: string, contents: StoredContents) {
    this.path = path;
    this.contents = contents;
    this.metadata = contents.metadata;
    this.tensors = tensorSet(contents);
    this.scales = namesOfScales(contents.quantized);
  }

  async *readChunks(name: string, maxBytes: number): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const numbers of this.blocks(name, maxBytes)) {
      yield bytesOf(numbers);
      await setImmediate();
    }
  }

  async readFloats(name: string): Promise<Float32Array> {
    const { dtype, shape } = this.tensors.get(name) ?? { dtype: 'F32', shape: [] };
    if (dtype !== 'F32') {
      throw new SinterError('INTERNAL', `${this.path}: ${name} does not hold floats`);
    }
    const all = new Float32Array(shape.reduce((a, b) => a * b, 1));
    let at = 0;
    for await (const block of this.blocks(name, BLOCK_BYTES)) {
      all.set(block, at);
      at += block.length;
    }
    return all;
  }

  async checkUnchanged(): Promise<void> {
    for (const { path, stamp } of this.contents.files) {
      if (!(await isUnchanged(path, stamp))) throw this.changed(path);
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    const open = [...this.handles.values()];
    this.handles.clear();
    for (const handle of open) await handle.then((one) => one.close()).catch(() => {});
  }

  private changed(path: string): SinterError {
    return new SinterError('CORRUPT_MODEL', `${path}: has changed since the model was read`, {
      details: { file: path, category: 'data' },
    });
  }

  /** All numbers of a tensor in blocks of whole rows, each valid only until the next. */
  private async *blocks(
    name: string,
    maxBytes: number,
  ): AsyncGenerator<Float32Array | Int8Array, void, undefined> {
    if (this.closed) throw new SinterError('DISPOSED', `${this.path}: the file was closed`);
    const scaled = this.scales.get(name);
    const source = this.contents.sources.get(scaled ?? name);
    if (source === undefined) throw new SinterError('INTERNAL', `${this.path}: no tensor ${name}`);
    if (source.kind === 'vector') yield source.vector.values;
    else if (source.matrix.literal !== undefined) yield source.matrix.literal;
    else {
      const { pieces, columns } = source.matrix;
      if (scaled !== undefined) yield this.scalesOf(pieces, scaled);
      else {
        const least = this.contents.tables.has(name) ? -128 : -127;
        const codes = this.contents.quantized.has(name) ? { least } : null;
        const most = Math.max(1, Math.floor(maxBytes / (columns * (codes ? 1 : 4))));
        // A multiple of four rows, so that blocks can be moved in words.
        const rows = most < 4 ? most : most - (most % 4);
        const memory = this.memory ?? new Memory();
        this.memory = null;
        for (const piece of pieces) yield* this.rowsOf(piece, columns, rows, codes, memory);
        this.memory = memory;
      }
    }
  }

  private matrix(name: string): StoredMatrix {
    const found = this.contents.matrices.get(name);
    if (found !== undefined) return found;
    throw new SinterError('INTERNAL', `${this.path}: no tensor ${name}`);
  }

  private scalesOf(pieces: readonly Piece[], name: string): Float32Array {
    const scales = new Float32Array(pieces.reduce((sum, { begin, end }) => sum + end - begin, 0));
    let at = 0;
    for (const piece of pieces) {
      const { codes } = this.matrix(piece.source);
      const one = codes?.axis === null;
      if (codes === null || (!one && codes.axis !== (piece.transposed ? 1 : 0))) {
        throw new SinterError('INTERNAL', `${name} is not int8`);
      }
      for (let row = piece.begin; row < piece.end; row++) {
        scales[at++] = codes.scales[one ? 0 : row] ?? 0;
      }
    }
    return scales;
  }

  /** Rows of a piece, at most `most` at a time. */
  private async *rowsOf(
    piece: Piece,
    columns: number,
    most: number,
    asCodes: { readonly least: number } | null,
    memory: Memory,
  ): AsyncGenerator<Float32Array | Int8Array, void, undefined> {
    const { view, codes } = this.matrix(piece.source);
    const [down = 0, right = 0] = view.strides;
    const [rowStep, columnStep] = piece.transposed ? [right, down] : [down, right];
    const read = (begin: number, end: number) => {
      const first = view.start + begin * rowStep;
      const last = view.start + (end - 1) * rowStep + (columns - 1) * columnStep;
      return this.read(view, first, last + 1, memory);
    };
    // The numbers of a column are spread over the file, so the range of the whole piece is read once.
    const whole = columnStep === 1 ? null : await read(piece.begin, piece.end);
    for (let begin = piece.begin; begin < piece.end; begin += most) {
      const end = Math.min(piece.end, begin + most);
      const from = whole ?? (await read(begin, end));
      const at = whole === null ? 0 : (begin - piece.begin) * rowStep;
      const layout = { at, rows: end - begin, columns, rowStep, columnStep };
      if (codes === null) yield asFloats(gathered(from, layout, memory), view.dtype);
      else {
        const bits = gathered(from, layout, memory) as Int8Array;
        const signed = view.dtype === 'int8';
        const place = { signed, columns, begin, along: piece.transposed ? 1 : 0 } as const;
        if (asCodes === null) yield widened(bits, codes, place);
        else yield this.shifted(bits, codes, place, asCodes.least);
      }
    }
  }

  /** Subtracts the zero points from codes, in place. */
  private shifted(
    bits: Int8Array,
    { axis, zeroPoints }: NonNullable<StoredMatrix['codes']>,
    { signed, columns, begin }: CodePlace,
    least: number,
  ): Int8Array {
    const middle = signed ? 0 : 128;
    const outside = zeroPoints.every((zero) => zero === middle)
      ? turnSigns(bits, signed, least)
      : subtractZeros(bits, (row) => zeroPoints[axis === null ? 0 : row] ?? 0, {
          mask: signed ? -1 : 255,
          columns,
          begin,
          least,
        });
    if (!outside) return bits;
    throw new SinterError('INTERNAL', `${this.path}: codes beyond int8`);
  }

  /** Reads numbers [begin, end), counted from the first byte of the view. */
  private async read(
    view: StoredMatrix['view'],
    begin: number,
    end: number,
    memory: Memory,
  ): Promise<Raw> {
    const handle = await this.handle(view.file);
    const size = elementBytes(view);
    const bytes = memory.read.bytes((end - begin) * size);
    const there = await readUpTo(handle, view.begin + begin * size, bytes);
    if (there < bytes.length) throw this.changed(this.path);
    const { buffer } = bytes;
    if (size === 4) return new Float32Array(buffer, 0, end - begin);
    return size === 2
      ? new Uint16Array(buffer, 0, end - begin)
      : new Int8Array(buffer, 0, end - begin);
  }

  private handle(name: string): Promise<FileHandle> {
    const known = this.handles.get(name);
    if (known !== undefined) return known;
    const opened = this.open(name);
    this.handles.set(name, opened);
    return opened;
  }

  private async open(name: string): Promise<FileHandle> {
    const file = this.contents.files.find((one) => one.name === name);
    if (file === undefined) throw new SinterError('INTERNAL', `${this.path}: no file ${name}`);
    const handle = await openRegular(file.path, () => this.changed(file.path));
    const { dev, ino, size, mtimeMs } = await handle.stat();
    const { stamp } = file;
    const same = dev === stamp.dev && ino === stamp.ino && size === stamp.size;
    if (same && mtimeMs === stamp.mtimeMs) return handle;
    await handle.close();
    throw this.changed(file.path);
  }
}

/**
 * Subtracts 128 from unsigned codes, nothing from signed ones, four at a time. Returns whether a result is below `least`,
 * which is -128 or -127.
 */
function turnSigns(bits: Int8Array, signed: boolean, least: number): boolean {
  const words = new Int32Array(bits.buffer, bits.byteOffset, bits.length >> 2);
  if (!signed) {
    for (let i = 0; i < words.length; i++) words[i] = (words[i] as number) ^ 0x80808080;
    for (let i = 4 * words.length; i < bits.length; i++) bits[i] = (bits[i] as number) ^ 0x80;
  }
  return least > -128 && bits.includes(-128);
}

interface Subtraction {
  readonly mask: number;
  readonly columns: number;
  /** Index of the first row in the matrix. */
  readonly begin: number;
  readonly least: number;
}

/** Subtracts from every code the zero point of its row, in place. Returns whether a result is outside [least, 127]. */
function subtractZeros(
  bits: Int8Array,
  zeroOf: (row: number) => number,
  { mask, columns, begin, least }: Subtraction,
): boolean {
  let outside = 0;
  for (let i = 0, row = begin; i < bits.length; row++) {
    const zero = zeroOf(row);
    for (const end = i + columns; i < end; i++) {
      const code = ((bits[i] as number) & mask) - zero;
      // Gets negative when a code is outside: this avoids a branch for each of millions of codes.
      outside |= (code - least) | (127 - code);
      bits[i] = code;
    }
  }
  return outside < 0;
}

function asFloats(numbers: Raw, dtype: StoredMatrix['view']['dtype']): Float32Array {
  if (dtype === 'float16') return f16ToF32(numbers as Uint16Array);
  return dtype === 'bfloat16' ? bf16ToF32(numbers as Uint16Array) : (numbers as Float32Array);
}

interface CodePlace {
  readonly signed: boolean;
  readonly columns: number;
  /** Index of the first row in the matrix. */
  readonly begin: number;
  /** Axis of the matrix along which rows run. */
  readonly along: 0 | 1;
}

/** (code - zero point) * scale, rounded to float32 once. */
function widened(
  bits: Int8Array,
  { axis, scales, zeroPoints }: NonNullable<StoredMatrix['codes']>,
  { signed, columns, begin, along }: CodePlace,
): Float32Array {
  const result = new Float32Array(bits.length);
  const [byRow, byColumn] = [axis === along, axis === 1 - along];
  for (let i = 0, row = begin; i < bits.length; row++) {
    for (let c = 0; c < columns; c++, i++) {
      const group = byRow ? row : byColumn ? c : 0;
      const code = signed ? (bits[i] as number) : (bits[i] as number) & 255;
      result[i] = (code - (zeroPoints[group] as number)) * (scales[group] as number);
    }
  }
  return result;
}
