/**
 * One process at a time writes a blob: a file beside it that says who does.
 *
 * A lock whose process has ended is taken over, so a crash never blocks a later download.
 */

import { mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { throwIfAborted } from '../core/errors.js';

const POLL_MS = 100;
/** Of another machine nothing but the age can be known. */
const FOREIGN_AGE_MS = 60 * 60 * 1000;

/** Runs `work` while holding the lock at `path`; waits for another holder. CANCELLED when the signal aborts. */
export async function withLock<T>(
  path: string,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  for (;;) {
    throwIfAborted(signal, 'download');
    const handle = await open(path, 'wx').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return null;
      throw error;
    });
    if (handle !== null) {
      try {
        await handle.writeFile(JSON.stringify({ pid: process.pid, host: hostname() }));
        await handle.close();
        return await work();
      } finally {
        await rm(path, { force: true });
      }
    }
    if (await isAbandoned(path)) await rm(path, { force: true });
    else await sleep(POLL_MS);
  }
}

async function isAbandoned(path: string): Promise<boolean> {
  const stats = await stat(path).catch(() => null);
  if (stats === null) return false;
  const text = await readFile(path, 'utf8').catch(() => '');
  let holder: { pid?: unknown; host?: unknown };
  try {
    holder = JSON.parse(text) as typeof holder;
  } catch {
    // Just made and not written yet, or torn: a moment decides.
    return Date.now() - stats.mtimeMs > 10 * POLL_MS;
  }
  if (holder.host !== hostname() || typeof holder.pid !== 'number') {
    return Date.now() - stats.mtimeMs > FOREIGN_AGE_MS;
  }
  try {
    process.kill(holder.pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
