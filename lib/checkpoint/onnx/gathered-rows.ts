/**
 * Rows of a matrix back to back, from numbers that may lie column by column.
 *
 * Memory is used again: what is given is only valid until the next call.
 */

import { native } from '../../native/native.js';

/** Read at a time. */
export const BLOCK_BYTES = 1 << 20;

export type Raw = Float32Array | Uint16Array | Int8Array;

/** Bytes that are used again and again: new ones would cost more than what is done with them. */
class Bytes {
  private all = new Uint8Array(BLOCK_BYTES);

  /** `length` bytes from the first of a buffer on, with what was in them. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    if (this.all.length < length) this.all = new Uint8Array(length);
    return this.all.subarray(0, length);
  }
}

/** What is read, and what is made of it. */
export class Memory {
  readonly read = new Bytes();
  readonly write = new Bytes();
}

/** Where rows and columns lie in numbers that were read. */
export interface Layout {
  readonly at: number;
  readonly rows: number;
  readonly columns: number;
  readonly rowStep: number;
  readonly columnStep: number;
}

/** Rows and columns of a layout back to back; `from` itself where they are so already. */
export function gathered<T extends Raw>(from: T, layout: Layout, memory: Memory): T {
  const { at, rows, columns, rowStep, columnStep } = layout;
  const total = rows * columns;
  if (columnStep === 1 && rowStep === columns && at === 0 && from.length === total) return from;
  const made = from.constructor as new (buffer: ArrayBuffer, begin: number, length: number) => T;
  const to = new made(memory.write.bytes(total * from.BYTES_PER_ELEMENT).buffer, 0, total);
  native().gatherRows(from, at, rows, columns, rowStep, columnStep, to);
  return to;
}
