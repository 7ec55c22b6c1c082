/**
 * Names of what is not finished, and whether the process that made it still lives.
 *
 * A name says who made it: machine, process and when that process began. What a living process made is never touched; a
 * number that another process got meanwhile is not mistaken for the first.
 */
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, join } from 'node:path';
import { threadId } from 'node:worker_threads';

/**
 * `tmp`: being written. `old`: what was replaced. `all`, `set`: complete, and what it replaces (everything in its folder,
 * or the files of the same names) is being moved away. `move`: complete, and being moved in place.
 */
export type TemporaryKind = 'tmp' | 'old' | 'all' | 'set' | 'move';

/** What belongs together has one id. */
export interface Temporary {
  readonly id: string;
  readonly kind: TemporaryKind;
}

const NAME =
  /^(\.sinter-([0-9a-f]{8})-([0-9a-f]{8})-(\d+)-(\d+)-(\d+)-[0-9a-f]{8})\.(tmp|old|all|set|move)$/;

/** Another machine's unfinished work was left by a crash when nobody has touched it for a day; its owner does each hour. */
const FOREIGN_MS = 24 * 3600_000;
export const TOUCH_MS = 3600_000;
/** Moving takes moments. */
const FOREIGN_MOVE_MS = 60_000;

/**
 * Ids of this thread that are in use, however often this file was loaded; others of its own were given up after an error.
 */
const ACTIVE = Symbol.for('sinter.temporaries');
const shared = globalThis as { [ACTIVE]?: Set<string> };
shared[ACTIVE] ??= new Set();
const active = shared[ACTIVE];

/** An id for what will become `target`. End it with `release`. */
export function newTemporary(target: string): string {
  return newId(nameHash(target));
}

/** An id of this process for what an abandoned one had begun. */
export function adoptedId(id: string): string {
  return newId(id.slice('.sinter-'.length).split('-', 1)[0] ?? '');
}

function newId(hash: string): string {
  const { pid } = process;
  const unique = randomBytes(4).toString('hex');
  const owner = `${machine()}-${pid}-${threadId}-${startOf(pid) ?? 0}`;
  const id = `.sinter-${hash}-${owner}-${unique}`;
  active.add(id);
  return id;
}

export function release(id: string): void {
  active.delete(id);
}

export function isTemporary(name: string): boolean {
  return NAME.test(name);
}

/** Whether what has this id was made to become `target`. */
export function isFor(id: string, target: string): boolean {
  return id.startsWith(`.sinter-${nameHash(target)}-`);
}

function nameHash(target: string): string {
  return shortHash(basename(target));
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}

/** What crashed processes left in `folder`, by id; empty when it cannot be read. */
export async function abandonedIn(
  folder: string,
): Promise<ReadonlyMap<string, ReadonlySet<TemporaryKind>>> {
  const found = new Map<string, Set<TemporaryKind>>();
  for (const name of await readdir(folder).catch((): string[] => [])) {
    const match = NAME.exec(name);
    if (match === null) continue;
    const [, id = '', , host = '', ...who] = match;
    const [pid = 0, thread = 0, start = 0] = who.map(Number);
    const kind = match.at(-1);
    const isLeft =
      host === machine()
        ? !isAlive(id, pid, thread, start)
        : await isQuiet(join(folder, name), kind === 'tmp' ? FOREIGN_MS : FOREIGN_MOVE_MS);
    if (!isLeft) continue;
    const kinds = found.get(id) ?? new Set();
    found.set(id, kinds.add(kind as TemporaryKind));
  }
  return found;
}

function isAlive(id: string, pid: number, thread: number, start: number): boolean {
  if (pid === process.pid && start === (startOf(pid) ?? 0)) {
    // What other threads of this process do is not known here.
    return thread !== threadId || active.has(id);
  }
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const now = startOf(pid);
  return now === null || start === 0 || now === start;
}

async function isQuiet(path: string, ms: number): Promise<boolean> {
  const stats = await lstat(path).catch(() => null);
  return stats !== null && Date.now() - Math.max(stats.mtimeMs, stats.ctimeMs) > ms;
}

/** When a process began, in ticks since the machine did; -1 for one that ended and nobody has asked how; null: unknown. */
function startOf(pid: number): number | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the program's name in parentheses and may hold anything.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? -1 : Number(fields[19]);
  } catch {
    return null;
  }
}

let known: string | undefined;

/** This machine since it was started, and the process numbers that count here: containers have their own. */
function machine(): string {
  known ??= shortHash(
    [
      hostname(),
      read(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1')),
      read(() => readlinkSync('/proc/self/ns/pid')),
    ].join(' '),
  );
  return known;
}

function read(from: () => string): string {
  try {
    return from().trim();
  } catch {
    return '';
  }
}
