/**
 * Opening a file that somebody else chose, and knowing whether it is still the same one later.
 *
 * The rule: only regular files are opened. A pipe or a device has no end that can be known, and opening one may wait for ever.
 */

import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';

/** A pipe that takes a file's place between the look and the opening must not stop us (Windows has no such flag). */
const READ_ONLY = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

const PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  ENOTDIR: 'no such file',
  EACCES: 'permission denied',
  ELOOP: 'a link that leads to itself',
  ENAMETOOLONG: 'the name is too long',
};

/**
 * Opens a regular file for reading. `problem` makes the error for what is none, or is not there; other failures of the
 * system are thrown as they are.
 */
export async function openRegular(
  path: string,
  problem: (what: string, cause?: unknown) => Error,
): Promise<FileHandle> {
  const fail = (cause: NodeJS.ErrnoException): never => {
    const what = PROBLEMS[cause.code ?? ''];
    throw what === undefined ? cause : problem(what, cause);
  };
  // Opening a device may do something to it.
  const before = await stat(path).catch(fail);
  if (before.isDirectory()) throw problem('is a folder, not a file');
  if (!before.isFile()) throw problem('not a regular file');
  const handle = await open(path, READ_ONLY).catch(fail);
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw problem('not a regular file');
}
