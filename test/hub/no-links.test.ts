/**
 * The cache where links cannot be made: copies, and a copy that breaks off.
 *
 * The module of files is replaced for modules that are loaded anew, and for this file alone: others share the process.
 */

import { lstat, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { COMMIT, FakeHub } from './fake-hub.js';

const disk = { full: false };
let downloadModel: typeof import('../../lib/hub/index.js').downloadModel;

beforeAll(async () => {
  vi.resetModules();
  vi.doMock('node:fs/promises', async (original) => {
    const real = await original<typeof import('node:fs/promises')>();
    return {
      ...real,
      symlink: () => Promise.reject(Object.assign(new Error('EPERM'), { code: 'EPERM' })),
      copyFile: async (from: string, to: string) => {
        if (!disk.full) return real.copyFile(from, to);
        await writeFile(to, (await readFile(from)).subarray(0, 1000));
        throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
      },
    };
  });
  ({ downloadModel } = await import('../../lib/hub/index.js'));
});

afterAll(() => {
  vi.doUnmock('node:fs/promises');
  vi.resetModules();
});

const WEIGHTS = Buffer.alloc(100_000, 3);
let hub: FakeHub;
let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'sinter-copies-'));
  hub = await FakeHub.start([
    { name: 'config.json', data: Buffer.from('{}') },
    { name: 'model.safetensors', data: WEIGHTS, large: true },
  ]);
  vi.stubEnv('HF_HOME', home);
  vi.stubEnv('HF_ENDPOINT', hub.endpoint);
  for (const name of ['HF_HUB_CACHE', 'HUGGINGFACE_HUB_CACHE', 'HF_TOKEN', 'HF_HUB_OFFLINE']) {
    vi.stubEnv(name, '');
  }
});

afterEach(async () => {
  disk.full = false;
  vi.unstubAllEnvs();
  await hub.stop();
  await rm(home, { recursive: true, force: true });
});

const snapshot = () => join(home, 'hub/models--org--tiny/snapshots', COMMIT);

it('copies, once for two callers', async () => {
  await Promise.all([downloadModel('org/tiny'), downloadModel('org/tiny')]);
  const file = join(snapshot(), 'model.safetensors');
  expect((await lstat(file)).isFile()).toBe(true);
  expect(await readFile(file)).toEqual(WEIGHTS);
  expect((await readdir(snapshot())).sort()).toEqual(['config.json', 'model.safetensors']);
  const blobs = await readdir(join(snapshot(), '../../blobs'));
  expect(blobs.filter((name) => !/^[0-9a-f]+$/.test(name))).toEqual([]);
});

it('never leaves half a copy in the snapshot', async () => {
  disk.full = true;
  await expect(downloadModel('org/tiny')).rejects.toThrow(/ENOSPC/);
  expect(await readdir(snapshot())).toEqual([]);
  disk.full = false;
  await downloadModel('org/tiny');
  expect(await readFile(join(snapshot(), 'model.safetensors'))).toEqual(WEIGHTS);
});
