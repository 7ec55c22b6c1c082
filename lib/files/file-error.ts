/**
 * Errors of the file system in words: one line with the path that the user knows, and the code FILE_SYSTEM.
 *
 * The rule: an error of the operating system never leaves the library unchanged; `details.errno` keeps its name.
 */
import { SinterError } from '../core/errors.js';

const PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  ENOTDIR: 'not a folder',
  EISDIR: 'is a folder, not a file',
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EROFS: 'the file system is read-only',
  EEXIST: 'exists already',
  ENOTEMPTY: 'has been filled in the meantime',
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'larger than a file may be here',
  EBUSY: 'in use, or a mount point',
  ENAMETOOLONG: 'the name is too long',
  ELOOP: 'too many links, or links in a circle',
  EXDEV: 'on another file system',
  EMFILE: 'too many open files in this process',
  ENFILE: 'too many open files on this machine',
  EIO: 'the device failed',
  ESTALE: 'the network folder is gone',
  ETXTBSY: 'is a program that runs',
  EINVAL: 'not possible on this file system',
  ENOTSUP: 'not possible on this file system',
  EOPNOTSUPP: 'not possible on this file system',
  ENOSYS: 'not possible on this file system',
  ENXIO: 'the device is gone',
  ENODEV: 'the device is gone',
  EMLINK: 'too many names in one folder',
};

/** Name of an error of the operating system (such as ENOSPC), even after it became a SinterError; null for other errors. */
export function errnoOf(error: unknown): string | null {
  if (error instanceof SinterError) {
    const { errno } = error.details;
    return error.code === 'FILE_SYSTEM' && typeof errno === 'string' ? errno : null;
  }
  if (!(error instanceof Error)) return null;
  const { code } = error as NodeJS.ErrnoException;
  return code !== undefined && Object.hasOwn(PROBLEMS, code) ? code : null;
}

/** The meaning of an error name, in words. */
export function problemOf(errno: string): string {
  return PROBLEMS[errno] ?? 'refused by the file system';
}

export interface FileErrorOptions {
  /** Added to the message: for example how many bytes were needed, or where the result is now. */
  readonly note?: string;
  /** Path of a finished result that could not be moved to its place. */
  readonly kept?: string;
  readonly cause?: unknown;
}

export function fileSystemError(
  errno: string,
  path: string,
  { note, kept, cause }: FileErrorOptions = {},
): SinterError {
  const more = note === undefined ? '' : `; ${note}`;
  const details = { file: path, errno, ...(kept !== undefined && { kept }) };
  return new SinterError('FILE_SYSTEM', `${path}: ${problemOf(errno)} (${errno})${more}`, {
    details,
    cause,
  });
}

/** Turns an error of the operating system into a SinterError about `path`; returns any other error as it is. */
export function fileError(error: unknown, path: string, options: FileErrorOptions = {}): unknown {
  const errno = errnoOf(error);
  if (errno === null) return error;
  // An earlier error's details stay: how many bytes were needed, where the result was kept.
  if (error instanceof SinterError && error.details.file === path) return error;
  const kept = error instanceof SinterError ? error.details.kept : undefined;
  const said = typeof kept === 'string' ? { kept, note: keptNote(kept) } : {};
  return fileSystemError(errno, path, { ...said, ...options, cause: error });
}

export function keptNote(kept: string): string {
  return `the result is complete in ${kept}`;
}

/** Runs `work`; an error of the file system becomes a SinterError about `path`. */
export async function aboutFile<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fileError(error, path);
  }
}
