/**
 * Rows of a matrix back to back, from numbers that may lie column by column.
 *
 * Memory is used again: what is given is only valid until the next call.
 */

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

/** Columns that are copied together: their cache lines are used whole. */
const STRIP = 16;

/** Rows and columns of a layout back to back; `from` itself where they are so already. */
export function gathered<T extends Raw>(from: T, layout: Layout, memory: Memory): T {
  const { at, rows, columns, rowStep, columnStep } = layout;
  const total = rows * columns;
  if (columnStep === 1 && rowStep === columns && at === 0 && from.length === total) return from;
  const made = from.constructor as new (buffer: ArrayBuffer, begin: number, length: number) => T;
  const to = new made(memory.write.bytes(total * from.BYTES_PER_ELEMENT).buffer, 0, total);
  if (to instanceof Int8Array && from instanceof Int8Array && isInWords(layout)) {
    transposeBytes(from, layout, to);
    return to;
  }
  for (let first = 0; first < columns; first += STRIP) {
    const last = Math.min(columns, first + STRIP);
    for (let row = 0; row < rows; row++) {
      let index = at + row * rowStep + first * columnStep;
      let target = row * columns + first;
      for (let c = first; c < last; c++, index += columnStep) to[target++] = from[index] as number;
    }
  }
  return to;
}

/** Whether four bytes of every column lie in one word, and four of every row are to. */
function isInWords({ at, rows, columns, rowStep, columnStep }: Layout): boolean {
  return rowStep === 1 && [at, rows, columns, columnStep].every((count) => count % 4 === 0);
}

/** Columns of bytes whose cache lines are used whole by the words of 64 bytes. */
const BYTE_STRIP = 64;

/** `gathered` of bytes that lie column by column: four by four, a word of each column becomes a word of each row. */
function transposeBytes(from: Int8Array, layout: Layout, to: Int8Array): void {
  const [at, rows, columns, step] = [
    layout.at / 4,
    layout.rows / 4,
    layout.columns / 4,
    layout.columnStep / 4,
  ];
  const source = new Int32Array(from.buffer, from.byteOffset, from.length >> 2);
  const target = new Int32Array(to.buffer, to.byteOffset, to.length >> 2);
  for (let first = 0; first < columns; first += BYTE_STRIP / 4) {
    const last = Math.min(columns, first + BYTE_STRIP / 4);
    for (let row = 0; row < rows; row++) {
      for (let column = first; column < last; column++) {
        const index = at + row + 4 * column * step;
        const a = source[index] as number;
        const b = source[index + step] as number;
        const c = source[index + 2 * step] as number;
        const d = source[index + 3 * step] as number;
        const place = 4 * row * columns + column;
        target[place] = (a & 255) | ((b & 255) << 8) | ((c & 255) << 16) | (d << 24);
        target[place + columns] =
          ((a >>> 8) & 255) | (b & 0xff00) | ((c & 0xff00) << 8) | ((d & 0xff00) << 16);
        target[place + 2 * columns] =
          ((a >>> 16) & 255) | ((b >>> 8) & 0xff00) | (c & 0xff0000) | ((d & 0xff0000) << 8);
        target[place + 3 * columns] =
          (a >>> 24) | ((b >>> 16) & 0xff00) | ((c >>> 8) & 0xff0000) | (d & 0xff000000);
      }
    }
  }
}
