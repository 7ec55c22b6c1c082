/**
 * Names of unfinished files and folders, and whether the process that made one is still alive.
 *
 * A name says who made it: machine, process and start time of the process. Files of a living process are never touched. The
 * start time tells a later process with the same number from the first.
 */
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, join } from 'node:path';
import { threadId } from 'node:worker_threads';

/**
 * `tmp`: being written. `old`: the version that was replaced. `all`, `set`: complete; the files that it replaces (all in its
 * folder, or those of the same names) are being moved away. `move`: complete, and being moved to its place.
 */
export type TemporaryKind = 'tmp' | 'old' | 'all' | 'set' | 'move';

/** A temporary file or folder. Those of one replacement have the same id. */
export interface Temporary {
  readonly id: string;
  readonly kind: TemporaryKind;
}

const NAME =
  /^(\.sinter-([0-9a-f]{8})-([0-9a-f]{8})-(\d+)-(\d+)-(\d+)-[0-9a-f]{8})\.(tmp|old|all|set|move)$/;

/**
 * Unfinished work of another machine counts as left by a crash when it was not touched for a day; its owner touches it each
 * hour.
 */
const FOREIGN_MS = 24 * 3600_000;
export const TOUCH_MS = 3600_000;
/** The same for moves, which take moments. */
const FOREIGN_MOVE_MS = 60_000;

/** Ids that this thread uses, shared by all copies of this module. Other ids of this thread were given up after an error. */
const ACTIVE = Symbol.for('sinter.temporaries');
const shared = globalThis as { [ACTIVE]?: Set<string> };
shared[ACTIVE] ??= new Set();
const active = shared[ACTIVE];

/** A new id for work that will become `target`. End it with `release`. */
export function newTemporary(target: string): string {
  return newId(nameHash(target));
}

/** A new id of this process under which it completes the work of an abandoned id. */
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

/** Whether the id was made for `target`. */
export function isFor(id: string, target: string): boolean {
  return id.startsWith(`.sinter-${nameHash(target)}-`);
}

/** Whether a process of this machine, since it was started, made the temporary. */
export function isOfThisMachine(name: string): boolean {
  return NAME.exec(name)?.[3] === machine();
}

function nameHash(target: string): string {
  return shortHash(basename(target));
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}

/** Kinds of the temporaries that crashed processes left in `folder`, by id; empty if the folder cannot be read. */
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
    // The ids of other threads of this process are not known here, so they count as alive.
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

/** Start time of a process, in ticks since the machine started; -1 for a zombie (ended, not yet waited for); null if unknown. */
function startOf(pid: number): number | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the program's name in parentheses, which may hold any characters.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? -1 : Number(fields[19]);
  } catch {
    return null;
  }
}

let known: string | undefined;

/** Hash of this machine, its boot and its process id namespace: containers count process ids of their own. */
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
