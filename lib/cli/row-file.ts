/**
 * The file that a command writes its rows to, behind one interface whether it can be resumed or not.
 */
import type { BulkProgress } from '../bulk/partial-file.js';
import type { FilePlace } from '../files/index.js';

/** A file that grows at its end. */
export interface RowFile {
  /** Bytes written so far. */
  readonly bytes: number;
  append(data: string | Uint8Array): Promise<void>;
  /** Writes over bytes that are there. */
  patch(data: Uint8Array, position: number): Promise<void>;
}

/** The progress of a job that has just begun. */
export const NOTHING_DONE: BulkProgress = { rows: 0, bytes: 0, notes: [] };

/** The temporary file of a place. */
export function rowFileOf({ file }: FilePlace): RowFile {
  let bytes = 0;
  return {
    get bytes() {
      return bytes;
    },
    async append(data) {
      const own = typeof data === 'string' ? Buffer.from(data) : data;
      await file.appendFile(own);
      bytes += own.length;
    },
    async patch(data, position) {
      await file.write(data, 0, data.length, position);
    },
  };
}
