/**
 * Replaces files inside a folder that cannot be replaced itself: a mount point, or a folder that holds more than the files
 * of one ONNX model.
 *
 * The new files are complete in a hidden folder before the first move, and the name of that folder says how far the moves
 * have come. A crash leaves both versions whole, and the next run continues. The file that readers open first is moved away
 * first and comes last, so that nobody reads a mixture.
 */
import { mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from './sync.js';
import { abandonedIn, adoptedId, isTemporary, release } from './temporary.js';

/** Files of a model folder that readers open first. For an ONNX model it is the one whose name is a prefix of the other's. */
const FIRST: readonly string[] = ['config.json', 'sinter.json'];
/** A folder of the file system itself: every fresh ext4 file system has it. */
const OF_THE_SYSTEM = 'lost+found';

/** Names in a folder, without unfinished ones, in the order in which they are moved away. */
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
 * Moves the content of `folder/<id>.tmp` into `folder`. `all`: everything else in `folder` is replaced; `set`: only files of
 * the same names. A crash before the first rename changes nothing; after it, the next run completes the moves.
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

/** Completes the moves of crashed processes in a folder. With `clean`, their unfinished work is removed too. */
export async function endAbandonedMoves(folder: string, clean: boolean): Promise<void> {
  for (const [id, kinds] of await abandonedIn(folder)) {
    const pending = (['all', 'set', 'move'] as const).find((kind) => kinds.has(kind));
    if (pending !== undefined) await adopt(folder, id, pending);
    // If an id has two kinds here, the replacement of a whole folder was interrupted: see swap.ts.
    else if (clean && kinds.size === 1) await removeQuietly(join(folder, `${id}.${[...kinds][0]}`));
  }
}

/** Completes the moves of another process. If several processes try, the one whose rename succeeds does it. */
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

/** Removes a file or folder. On failure it stays, and a later run removes it. */
export async function removeQuietly(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true }).catch(() => {});
}
