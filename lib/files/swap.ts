/**
 * A finished folder takes the place of another one.
 *
 * Where the system can exchange two names in one step it does. Elsewhere the old folder is set aside first: between the
 * two renames a crash leaves `<id>.tmp` and `<id>.old` beside a target that is missing, and the next run completes it.
 */
import { lstat, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { native } from '../native/native.js';
import { endAbandonedMoves, removeQuietly } from './moves.js';
import { followLinks } from './places.js';
import { syncFolder } from './sync.js';
import { abandonedIn, isFor } from './temporary.js';

/** Puts `<id>.tmp`, which lies beside `target`, in its place. `replace`: a folder with content is there. */
export async function swapIn(target: string, id: string, replace: boolean): Promise<void> {
  const folder = dirname(target);
  const at = (kind: string) => join(folder, `${id}.${kind}`);
  if (!replace) {
    // Also replaces an empty folder; fails when the target has been filled in the meantime.
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

/** Without the native core, folders can still be replaced. */
function exchange(a: string, b: string): boolean {
  try {
    return native().exchangePaths(a, b);
  } catch {
    return false;
  }
}

/** Before something is written to `target`: ends or removes what crashed processes left beside it and in it. */
export async function tidyFor(target: string): Promise<void> {
  await endSwap(target);
  await endAbandonedMoves(dirname(target), true);
  await endAbandonedMoves(target, true);
}

/**
 * Before `path` is read: when a process ended while it was replaced, the replacement is completed. Never fails; what is
 * wrong with the path shows when it is read.
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
    // A folder that may only be read.
  }
}

/** The second of two renames, where the process ended between them. */
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

/** Another process found the same. */
function unlessDone(error: NodeJS.ErrnoException): void {
  if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(error.code ?? '')) throw error;
}
