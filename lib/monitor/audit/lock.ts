/**
 * The lock of an audit log's folder: a file with the number of the process that writes it.
 *
 * The rule: two writers would make two chains. A lock whose process has ended, or whose number another program has by now, is taken
 * over.
 */
import { readFileSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { SinterError } from '../../core/errors.js';

const NAME = 'writer.lock';
const ATTEMPTS = 3;

/** Who holds a lock. The start time tells a process from a later one with its number; null where the system does not tell. */
interface Owner {
  readonly host: string;
  readonly pid: number;
  readonly start: string | null;
}

export class AuditLock {
  private constructor(private readonly path: string) {}

  /** Takes the lock of a folder, which is made. FILE_SYSTEM where a living process has it. */
  static async take(folder: string): Promise<AuditLock> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const path = join(folder, NAME);
    const own: Owner = { host: hostname(), pid: process.pid, start: startOf(process.pid) };
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (await make(path, own)) return new AuditLock(path);
      const owner = await ownerOf(path);
      if (owner !== null && isAlive(owner, own)) throw heldBy(folder, owner);
      // Renamed first: of two processes that find an abandoned lock, one removes it.
      const aside = `${path}.${process.pid}`;
      await rename(path, aside).catch(() => undefined);
      await rm(aside, { force: true });
    }
    throw heldBy(folder, await ownerOf(path));
  }

  async release(): Promise<void> {
    await rm(this.path, { force: true });
  }
}

async function make(path: string, owner: Owner): Promise<boolean> {
  try {
    const handle = await open(path, 'wx', 0o600);
    await handle.writeFile(JSON.stringify(owner));
    await handle.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function ownerOf(path: string): Promise<Owner | null> {
  try {
    const owner = JSON.parse(await readFile(path, 'utf8')) as Partial<Owner> | null;
    const isOwner = typeof owner?.host === 'string' && Number.isSafeInteger(owner.pid);
    return isOwner ? (owner as Owner) : null;
  } catch {
    // It is gone, or a kill came before it was written.
    return null;
  }
}

function isAlive({ host, pid, start }: Owner, own: Owner): boolean {
  // Of another machine nothing can be known.
  if (host !== own.host) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return start === null || start === startOf(pid);
}

/** When a process began, in ticks since the machine did, on Linux. */
function startOf(pid: number): string | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

function heldBy(folder: string, owner: Owner | null): SinterError {
  const who = owner === null ? 'another process' : `process ${owner.pid} of ${owner.host}`;
  const what = `${who} writes this audit log; if it does not run any more, remove ${NAME}`;
  return new SinterError('FILE_SYSTEM', `${folder}: ${what}`, { details: { file: folder } });
}
