/**
 * Makes sure that one process at a time works on a file that outlives processes.
 *
 * The rule: a claim is an empty hidden file named after its owner, which touches it. So what a killed process claimed is free again
 * at once; where the owner is another machine (or a container that was started anew), once the file is not touched any more.
 */
import { readdir, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { throwIfAborted } from '../core/errors.js';
import { fileSystemError } from './file-error.js';
import { endAbandonedMoves, removeQuietly } from './moves.js';
import { isFor, isOfThisMachine, isTemporary, newTemporary, release } from './temporary.js';

/** How often an owner touches its claim, and how long one of another machine is watched: clocks are never compared. */
const TOUCH_MS = 1000;
const WATCH_MS = 10_000;

export class Claim implements AsyncDisposable {
  private readonly timer: NodeJS.Timeout;

  private constructor(
    private readonly id: string,
    private readonly file: string,
  ) {
    this.timer = setInterval(() => {
      const now = new Date();
      utimes(file, now, now).catch(() => {});
    }, TOUCH_MS).unref();
  }

  /**
   * Claims `target`, which `path` names in messages. FILE_SYSTEM (EBUSY) if another process works on it. Where a claim of another
   * machine is there it takes up to ten seconds.
   */
  static async take(path: string, target: string, signal?: AbortSignal): Promise<Claim> {
    const folder = dirname(target);
    await endAbandonedMoves(folder, true);
    const id = newTemporary(target);
    const file = join(folder, `${id}.tmp`);
    let claim: Claim | null = null;
    try {
      await writeFile(file, '', { flag: 'wx' });
      claim = new Claim(id, file);
      for (const other of await othersFor(target, id)) {
        if (await isLive(join(folder, other), other, signal)) {
          throw fileSystemError('EBUSY', path, { note: 'another process is writing it' });
        }
        await removeQuietly(join(folder, other));
      }
      return claim;
    } catch (error) {
      await claim?.end();
      release(id);
      throw error;
    }
  }

  /** Gives the file free. May be called twice. */
  async end(): Promise<void> {
    clearInterval(this.timer);
    await removeQuietly(this.file);
    release(this.id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }
}

/** Names of temporaries that others made for the target. */
async function othersFor(target: string, own: string): Promise<string[]> {
  const names = await readdir(dirname(target));
  return names.filter(
    (name) => isTemporary(name) && isFor(name, target) && !name.startsWith(`${own}.`),
  );
}

/** Those of ended processes of this machine are removed by now. */
async function isLive(
  file: string,
  name: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (isOfThisMachine(name)) return true;
  const before = await touchedAt(file);
  const until = performance.now() + WATCH_MS;
  while (performance.now() < until) {
    await sleep(TOUCH_MS);
    throwIfAborted(signal, 'waiting for another process');
    const now = await touchedAt(file);
    if (now === null) return false;
    if (now !== before) return true;
  }
  return false;
}

async function touchedAt(file: string): Promise<number | null> {
  return (await stat(file).catch(() => null))?.mtimeMs ?? null;
}
