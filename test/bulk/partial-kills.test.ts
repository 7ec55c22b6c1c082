/**
 * A job that is killed at any system call that changes something on the disk goes on in the next process, and ends with the bytes
 * of an undisturbed one.
 */
import { execFile } from 'node:child_process';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { type KillPoint, tracedCalls, whyNoTrace } from '../files/kills.js';
import { temporaryFolder } from '../formats/temporary-folder.js';

const run = promisify(execFile);
const CHILD = fileURLToPath(new URL('children/partial.mjs', import.meta.url));
const ROWS = '10';
const CONTENT =
  'Row 0\nrow 1\nrow 2\nrow 3\nstep 0\nrow 4\nrow 5\nrow 6\nrow 7\nstep 4\nrow 8\nrow 9\nstep 8\nend\n';
/** `?`: where this processor has no such call. */
const CALLS = [
  ...['write', 'pwrite64', 'fsync', 'ftruncate', 'openat'],
  ...['rename', 'renameat', 'renameat2', 'unlink', 'unlinkat'],
];
// One thread does all file work, so that calls are counted the same each time.
const env = { ...process.env, UV_THREADPOOL_SIZE: '1', UV_USE_IO_URING: '0' };

/** The calls of an undisturbed run. Other threads of Node wake each other by writes of their own, which concern no file. */
const killPoints = (target: string, log: string): Promise<KillPoint[]> =>
  tracedCalls({ args: [CHILD, target, ROWS], env, calls: CALLS }, log, (call, line) => {
    return call !== 'write' || !line.includes('"\\1\\0\\0');
  });

/** Whether the run was killed there. */
function killedAt(target: string, { call, at }: KillPoint): Promise<boolean> {
  const kill = ['-e', `trace=${call}`, '-e', `inject=${call}:signal=KILL:when=${at}`];
  const options = ['-f', '-qq', '-o', '/dev/null', ...kill, process.execPath, CHILD, target, ROWS];
  return run('strace', options, { env }).then(
    () => false,
    (error: { readonly signal?: string; readonly code?: number }) =>
      error.signal === 'SIGKILL' || error.code === 137,
  );
}

const noTrace = whyNoTrace();
const because = noTrace === null ? '' : ` (skipped: ${noTrace})`;

it.skipIf(noTrace !== null)(
  `a job that is killed at any system call goes on${because}`,
  { timeout: 600_000 },
  async () => {
    const folder = await temporaryFolder();
    const target = join(folder, 'rows.txt');
    const points = await killPoints(target, join(folder, 'log'));
    expect(await readFile(target, 'utf8')).toBe(CONTENT);
    expect(points.length).toBeGreaterThan(20);
    let killed = 0;
    for (const point of points) {
      const say = JSON.stringify(point);
      await rm(target, { force: true });
      if (await killedAt(target, point)) killed += 1;
      await run(process.execPath, [CHILD, target, ROWS], { env });
      expect(await readFile(target, 'utf8'), say).toBe(CONTENT);
      expect(await readdir(folder), say).toEqual(['rows.txt']);
    }
    expect(killed).toBeGreaterThan(points.length / 2);
  },
);
