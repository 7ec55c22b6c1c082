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
const LIST = CALLS.map((name) => `?${name}`).join(',');

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
export async function killPoints(write: Write, version: string, log: string): Promise<KillPoint[]> {
  const { args, env } = commandOf(write, version);
  const trace = `trace=${LIST},?access,?faccessat,?faccessat2`;
  await run('strace', ['-f', '-qq', '-o', log, '-e', trace, process.execPath, ...args], { env });
  const counts = new Map<string, number>();
  const points: KillPoint[] = [];
  let inside = false;
  for (const line of (await readFile(log, 'utf8')).split('\n')) {
    if (line.includes('/sinter-begin')) inside = true;
    if (line.includes('/sinter-end')) break;
    const [, thread, call = ''] = /^(\d+) +(\w+)\(/.exec(line) ?? [];
    if (!CALLS.includes(call)) continue;
    const at = (counts.get(`${thread} ${call}`) ?? 0) + 1;
    counts.set(`${thread} ${call}`, at);
    if (inside) points.push({ call, at });
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
