/**
 * Puts a finished folder in the place of another one.
 *
 * If the system can exchange two names in one step, it does. Elsewhere the old folder is set aside first: a crash between
 * the two renames leaves `<id>.tmp` and `<id>.old` beside a missing target, and the next run completes the replacement.
 */
import { lstat, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { native } from '../native/native.js';
import { endAbandonedMoves, removeQuietly } from './moves.js';
import { followLinks } from './places.js';
import { syncFolder } from './sync.js';
import { abandonedIn, isFor } from './temporary.js';

/** Moves `<id>.tmp`, which lies beside `target`, to `target`. `replace`: a folder with content is there. */
export async function swapIn(target: string, id: string, replace: boolean): Promise<void> {
  const folder = dirname(target);
  const at = (kind: string) => join(folder, `${id}.${kind}`);
  if (!replace) {
    // This rename also replaces an empty folder. It fails if the target has been filled in the meantime.
    await rename(at('tmp'), target);
    await syncFolder(folder);
    return;
  }
  if (exchange(at('tmp'), target)) {
    await syncFolder(folder);
    await removeQuietly(at('tmp'));
    return;
  }
  await rename(target, at('old'));
  try {
    await rename(at('tmp'), target);
  } catch (error) {
    await rename(at('old'), target);
    throw error;
  }
  await syncFolder(folder);
  await removeQuietly(at('old'));
}

/** Exchanges two names in one step; false if that is not possible, for example without the native core. */
function exchange(a: string, b: string): boolean {
  try {
    return native().exchangePaths(a, b);
  } catch {
    return false;
  }
}

/** Called before writing to `target`: completes or removes the unfinished work of crashed processes beside it and in it. */
export async function tidyFor(target: string): Promise<void> {
  await endSwap(target);
  await endAbandonedMoves(dirname(target), true);
  await endAbandonedMoves(target, true);
}

/**
 * Called before reading `path`: completes a replacement whose process ended. Never throws; reading reports what is wrong
 * with the path.
 */
export async function endInterrupted(path: string): Promise<void> {
  try {
    const target = await followLinks(path);
    const stats = await lstat(target).catch(() => null);
    if (stats === null) {
      await endSwap(target);
      await endAbandonedMoves(dirname(target), false);
    } else if (stats.isDirectory()) {
      await endAbandonedMoves(target, false);
      await endAbandonedMoves(join(target, 'onnx'), false);
    }
  } catch {
    // The folder is perhaps read-only: reading may still work.
  }
}

/** Does the second of two renames if the process ended between them. */
async function endSwap(target: string): Promise<void> {
  const folder = dirname(target);
  if ((await lstat(target).catch(() => null)) !== null) return;
  for (const [id, kinds] of await abandonedIn(folder)) {
    if (!isFor(id, basename(target)) || !kinds.has('tmp') || !kinds.has('old')) continue;
    await rename(join(folder, `${id}.tmp`), target).catch(unlessDone);
    await removeQuietly(join(folder, `${id}.old`));
    return;
  }
}

/** Ignores the errors that show that another process has completed the same replacement. */
function unlessDone(error: NodeJS.ErrnoException): void {
  if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(error.code ?? '')) throw error;
}
