/**
 * NumPy's .npy format, version 1.0, for one f32 matrix written row by row.
 *
 * The rule: the header has a fixed size, so the number of rows can be put in after the rows are known.
 */
import type { FileHandle } from 'node:fs/promises';

/** A multiple of 64, as the format asks; holds any shape. */
const HEADER_BYTES = 128;
const MAGIC = Buffer.from('\u0093NUMPY\u0001\u0000', 'latin1');

/** The bytes before the data of a [rows, cols] matrix of little-endian f32 in row order. */
export function npyHeader(rows: number, cols: number): Uint8Array {
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${cols}), }`;
  const header = Buffer.alloc(HEADER_BYTES, ' ');
  MAGIC.copy(header);
  header.writeUInt16LE(HEADER_BYTES - MAGIC.length - 2, MAGIC.length);
  header.write(text, MAGIC.length + 2, 'latin1');
  header.write('\n', HEADER_BYTES - 1);
  return header;
}

/** Writes rows as they come; `finish` puts the shape into the header. */
export class NpyWriter {
  private rows = 0;
  private cols = 0;
  private position = HEADER_BYTES;

  constructor(private readonly file: FileHandle) {}

  async write(data: Float32Array, cols: number): Promise<void> {
    const bytes = littleEndian(data);
    await this.file.write(bytes, 0, bytes.length, this.position);
    this.position += bytes.length;
    this.cols = cols;
    this.rows += cols === 0 ? 0 : data.length / cols;
  }

  async finish(): Promise<void> {
    const header = npyHeader(this.rows, this.cols);
    await this.file.write(header, 0, header.length, 0);
  }
}

function littleEndian(data: Float32Array): Uint8Array {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const isLittle = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
  return isLittle ? bytes : Buffer.from(bytes).swap32();
}
