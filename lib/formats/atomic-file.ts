/**
 * Files and folders that appear whole or not at all.
 *
 * Everything is written under a temporary name beside its target and renamed at the end; a failure
 * removes what was begun, so a crash leaves at most a hidden `.*.tmp` and never half a model.
 */

import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { rangeMistake } from '../core/errors.js';

/** A name in the target's own folder, so that the rename stays inside one file system. */
function temporaryName(target: string): string {
  return join(dirname(target), `.${basename(target)}.${randomBytes(6).toString('hex')}.tmp`);
}

/**
 * Lets `write` fill a temporary file, then renames it to `path`, replacing a file that was there. Gives the
 * result of `write`.
 */
export async function writeFileAtomic<T>(
  path: string,
  write: (file: FileHandle) => Promise<T>,
): Promise<T> {
  const target = resolve(path);
  const temporary = temporaryName(target);
  try {
    const handle = await open(temporary, 'wx');
    let result: T;
    try {
      result = await write(handle);
    } finally {
      await handle.close();
    }
    await rename(temporary, target);
    return result;
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

type FileWriter = (file: FileHandle) => Promise<void>;

/**
 * Files of one folder that belong together, all or none: each is written under a temporary name, then all are renamed in
 * order. When a rename fails, the files that were replaced come back.
 */
export async function writeFilesAtomic(
  folder: string,
  files: readonly (readonly [name: string, write: FileWriter])[],
): Promise<void> {
  const targets = files.map(([name, write]) => {
    const target = join(folder, name);
    return { target, write, temporary: temporaryName(target), aside: temporaryName(target) };
  });
  const placed: typeof targets = [];
  try {
    for (const { temporary, write } of targets) {
      const handle = await open(temporary, 'wx');
      try {
        await write(handle);
      } finally {
        await handle.close();
      }
    }
    for (const file of targets) {
      // The last one replaces its target in one step; only what comes before it may have to be undone.
      if (file !== targets.at(-1)) await moveIfThere(file.target, file.aside);
      placed.push(file);
      await rename(file.temporary, file.target);
    }
  } catch (error) {
    for (const { target, aside } of placed.slice(0, -1).toReversed()) {
      await rm(target, { force: true });
      await moveIfThere(aside, target);
    }
    const failed = placed.at(-1);
    if (failed !== undefined) await moveIfThere(failed.aside, failed.target);
    for (const { temporary } of targets) await rm(temporary, { force: true });
    throw error;
  }
  for (const { aside } of targets) await rm(aside, { force: true });
}

async function moveIfThere(from: string, to: string): Promise<void> {
  await rename(from, to).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}

/** Writes text or bytes under a temporary name and renames. */
export async function saveFile(path: string, data: string | Uint8Array): Promise<void> {
  await writeFileAtomic(path, (file) => file.writeFile(data));
}

export interface FolderOptions {
  /**
   * Replace an existing folder as a whole, if it has a file of this name: a slip of the hand then
   * cannot delete a folder of another kind. null: an existing folder with content is refused.
   */
  readonly overwriteIfHas: string | null;
}

/**
 * Lets `write` fill a temporary sibling folder, then renames it to `path`. An existing folder with
 * content is a RangeError unless it may be replaced; a replaced folder comes back when the last
 * rename fails.
 */
export async function writeFolderAtomic<T>(
  path: string,
  options: FolderOptions,
  write: (folder: string) => Promise<T>,
): Promise<T> {
  const target = resolve(path);
  const replace = await mustReplace(target, options.overwriteIfHas);
  await mkdir(dirname(target), { recursive: true });
  const temporary = temporaryName(target);
  try {
    await mkdir(temporary);
    const result = await write(temporary);
    await moveInPlace(temporary, target, replace);
    return result;
  } catch (error) {
    await rm(temporary, { force: true, recursive: true });
    throw error;
  }
}

/**
 * Whether a folder with content is in the way; a RangeError when it, or a file, must not be
 * replaced.
 */
async function mustReplace(target: string, marker: string | null): Promise<boolean> {
  const names = await readdir(target).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return [];
    if (error.code === 'ENOTDIR') throw rangeMistake('folder', 'a folder or a new name', target);
    throw error;
  });
  if (names.length === 0) return false;
  if (marker === null)
    throw rangeMistake('folder', 'new or empty (or pass overwrite: true)', target);
  if (names.includes(marker)) return true;
  throw rangeMistake('folder', `new, empty, or a folder with ${marker} to overwrite`, target);
}

/** A rename cannot replace a folder that has content, so that is set aside first. */
async function moveInPlace(temporary: string, target: string, replace: boolean): Promise<void> {
  if (!replace) {
    // Also replaces an empty folder; fails when the target has been filled in the meantime.
    await rename(temporary, target);
    return;
  }
  const aside = temporaryName(target);
  await rename(target, aside);
  try {
    await rename(temporary, target);
  } catch (error) {
    await rename(aside, target);
    throw error;
  }
  await rm(aside, { force: true, recursive: true });
}
