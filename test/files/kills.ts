/**
 * Ends a process at every system call of a replacement that changes something on the disk, one call after the other.
 *
 * strace says which calls there are and kills at the n-th one before it is carried out; one thread does all file work, so
 * that the count is the same each time.
 */
import { execFile, spawnSync } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const CHILD = fileURLToPath(new URL('children/write.mjs', import.meta.url));

/** `?`: where this processor has no such call. */
const CALLS = [
  'mkdir',
  'mkdirat',
  'fsync',
  'rename',
  'renameat',
  'renameat2',
  'rmdir',
  'unlink',
  'unlinkat',
];

/** Why no process can be traced on this machine; null when one can. */
export function whyNoTrace(): string | null {
  const { error, status } = spawnSync('strace', ['-qq', '-e', 'trace=none', 'true']);
  if (error !== undefined) return 'strace is not installed';
  return status === 0 ? null : 'strace may not trace';
}

export interface Write {
  readonly way: 'folder' | 'set' | 'file';
  readonly target: string;
  /** Default true; without the native core, folders are replaced by two renames. */
  readonly isNative?: boolean;
}

export interface KillPoint {
  readonly call: string;
  /** The number of this call among all calls of the same name in its thread. */
  readonly at: number;
}

function commandOf({ way, target, isNative = true }: Write, version: string) {
  const env: NodeJS.ProcessEnv = { ...process.env, UV_THREADPOOL_SIZE: '1', UV_USE_IO_URING: '0' };
  if (!isNative) env.SINTER_NATIVE = '/no/such/core.node';
  return { args: [CHILD, way, target, version], env };
}

/** Runs to the end. */
export async function writeVersion(write: Write, version: string): Promise<void> {
  const { args, env } = commandOf(write, version);
  await run(process.execPath, args, { env });
}

/** The calls of one run between the child's two marks. */
export function killPoints(write: Write, version: string, log: string): Promise<KillPoint[]> {
  return tracedCalls({ ...commandOf(write, version), calls: CALLS }, log);
}

/** A program whose system calls of some names are looked at. */
export interface TracedRun {
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly calls: readonly string[];
}

/**
 * The calls of a run between the child's two marks, each with its number in its thread. `isWanted`: of a call, by its name and the line
 * of strace; the others count, but are not given.
 */
export async function tracedCalls(
  { args, env, calls }: TracedRun,
  log: string,
  isWanted: (call: string, line: string) => boolean = () => true,
): Promise<KillPoint[]> {
  const list = calls.map((name) => `?${name}`).join(',');
  const trace = `trace=${list},?access,?faccessat,?faccessat2`;
  await run('strace', ['-f', '-qq', '-o', log, '-e', trace, process.execPath, ...args], { env });
  const counts = new Map<string, number>();
  const points: KillPoint[] = [];
  let inside = false;
  for (const line of (await readFile(log, 'utf8')).split('\n')) {
    if (line.includes('/sinter-begin')) inside = true;
    if (line.includes('/sinter-end')) break;
    const [, thread, call = ''] = /^(\d+) +(\w+)\(/.exec(line) ?? [];
    if (!calls.includes(call)) continue;
    const at = (counts.get(`${thread} ${call}`) ?? 0) + 1;
    counts.set(`${thread} ${call}`, at);
    if (inside && isWanted(call, line)) points.push({ call, at });
  }
  await rm(log);
  return points;
}

/** Runs until it is killed there; true when it was. */
export async function writeUntil(
  write: Write,
  version: string,
  { call, at }: KillPoint,
): Promise<boolean> {
  const { args, env } = commandOf(write, version);
  const kill = `inject=${call}:signal=KILL:when=${at}`;
  const options = ['-f', '-qq', '-o', '/dev/null', '-e', `trace=${call}`, '-e', kill];
  const ended = run('strace', [...options, process.execPath, ...args], { env });
  return ended.then(
    () => false,
    (error: { readonly signal?: string; readonly code?: number }) =>
      error.signal === 'SIGKILL' || error.code === 137,
  );
}
