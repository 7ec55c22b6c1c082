/**
 * NumPy's .npy format, version 1.0, for one f32 matrix written row by row.
 *
 * The rule: the header has a fixed size, so the number of rows can be put in after the rows are known.
 */
import { littleEndian } from '../bulk/little-endian.js';
import type { RowFile } from './row-file.js';

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
  /** `rows`: rows that are in the file already. */
  constructor(
    private readonly file: RowFile,
    private rows: number,
  ) {}

  async write(data: Float32Array, cols: number): Promise<void> {
    if (this.file.bytes === 0) await this.file.append(npyHeader(0, 0));
    await this.file.append(littleEndian(data));
    this.rows += cols === 0 ? 0 : data.length / cols;
  }

  async finish(): Promise<void> {
    const { file, rows } = this;
    if (file.bytes === 0) await file.append(npyHeader(0, 0));
    // The width is what the rows have, those of an earlier process too.
    const cols = rows === 0 ? 0 : (file.bytes - HEADER_BYTES) / 4 / rows;
    await file.patch(npyHeader(rows, cols), 0);
  }
}
