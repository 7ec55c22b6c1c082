/**
 * The lock of a blob: one holder at a time, whatever crashes left behind. Polls are shorter than in use, and all else with them.
 */

import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { lockFile, withLock } from '../../lib/hub/lock.js';

const POLL_MS = 10;
const NO_PROCESS = 2 ** 22 + 1;
let folder: string;
let lock: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sinter-lock-'));
  lock = join(folder, 'etag');
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const leave = (path: string, pid: number, since: number, host: string | null = null) =>
  writeFile(lockFile(path, { pid, host, since }), '');

/** Milliseconds until the lock was had. */
async function wait(path = lock): Promise<number> {
  const begin = performance.now();
  await withLock(path, AbortSignal.timeout(25_000), async () => {}, POLL_MS);
  return performance.now() - begin;
}

it.each([
  ['a process that has ended', NO_PROCESS],
  ['an earlier process with our pid, as after a restart of a container', process.pid],
])('takes over from %s', async (_, pid) => {
  await leave(lock, pid, Date.now() - 1000 * process.uptime() - 1000);
  expect(await wait()).toBeLessThan(5000);
  expect(await readdir(folder)).toEqual([]);
});

it('takes over later from a live process that does other work now', async () => {
  await leave(lock, process.ppid, Date.now());
  expect(await wait()).toBeGreaterThan(3000);
});

it('takes over last from a silent process of another machine', async () => {
  await leave(lock, 1, Date.now(), 'elsewhere');
  const begin = performance.now();
  await withLock(lock, undefined, async () => {}, 1);
  expect(performance.now() - begin).toBeGreaterThan(3000);
}, 120_000);

it('waits for a holder that goes on, however long', async () => {
  const file = lockFile(lock, { pid: NO_PROCESS, host: null, since: 0 });
  await writeFile(file, '');
  let gone = false;
  const waiting = withLock(lock, undefined, async () => gone, POLL_MS);
  // Three times as long as it takes to give up a process that has ended.
  for (let i = 1; i <= 18; i++) {
    await sleep(5 * POLL_MS);
    await utimes(file, i, i);
  }
  gone = true;
  await rm(file);
  expect(await waiting).toBe(true);
});

it('refreshes what it holds', async () => {
  const order: string[] = [];
  const first = withLock(
    lock,
    undefined,
    async () => {
      order.push('first');
      await sleep(100 * POLL_MS);
      order.push('end');
    },
    POLL_MS,
  );
  await sleep(5 * POLL_MS);
  const [file = ''] = await readdir(folder);
  await utimes(join(folder, file), 1, 1);
  const second = withLock(lock, undefined, async () => order.push('second'), POLL_MS);
  await Promise.all([first, second]);
  expect(order).toEqual(['first', 'end', 'second']);
  expect(await readdir(folder)).toEqual([]);
});

it('never has two holders, also of a lock that was taken over', async () => {
  let most = 0;
  let held = 0;
  const round = async (name: string) => {
    let inside = 0;
    const path = join(folder, name, 'etag');
    await mkdir(join(folder, name));
    await leave(path, NO_PROCESS, 0);
    const work = async () => {
      inside++;
      held++;
      most = Math.max(most, inside);
      await sleep(Math.random() * 5);
      inside--;
    };
    await Promise.all(Array.from({ length: 8 }, () => withLock(path, undefined, work, POLL_MS)));
  };
  await Promise.all(Array.from({ length: 40 }, (_, i) => round(String(i))));
  expect(most).toBe(1);
  expect(held).toBe(320);
}, 120_000);

it('is given up when the caller aborts, and gives back what it holds after a failure', async () => {
  const failed = withLock(lock, undefined, () => Promise.reject(new Error('no')), POLL_MS);
  await expect(failed).rejects.toThrow('no');
  expect(await readdir(folder)).toEqual([]);
  await leave(lock, process.ppid, Date.now());
  const stopped = withLock(lock, AbortSignal.timeout(50), async () => {}, POLL_MS);
  await expect(stopped).rejects.toMatchObject({ code: 'CANCELLED' });
});
