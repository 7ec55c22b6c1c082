/**
 * Opens files that somebody else chose, and tells whether a file has changed since it was opened.
 *
 * The rule: only regular files are opened. A pipe or a device has no known end, and opening one may block for ever.
 */

import { constants, type Stats } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { MAX_POINTER_BYTES, pointerProblem } from './lfs-pointer.js';

/** If a pipe takes the file's place between `stat` and `open`, `open` must not block (Windows has no such flag). */
const READ_ONLY = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

const PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  ENOTDIR: 'no such file',
  EACCES: 'permission denied',
  ELOOP: 'a link that leads to itself',
  ENAMETOOLONG: 'the name is too long',
};

/**
 * Opens a regular file for reading. If the file is missing or unreadable, not a regular file, or a Git LFS pointer, the
 * error of `problem` is thrown; other failures of the system are thrown as they are.
 */
export async function openRegular(
  path: string,
  problem: (what: string, cause?: unknown) => Error,
): Promise<FileHandle> {
  const fail = (cause: NodeJS.ErrnoException): never => {
    const what = PROBLEMS[cause.code ?? ''];
    throw what === undefined ? cause : problem(what, cause);
  };
  // `stat` comes before `open` because opening a device may change its state.
  const before = await stat(path).catch(fail);
  if (before.isDirectory()) throw problem('is a folder, not a file');
  if (!before.isFile()) throw problem('not a regular file');
  const handle = await open(path, READ_ONLY).catch(fail);
  const what = await whyNotRead(handle);
  if (what === null) return handle;
  await handle.close();
  throw problem(what);
}

async function whyNotRead(handle: FileHandle): Promise<string | null> {
  const stats = await handle.stat();
  if (!stats.isFile()) return 'not a regular file';
  if (stats.size >= MAX_POINTER_BYTES) return null;
  const head = new Uint8Array(stats.size);
  return pointerProblem(head.subarray(0, await readUpTo(handle, 0, head)), stats.size);
}

/** Reads from byte `position` on until `target` is full or the file ends. Returns the number of bytes read. */
export async function readUpTo(
  handle: FileHandle,
  position: number,
  target: Uint8Array,
): Promise<number> {
  let done = 0;
  while (done < target.byteLength) {
    const wanted = target.byteLength - done;
    const { bytesRead } = await handle.read(target, done, wanted, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

/** Properties of a file that change when it is written to or replaced. */
export type FileStamp = Pick<Stats, 'dev' | 'ino' | 'size' | 'mtimeMs'>;

/** Whether the file at `path` still has the properties in `stamp`. */
export async function isUnchanged(path: string, stamp: FileStamp): Promise<boolean> {
  const now = await stat(path).catch(() => null);
  return (
    now !== null &&
    now.dev === stamp.dev &&
    now.ino === stamp.ino &&
    now.size === stamp.size &&
    now.mtimeMs === stamp.mtimeMs
  );
}

/** Stamps of several files, all taken at one time. */
export class FileStamps {
  private constructor(private readonly stamps: ReadonlyMap<string, FileStamp>) {}

  /** Takes the stamps of the files that exist; missing files are left out. */
  static async take(paths: readonly string[]): Promise<FileStamps> {
    const stamps = new Map<string, FileStamp>();
    for (const path of paths) {
      const stats = await stat(path).catch(() => null);
      if (stats !== null) stamps.set(path, stats);
    }
    return new FileStamps(stamps);
  }

  /** Path of the first file that has changed since its stamp was taken; null if none has. */
  async firstChanged(): Promise<string | null> {
    for (const [path, stamp] of this.stamps) if (!(await isUnchanged(path, stamp))) return path;
    return null;
  }
}
