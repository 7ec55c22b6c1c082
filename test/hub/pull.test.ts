/**
 * `sinter pull` as a user runs it: a folder on stdout, progress on stderr, an exit code for what is not there.
 */

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { jsonOf, sinter } from '../cli/support.js';
import { COMMIT, FakeHub } from './fake-hub.js';

let hub: FakeHub;
let home: string;
let env: Record<string, string>;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'sinter-pull-'));
  hub = await FakeHub.start([
    { name: 'config.json', data: Buffer.from('{}') },
    { name: 'model.safetensors', data: Buffer.alloc(100_000, 3), large: true },
  ]);
  env = {
    HF_HOME: home,
    HF_ENDPOINT: hub.endpoint,
    HF_TOKEN: '',
    HF_HUB_CACHE: '',
    HF_HUB_OFFLINE: '',
  };
});

afterAll(async () => {
  await hub.stop();
  await rm(home, { recursive: true, force: true });
});

it('downloads and prints the folder', async () => {
  const { code, stdout, stderr } = await sinter(['pull', 'org/tiny'], { env });
  expect(code).toBe(0);
  const folder = join(home, 'hub/models--org--tiny/snapshots', COMMIT);
  expect(stdout).toBe(`${folder}\n`);
  expect(stderr).toMatch(/model\.safetensors: done in .*, 2 of 2 files/);
  expect((await readFile(join(folder, 'model.safetensors'))).length).toBe(100_000);
  const again = await sinter(['pull', 'org/tiny', '--json'], { env });
  expect(jsonOf(again)).toEqual({ id: 'org/tiny', revision: 'main', folder });
});

it('says what is not there, with exit code 6', async () => {
  const { code, stderr } = await sinter(['pull', 'org/nothing'], { env });
  expect(code).toBe(6);
  expect(stderr).toMatch(/org\/nothing.*not found \(404\)/);
});

it('refuses a text that is no model id', async () => {
  const { code, stderr } = await sinter(['pull', '../x'], { env });
  expect(code).toBe(2);
  expect(stderr).toMatch(/must be a model id/);
});
