/**
 * Copies rows of a matrix back to back, from numbers that may be stored column by column.
 *
 * Memory is reused: a result is valid only until the next call.
 */

import { native } from '../../native/native.js';

/** Most bytes of one read. */
export const BLOCK_BYTES = 1 << 20;

export type Raw = Float32Array | Uint16Array | Int8Array;

/** A buffer that is reused, because a new one for each block would cost more than the work on it. */
class Bytes {
  private all = new Uint8Array(BLOCK_BYTES);

  /** A view of the first `length` bytes, with their old content. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    if (this.all.length < length) this.all = new Uint8Array(length);
    return this.all.subarray(0, length);
  }
}

/** Buffers for the numbers that are read, and for the rows made from them. */
export class Memory {
  readonly read = new Bytes();
  readonly write = new Bytes();
}

/** Position of rows and columns in an array of numbers. */
export interface Layout {
  readonly at: number;
  readonly rows: number;
  readonly columns: number;
  readonly rowStep: number;
  readonly columnStep: number;
}

/** The rows and columns of a layout back to back; `from` itself if they already are. */
export function gathered<T extends Raw>(from: T, layout: Layout, memory: Memory): T {
  const { at, rows, columns, rowStep, columnStep } = layout;
  const total = rows * columns;
  if (columnStep === 1 && rowStep === columns && at === 0 && from.length === total) return from;
  const made = from.constructor as new (buffer: ArrayBuffer, begin: number, length: number) => T;
  const to = new made(memory.write.bytes(total * from.BYTES_PER_ELEMENT).buffer, 0, total);
  native().gatherRows(from, at, rows, columns, rowStep, columnStep, to);
  return to;
}
