/**
 * The files of an audit log in its folder, `audit-000001.jsonl` and so on, and how the end of the last one is found.
 *
 * The rule: what a kill left of a line at the end is cut off, and the next line says how many bytes they were and their hash. Whole
 * lines are never touched.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SinterError } from '../../core/errors.js';
import { brokenLine, NO_HASH } from './chain.js';

const NAME = /^audit-(\d{6,})\.jsonl$/;

/** Name of the file with this number. */
export function auditFileName(number: number): string {
  return `audit-${String(number).padStart(6, '0')}.jsonl`;
}

/** Numbers of the files in a folder, ascending. */
export async function auditFileNumbers(folder: string): Promise<number[]> {
  const names = await readdir(folder);
  return names
    .flatMap((name) => NAME.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

/** Where a log goes on. */
export interface AuditEnd {
  /** Number of the last file; 0 for a new log. */
  readonly file: number;
  readonly seq: number;
  readonly hash: string;
  /** Kind of the last line; null for a new log. */
  readonly kind: string | null;
  /** What was cut off at the end of the last file; null where it ended with a whole line. */
  readonly torn: { readonly bytes: number; readonly sha256: string } | null;
}

const NEW_LOG: AuditEnd = { file: 0, seq: 0, hash: NO_HASH, kind: null, torn: null };

/** Makes the folder, and heals the end of its last file. INVALID_DATA where the last whole line is broken. */
export async function openAuditEnd(folder: string, key: string | null): Promise<AuditEnd> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const numbers = await auditFileNumbers(folder);
  let torn: AuditEnd['torn'] = null;
  for (let i = numbers.length - 1; i >= 0; i--) {
    const file = numbers[i] ?? 0;
    const path = join(folder, auditFileName(file));
    const handle = await open(path, 'r+');
    try {
      const end = await healEnd(handle);
      torn = end.torn ?? torn;
      // A kill may come between a new file and its first line.
      if (end.last === null) continue;
      const checked = brokenLine(end.last, null, key);
      if ('what' in checked) {
        const what = `the last line cannot be continued: ${checked.what}; see sinter audit verify`;
        throw new SinterError('INVALID_DATA', `${path}: ${what}`, { details: { file: path } });
      }
      const { seq, hash, kind } = checked.line;
      return { file: numbers.at(-1) ?? file, seq, hash, kind, torn };
    } finally {
      await handle.close();
    }
  }
  return { ...NEW_LOG, file: numbers.at(-1) ?? 0, torn };
}

const LINE_FEED = 10;
/** A line is far shorter; what is longer was not written by us. */
const MOST_LINE_BYTES = 1 << 20;

/** Cuts off what follows the last line feed; returns the last whole line. */
async function healEnd(
  handle: FileHandle,
): Promise<{ readonly last: string | null; readonly torn: AuditEnd['torn'] }> {
  const { size } = await handle.stat();
  const begin = Math.max(0, size - 2 * MOST_LINE_BYTES);
  const bytes = Buffer.alloc(size - begin);
  const { bytesRead } = await handle.read(bytes, 0, bytes.length, begin);
  const tail = bytes.subarray(0, bytesRead);
  const end = tail.lastIndexOf(LINE_FEED);
  const rest = tail.subarray(end + 1);
  let torn: AuditEnd['torn'] = null;
  if (rest.length > 0) {
    const sha256 = createHash('sha256').update(rest).digest('hex');
    torn = { bytes: rest.length, sha256 };
    await handle.truncate(begin + end + 1);
    await handle.sync();
  }
  if (end < 0) return { last: null, torn };
  const from = end === 0 ? -1 : tail.lastIndexOf(LINE_FEED, end - 1);
  return { last: tail.subarray(from + 1, end).toString('utf8'), torn };
}
