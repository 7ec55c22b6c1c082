/**
 * A model by its id through the public API: not in the cache, downloaded, then offline; the same numbers as from its folder.
 */

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { Classifier, Encoder } from '../../lib/index.js';
import { FakeHub } from './fake-hub.js';

const FOLDER = fileURLToPath(new URL('../fixtures/encoders/bert-seqcls', import.meta.url));
let hub: FakeHub;
let home: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'sinter-load-'));
  const names = (await readdir(FOLDER)).filter((name) => !name.startsWith('golden'));
  hub = await FakeHub.start(
    await Promise.all(
      names.map(async (name) => ({
        name,
        data: await readFile(join(FOLDER, name)),
        large: name.endsWith('.safetensors'),
      })),
    ),
  );
  vi.stubEnv('HF_HOME', home);
  vi.stubEnv('HF_ENDPOINT', hub.endpoint);
  for (const name of ['HF_HUB_CACHE', 'HUGGINGFACE_HUB_CACHE', 'HF_TOKEN', 'HF_HUB_OFFLINE']) {
    vi.stubEnv(name, '');
  }
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await hub.stop();
  await rm(home, { recursive: true, force: true });
});

it('loads by id what it loads from the folder, and downloads only when asked', async () => {
  const refused = Classifier.load('org/tiny');
  await expect(refused).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await expect(refused).rejects.toThrow(/Classifier\.load: org\/tiny .*download: true/);
  const short = Encoder.load('bert-base-uncased', { revision: 'v1' });
  await expect(short).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await expect(short).rejects.toThrow(
    'Encoder.load: bert-base-uncased is no file or folder here, and revision v1 of a model of this name is not in the cache ' +
      `${join(home, 'hub')}; give download: true, or run \`sinter pull bert-base-uncased --revision v1\``,
  );
  expect(hub.asked).toHaveLength(0);

  const files = new Set<string>();
  const onDownload = ({ file }: { file: string }) => files.add(file);
  const texts = ['a red car', 'the president said'];
  await using local = await Classifier.load(FOLDER);
  await using fetched = await Classifier.load('org/tiny', { download: true, onDownload });
  expect(files).toContain('model.safetensors');
  expect(await fetched.predict(texts)).toEqual(await local.predict(texts));

  const before = hub.asked.length;
  vi.stubEnv('HF_HUB_OFFLINE', '1');
  await using offline = await Encoder.load('org/tiny', { pooling: 'mean', download: true });
  expect((await offline.embed(texts)).rows).toBe(2);
  expect(hub.asked).toHaveLength(before);
});

it('checks its options', async () => {
  await expect(Encoder.load('')).rejects.toThrow(
    'Encoder.load: path must be a folder, a file or a model id, got ""',
  );
  await expect(Encoder.load('org/tiny', { revision: '../x' })).rejects.toThrow(/revision must be/);
  const wrong = { download: 'yes' } as unknown as { download: boolean };
  await expect(Encoder.load('org/tiny', wrong)).rejects.toThrow(/download must be true or false/);
});
