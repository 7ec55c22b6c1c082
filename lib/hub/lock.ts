/**
 * Makes sure that one process at a time writes a blob. A lock is an empty file `<path>.<who>.sinter`, which its holder
 * refreshes.
 *
 * Every lock file has a unique name. A process creates its own, then looks for others; if two come at once, at least one
 * sees the other and steps back. So removing the lock of a crashed process can never remove one that was just taken. The
 * `.lock` files of huggingface_hub are neither read nor changed.
 */

import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { throwIfAborted } from '../core/errors.js';

const POLL_MS = 100;
/** A holder refreshes its file once in this many polls. */
const REFRESH_POLLS = 10;
/**
 * A lock file counts as left by a crash if it does not change for this many polls. The number depends on whether its process
 * has ended, is alive and silent, or runs on another machine. Clocks are never compared.
 */
const ENDED_POLLS = 30;
const SILENT_POLLS = 600;
const FOREIGN_POLLS = 3000;

const HOST = createHash('sha256').update(hostname()).digest('hex').slice(0, 12);

export interface Holder {
  readonly pid: number;
  /** Hash of the machine's name; null: this machine. */
  readonly host: string | null;
  /** Milliseconds since 1970 when the lock was taken. */
  readonly since: number;
}

/** A unique name for the file of one holder of the lock at `path`. */
export function lockFile(path: string, { pid, host, since }: Holder): string {
  const unique = randomBytes(6).toString('hex');
  return `${path}.${pid}-${host ?? HOST}-${Math.round(since)}-${unique}.sinter`;
}

/** Runs `work` while holding the lock at `path`; waits for another holder first. Throws CANCELLED if the signal aborts. */
export async function withLock<T>(
  path: string,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
  pollMs = POLL_MS,
): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  const seen = new Map<string, Look>();
  for (;;) {
    throwIfAborted(signal, 'download');
    if (await isFree(path, null, seen)) {
      const own = lockFile(path, { pid: process.pid, host: null, since: Date.now() });
      try {
        await writeFile(own, '', { flag: 'wx' });
        if (await isFree(path, own, seen)) return await refreshing(own, pollMs, work);
      } finally {
        await rm(own, { force: true });
      }
    }
    // The pause is random, so that processes that stepped back do not meet again.
    await sleep(pollMs * (0.5 + Math.random()));
  }
}

/** The time of change that a waiter saw last, and how often in a row. */
interface Look {
  readonly mtimeMs: number;
  readonly count: number;
}

/** Whether nobody but `own` holds the lock. Removes the lock files of crashed processes. */
async function isFree(path: string, own: string | null, seen: Map<string, Look>): Promise<boolean> {
  const folder = dirname(path);
  const begin = `${basename(path)}.`;
  let free = true;
  for (const name of await readdir(folder)) {
    const file = join(folder, name);
    if (!name.startsWith(begin) || file === own) continue;
    const match = /^(\d+)-([^-]+)-(\d+)-[0-9a-f]+\.sinter$/.exec(name.slice(begin.length));
    if (match === null) continue;
    const stats = await stat(file).catch(ifGone);
    if (stats === null) continue;
    const [, pid, host, since] = match;
    const last = seen.get(name);
    const count = last?.mtimeMs === stats.mtimeMs ? last.count + 1 : 1;
    seen.set(name, { mtimeMs: stats.mtimeMs, count });
    if (count > pollsUntilAbandoned({ pid: Number(pid), host: host ?? '', since: Number(since) })) {
      await rm(file, { force: true });
    } else {
      free = false;
    }
  }
  return free;
}

function ifGone(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}

function pollsUntilAbandoned({ pid, host, since }: Holder): number {
  if (host !== HOST) return FOREIGN_POLLS;
  // In a restarted container a new process may have the pid of the holder, which ended before this process began.
  if (pid === process.pid) {
    return since < Date.now() - 1000 * process.uptime() ? ENDED_POLLS : SILENT_POLLS;
  }
  try {
    process.kill(pid, 0);
    return SILENT_POLLS;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH' ? ENDED_POLLS : SILENT_POLLS;
  }
}

async function refreshing<T>(file: string, pollMs: number, work: () => Promise<T>): Promise<T> {
  const refresh = () => {
    const now = new Date();
    utimes(file, now, now).catch(() => {});
  };
  const timer = setInterval(refresh, pollMs * REFRESH_POLLS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
