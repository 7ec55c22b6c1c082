/**
 * Fingerprints of files that a job reads: size and SHA-256 of the content.
 *
 * The rule: the name and the time of a file do not count, so that a copy of the input on another machine is the same input.
 */
import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SinterError, throwIfAborted } from '../core/errors.js';
import { type FileStamp, isUnchanged, openRegular, readUpTo } from '../core/files.js';

/** Bytes that are hashed in one turn: a millisecond. */
const PIECE = 1 << 20;
/** Hexadecimal digits that are kept of a hash: 128 bits. */
const DIGITS = 32;

/** A file as it was when its fingerprint was taken. */
export interface FingerprintedFile {
  /** `1234 bytes, sha256 0123...`. */
  readonly fingerprint: string;
  readonly stamp: FileStamp;
}

/** Reads the whole file. INVALID_DATA where it cannot be opened, is no regular file, or changes meanwhile. */
export async function fingerprintFile(
  path: string,
  signal: AbortSignal | undefined,
): Promise<FingerprintedFile> {
  const handle = await openRegular(path, (what, cause) => problem(path, what, cause));
  try {
    const stamp = await handle.stat();
    const hash = createHash('sha256');
    const piece = new Uint8Array(PIECE);
    let size = 0;
    for (;;) {
      throwIfAborted(signal, `reading ${path}`);
      const count = await readUpTo(handle, size, piece);
      hash.update(piece.subarray(0, count));
      size += count;
      if (count < PIECE) break;
    }
    if (size !== stamp.size) throw problem(path, 'changed while it was read');
    const digits = hash.digest('hex').slice(0, DIGITS);
    return { fingerprint: `${size} bytes, sha256 ${digits}`, stamp };
  } finally {
    await handle.close();
  }
}

/** INVALID_DATA if the file has been written to or replaced since. */
export async function checkUnchanged(path: string, { stamp }: FingerprintedFile): Promise<void> {
  if (!(await isUnchanged(path, stamp))) throw problem(path, 'changed while it was read');
}

/** The fingerprint of all files of a folder, at any depth, with their names; or of a single file. */
export async function fingerprintFolder(
  path: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  const hash = createHash('sha256');
  for (const name of await filesOf(path)) {
    const { fingerprint } = await fingerprintFile(join(path, name), signal);
    hash.update(`${JSON.stringify(name)} ${fingerprint}\n`);
  }
  return `sha256 ${hash.digest('hex').slice(0, DIGITS)}`;
}

/** Paths of the files below a folder, the folder itself being ''; of a file only ''. */
async function filesOf(path: string, inner = ''): Promise<string[]> {
  const here = join(path, inner);
  if (!(await stat(here)).isDirectory()) return [inner];
  const names = (await readdir(here)).sort();
  const lists = [];
  for (const name of names) lists.push(await filesOf(path, join(inner, name)));
  return lists.flat();
}

function problem(file: string, what: string, cause?: unknown): SinterError {
  const given = cause === undefined ? {} : { cause };
  return new SinterError('INVALID_DATA', `${file}: ${what}`, { details: { file }, ...given });
}
