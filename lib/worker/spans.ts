/**
 * Where the lines of a file begin, in bytes, and the hash of its bytes.
 *
 * The rule: lines are counted as the readers of data count them; where a byte scan cannot do that there are no places.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { throwIfAborted } from '../core/errors.js';
import { aboutFile } from '../files/index.js';

export interface FileBytes {
  readonly bytes: number;
  /** SHA-256 in hexadecimal digits. */
  readonly sha256: string;
  /** The first byte of each line that was asked for; null where a lone carriage return ends a line. */
  readonly starts: readonly number[] | null;
}

const LF = 0x0a;
const CR = 0x0d;
const CHUNK_BYTES = 256 * 1024;

/** Reads the whole file. `lines` are numbers from 1, ascending. */
export async function scanFile(
  path: string,
  lines: readonly number[],
  signal: AbortSignal | undefined,
): Promise<FileBytes> {
  const hash = createHash('sha256');
  const starts: number[] = [];
  let [bytes, line, isLoneCr, endsInCr] = [0, 1, false, false];
  const take = (start: number) => {
    while (lines[starts.length] === line) starts.push(start);
  };
  take(0);
  await aboutFile(path, async () => {
    for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES })) {
      throwIfAborted(signal, `reading ${path}`);
      const piece = chunk as Buffer;
      hash.update(piece);
      if (endsInCr && piece[0] !== LF) isLoneCr = true;
      isLoneCr ||= hasLoneCr(piece);
      endsInCr = piece.at(-1) === CR;
      for (let at = piece.indexOf(LF); at >= 0; at = piece.indexOf(LF, at + 1)) {
        line += 1;
        take(bytes + at + 1);
      }
      bytes += piece.length;
    }
  });
  return { bytes, sha256: hash.digest('hex'), starts: isLoneCr || endsInCr ? null : starts };
}

/** Whether a carriage return has another byte than a line feed behind it. */
function hasLoneCr(piece: Buffer): boolean {
  for (let at = piece.indexOf(CR); at >= 0; at = piece.indexOf(CR, at + 1)) {
    if (at + 1 < piece.length && piece[at + 1] !== LF) return true;
  }
  return false;
}
