/**
 * Files that take the place of others inside a folder that cannot be replaced itself: a mount point, or the files of an
 * ONNX model beside others.
 *
 * The new ones are complete in a hidden folder before the first move, and its name says how far the moves have come; a
 * crash leaves both versions whole, and the next run goes on. What readers ask for first goes first and comes last, so
 * that nobody reads a mixture.
 */
import { mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from './sync.js';
import { abandonedIn, adoptedId, isTemporary, release } from './temporary.js';

/** Of a model folder this is read first; of an ONNX model the file whose name begins that of the other. */
const FIRST: readonly string[] = ['config.json', 'sinter.json'];
/** Every fresh ext4 file system has it. */
const OF_THE_SYSTEM = 'lost+found';

/** What is in a folder, without what is not finished. */
export async function contentOf(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  return names.filter((name) => !isTemporary(name) && name !== OF_THE_SYSTEM).sort(byTurn);
}

function byTurn(a: string, b: string): number {
  if (FIRST.includes(a) !== FIRST.includes(b)) return FIRST.includes(a) ? -1 : 1;
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/**
 * Moves what is in `<id>.tmp` into `folder`, which it lies in. `all`: everything else in the folder is replaced; `set`:
 * only files of the same names. From the first rename on a crash is completed and not undone.
 */
export async function moveIn(folder: string, id: string, kind: 'all' | 'set'): Promise<void> {
  await rename(join(folder, `${id}.tmp`), join(folder, `${id}.${kind}`));
  await syncFolder(folder);
  await goOn(folder, id, kind);
}

async function goOn(folder: string, id: string, from: 'all' | 'set' | 'move'): Promise<void> {
  const at = (kind: string) => join(folder, `${id}.${kind}`);
  if (from !== 'move') {
    await mkdir(at('old'), { recursive: true });
    const there = await contentOf(folder);
    const names = new Set(from === 'all' ? there : await readdir(at('set')));
    for (const name of there) {
      if (names.has(name)) await rename(join(folder, name), join(at('old'), name));
    }
    await rename(at(from), at('move'));
  }
  for (const name of (await readdir(at('move'))).sort(byTurn).reverse()) {
    await rename(join(at('move'), name), join(folder, name));
  }
  await syncFolder(folder);
  await rmdir(at('move'));
  await rm(at('old'), { recursive: true, force: true });
  release(id);
}

/**
 * Ends what crashed processes had begun in a folder: moves are completed. With `clean` their unfinished work is removed
 * too.
 */
export async function endAbandonedMoves(folder: string, clean: boolean): Promise<void> {
  for (const [id, kinds] of await abandonedIn(folder)) {
    const pending = (['all', 'set', 'move'] as const).find((kind) => kinds.has(kind));
    if (pending !== undefined) await adopt(folder, id, pending);
    // With a pair of both, the replacement of a whole folder was interrupted: see swap.ts.
    else if (clean && kinds.size === 1) await removeQuietly(join(folder, `${id}.${[...kinds][0]}`));
  }
}

/** Of several processes that find the same, the one whose rename succeeds goes on. */
async function adopt(folder: string, id: string, kind: 'all' | 'set' | 'move'): Promise<void> {
  const own = adoptedId(id);
  try {
    await rename(join(folder, `${id}.${kind}`), join(folder, `${own}.${kind}`));
    await goOn(folder, own, kind);
    await removeQuietly(join(folder, `${id}.old`));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  } finally {
    release(own);
  }
}

/** What cannot be removed now is removed by a later run. */
export async function removeQuietly(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true }).catch(() => {});
}
