/**
 * Models by id: the cache's layout, what is fetched and what is not, broken transfers, refusals. Over real HTTP with a server
 * that plays the hub.
 */

import {
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { downloadModel } from '../../lib/hub/index.js';
import { chooseFiles } from '../../lib/hub/model-files.js';
import { resolveModel } from '../../lib/hub/resolve.js';
import { hubSettings } from '../../lib/hub/settings.js';
import { COMMIT, FakeHub, gitSha, sha256 } from './fake-hub.js';

const WEIGHTS = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 31 + (i >> 8)) & 255));
const CONFIG = Buffer.from('{"model_type":"bert"}');
const POOLING = Buffer.from('{"pooling_mode":"mean"}');

let hub: FakeHub;
let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'sinter-hub-'));
  hub = await FakeHub.start([
    { name: 'config.json', data: CONFIG },
    { name: 'tokenizer.json', data: Buffer.from('{}') },
    { name: '1_Pooling/config.json', data: POOLING },
    { name: 'model.safetensors', data: WEIGHTS, large: true },
    { name: 'pytorch_model.bin', data: WEIGHTS, large: true },
    { name: 'onnx/model.onnx', data: WEIGHTS, large: true },
    { name: 'README.md', data: Buffer.from('# tiny') },
    { name: 'empty.txt', data: Buffer.alloc(0) },
  ]);
  vi.stubEnv('HF_HOME', home);
  vi.stubEnv('HF_ENDPOINT', `${hub.endpoint}/`);
  for (const name of [
    'HF_HUB_CACHE',
    'HUGGINGFACE_HUB_CACHE',
    'HF_TOKEN',
    'HF_TOKEN_PATH',
    'HF_HUB_OFFLINE',
  ]) {
    vi.stubEnv(name, '');
  }
  vi.stubEnv('HF_HUB_DOWNLOAD_TIMEOUT', '2');
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await hub.stop();
  await rm(home, { recursive: true, force: true });
});

const repository = () => join(home, 'hub', 'models--org--tiny');
const snapshot = () => join(repository(), 'snapshots', COMMIT);

describe('a download', () => {
  it('has the layout of huggingface_hub: blobs by etag, links in the snapshot, the commit as ref', async () => {
    const folder = await downloadModel('org/tiny');
    expect(folder).toBe(snapshot());
    expect(await readFile(join(folder, 'model.safetensors'))).toEqual(WEIGHTS);
    expect((await lstat(join(folder, 'model.safetensors'))).isSymbolicLink()).toBe(true);
    expect(await readlink(join(folder, '1_Pooling/config.json'))).toBe(
      `../../../blobs/${gitSha(POOLING)}`,
    );
    expect((await readdir(join(repository(), 'blobs'))).sort()).toEqual(
      [gitSha(CONFIG), gitSha(Buffer.from('{}')), gitSha(POOLING), sha256(WEIGHTS)].sort(),
    );
    expect(await readFile(join(repository(), 'refs/main'), 'utf8')).toBe(COMMIT);
  });

  it('takes what Sinter reads, and what include asks for', async () => {
    await downloadModel('org/tiny', { include: ['onnx/*', '*.txt'] });
    const names = (await readdir(snapshot(), { recursive: true })).sort();
    expect(names).toContain('onnx/model.onnx');
    expect(names).toContain('empty.txt');
    expect(names).not.toContain('README.md');
    expect(names).not.toContain('pytorch_model.bin');
    expect((await stat(join(snapshot(), 'empty.txt'))).size).toBe(0);
  });

  it('fetches nothing twice, also under another revision', async () => {
    await downloadModel('org/tiny');
    const before = hub.downloads().length;
    await downloadModel('org/tiny', { revision: 'v1' });
    expect(hub.downloads()).toHaveLength(before);
    await rm(join(snapshot(), 'config.json'));
    await downloadModel('org/tiny');
    // The blob is there; only its name was missing.
    expect(hub.downloads()).toHaveLength(before);
    expect(await readFile(join(snapshot(), 'config.json'))).toEqual(CONFIG);
  });

  it('reports bytes and files', async () => {
    const seen: string[] = [];
    let last = 0;
    await downloadModel('org/tiny', {
      onProgress: ({ file, loaded, total, filesDone, files }) => {
        if (file === 'model.safetensors') {
          expect(total).toBe(WEIGHTS.length);
          expect(loaded).toBeGreaterThanOrEqual(last);
          last = loaded;
        }
        seen.push(`${filesDone}/${files}`);
      },
    });
    expect(last).toBe(WEIGHTS.length);
    expect(seen.at(-1)).toBe('4/4');
  });

  it('two at once share one transfer', async () => {
    const both = await Promise.all([downloadModel('org/tiny'), downloadModel('org/tiny')]);
    expect(both[0]).toBe(both[1]);
    expect(hub.downloads().filter(({ host }) => host === 'storage')).toHaveLength(1);
  });

  it('follows a renamed model', async () => {
    const folder = await downloadModel('org/old-tiny');
    expect(folder).toContain('models--org--old-tiny');
    expect(await readFile(join(folder, 'model.safetensors'))).toEqual(WEIGHTS);
  });

  it('leaves the lock and the half file of huggingface_hub alone', async () => {
    const lock = join(home, 'hub/.locks/models--org--tiny', `${sha256(WEIGHTS)}.lock`);
    const half = join(repository(), 'blobs', `${sha256(WEIGHTS)}.incomplete`);
    for (const file of [lock, half]) {
      await mkdir(join(file, '..'), { recursive: true });
      await writeFile(file, '');
      // Its locks are empty and may be old: the kernel knows who holds them.
      await utimes(file, 1e9, 1e9);
    }
    await downloadModel('org/tiny');
    expect(await readFile(join(snapshot(), 'model.safetensors'))).toEqual(WEIGHTS);
    expect((await stat(lock)).size).toBe(0);
    expect((await stat(half)).size).toBe(0);
    expect(await readdir(join(lock, '..'))).toEqual([`${sha256(WEIGHTS)}.lock`]);
  });
});

describe('a broken transfer', () => {
  it('goes on where it broke off', async () => {
    hub.trouble.breakAfter = { bytes: 100_000, times: 2 };
    await downloadModel('org/tiny');
    const ranges = hub
      .downloads()
      .filter(({ host }) => host === 'storage')
      .map(({ range }) => range);
    expect(ranges).toHaveLength(3);
    expect(ranges[0]).toBeNull();
    for (const range of ranges.slice(1)) expect(range).toMatch(/^bytes=[1-9]\d*-$/);
    expect(await readFile(join(snapshot(), 'model.safetensors'))).toEqual(WEIGHTS);
  });

  it('goes on in a later call', async () => {
    const stop = new AbortController();
    const onProgress = ({ file, loaded }: { file: string; loaded: number }) => {
      if (file === 'model.safetensors' && loaded > 50_000) stop.abort();
    };
    hub.trouble.breakAfter = { bytes: 100_000, times: 1 };
    const first = downloadModel('org/tiny', { onProgress, signal: stop.signal });
    await expect(first).rejects.toMatchObject({ code: 'CANCELLED' });
    const part = join(repository(), 'blobs', `${sha256(WEIGHTS)}.sinter.incomplete`);
    const have = (await stat(part)).size;
    expect(have).toBeGreaterThan(50_000);
    expect(await resolveModel('load', 'org/tiny').catch((error) => error.code)).toBe('UNAVAILABLE');
    await downloadModel('org/tiny');
    expect(hub.downloads().at(-1)?.range).toBe(`bytes=${have}-`);
    expect(await readFile(join(snapshot(), 'model.safetensors'))).toEqual(WEIGHTS);
  });

  it('begins anew where the server knows no ranges', async () => {
    hub.trouble.breakAfter = { bytes: 100_000, times: 1 };
    hub.trouble.noRanges = true;
    await downloadModel('org/tiny');
    expect(await readFile(join(snapshot(), 'model.safetensors'))).toEqual(WEIGHTS);
  });

  it('is tried again after 503, and given up after a while', async () => {
    hub.trouble.status = { code: 503, times: 2 };
    await downloadModel('org/tiny');
    await rm(repository(), { recursive: true });
    const list = hub.asked.length;
    hub.trouble.breakAfter = { bytes: 0, times: 100 };
    await expect(downloadModel('org/tiny')).rejects.toThrow(/model\.safetensors/);
    expect(hub.asked.length - list).toBeLessThan(30);
  }, 30_000);

  it('is refused when the checksum differs', async () => {
    hub.trouble.damage = true;
    const failed = downloadModel('org/tiny');
    await expect(failed).rejects.toMatchObject({ code: 'CORRUPT_MODEL' });
    await expect(failed).rejects.toThrow(/model\.safetensors: .*checksum/);
    expect(await readdir(join(repository(), 'blobs'))).not.toContain(sha256(WEIGHTS));
    hub.trouble.damage = false;
    await downloadModel('org/tiny');
  });

  it('of a server that says nothing ends in time, and at once when the caller aborts', async () => {
    hub.trouble.hang = true;
    const stop = new AbortController();
    const failed = downloadModel('org/tiny', { signal: stop.signal });
    setTimeout(() => stop.abort(), 300);
    const begin = performance.now();
    await expect(failed).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(performance.now() - begin).toBeLessThan(1900);
  });

  it('ends also when the server breaks at the same byte again and again and does not resume', async () => {
    hub.trouble.breakAfter = { bytes: 100_000, times: 1000 };
    hub.trouble.refuseRanges = true;
    await expect(downloadModel('org/tiny')).rejects.toThrow(/model\.safetensors/);
    expect(hub.downloads().filter(({ host }) => host === 'storage').length).toBeLessThan(10);
  });
});

describe('a list of files', () => {
  it('that stalls ends in time, and at once when the caller aborts', async () => {
    hub.trouble.list = 'hangs';
    const stop = AbortSignal.timeout(300);
    await expect(downloadModel('org/tiny', { signal: stop })).rejects.toMatchObject({
      code: 'CANCELLED',
    });
    vi.stubEnv('HF_HUB_DOWNLOAD_TIMEOUT', '0.2');
    await expect(downloadModel('org/tiny')).rejects.toThrow(/org\/tiny: .*no byte in 200 ms/);
  });

  it('that does not end is refused', async () => {
    hub.trouble.list = 'endless';
    const failed = downloadModel('org/tiny');
    await expect(failed).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(failed).rejects.toThrow(/org\/tiny: .*more than 16 MB/);
    expect(hub.asked).toHaveLength(1);
  });
});

describe('what is refused', () => {
  it('a private model without a token, and the token goes to the hub only', async () => {
    hub.trouble.token = 'hf_secret';
    await expect(downloadModel('org/tiny')).rejects.toThrow(/not permitted \(401\).*HF_TOKEN/);
    vi.stubEnv('HF_TOKEN', 'hf_wrong');
    await expect(downloadModel('org/tiny')).rejects.toThrow(/the token has no access/);
    vi.stubEnv('HF_TOKEN', '');
    await writeFile(join(home, 'token'), 'hf_secret\n');
    await downloadModel('org/tiny');
    const storage = hub.asked.filter(({ host }) => host === 'storage');
    expect(storage.length).toBeGreaterThan(0);
    for (const { token } of storage) expect(token).toBeNull();
  });

  it('a model or a revision that is not there', async () => {
    await expect(downloadModel('org/nothing')).rejects.toThrow(/org\/nothing.*not found \(404\)/);
    await expect(downloadModel('org/tiny', { revision: 'v9' })).rejects.toThrow(/revision v9/);
  });

  it.each(['../../evil', '/etc/evil', 'a/../../b', 'a\\b', 'C:evil', 'a//b', ''])(
    'a file called %j',
    async (name) => {
      hub.listed = ['config.json', name];
      await expect(downloadModel('org/tiny')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      expect(hub.downloads()).toHaveLength(0);
    },
  );

  it('ids and revisions that would leave the cache', async () => {
    for (const id of ['../x', 'a/../b', 'a/b/c', 'org/..', '/abs', 'a--b/c', '']) {
      await expect(downloadModel(id), id).rejects.toBeInstanceOf(RangeError);
    }
    for (const revision of ['../../x', 'a/../b', '', '/x', 'a//b']) {
      await expect(downloadModel('org/tiny', { revision }), revision).rejects.toBeInstanceOf(
        RangeError,
      );
    }
  });

  it('any request when HF_HUB_OFFLINE is set', async () => {
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    await expect(downloadModel('org/tiny')).rejects.toThrow(/HF_HUB_OFFLINE/);
    expect(hub.asked).toHaveLength(0);
    vi.stubEnv('HF_HUB_OFFLINE', '0');
    await downloadModel('org/tiny');
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    const before = hub.asked.length;
    expect(await downloadModel('org/tiny')).toBe(snapshot());
    expect(hub.asked).toHaveLength(before);
  });
});

describe('resolveModel', () => {
  it('leaves paths alone and touches no network unless asked', async () => {
    expect(await resolveModel('load', home)).toBe(home);
    expect(await resolveModel('load', './org')).toBe('./org');
    const missing = /^load: org\/tiny is no file or folder here, and .* is not in the cache .*/;
    const pull = /run `sinter pull org\/tiny`$/;
    for (const [options, advice] of [
      [{}, pull],
      [{ download: false }, /give download: true, or run `sinter pull org\/tiny`$/],
    ] as const) {
      const error = await resolveModel('load', 'org/tiny', options).catch((e: unknown) => e);
      expect(error).toMatchObject({ code: 'UNAVAILABLE', message: expect.stringMatching(missing) });
      expect(error).toMatchObject({ message: expect.stringMatching(advice) });
    }
    expect(hub.asked).toHaveLength(0);
    expect(await resolveModel('load', 'org/tiny', { download: true })).toBe(snapshot());
    const before = hub.asked.length;
    expect(await resolveModel('load', 'org/tiny')).toBe(snapshot());
    expect(await resolveModel('load', 'org/tiny', { revision: COMMIT })).toBe(snapshot());
    expect(hub.asked).toHaveLength(before);
  });

  it('uses the cached snapshot when the hub cannot be reached', async () => {
    await downloadModel('org/tiny');
    hub.trouble.status = { code: 503, times: 100 };
    expect(await downloadModel('org/tiny')).toBe(snapshot());
    await hub.stop();
    expect(await downloadModel('org/tiny')).toBe(snapshot());
    await rm(repository(), { recursive: true });
    await expect(downloadModel('org/tiny')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    hub = await FakeHub.start([]);
  }, 30_000);
});

describe('settings', () => {
  it('follow the order of huggingface_hub', async () => {
    const cache = async (env: Record<string, string>) => (await hubSettings(env)).cache;
    expect(await cache({ HF_HUB_CACHE: '/a', HUGGINGFACE_HUB_CACHE: '/b', HF_HOME: '/c' })).toBe(
      '/a',
    );
    expect(await cache({ HUGGINGFACE_HUB_CACHE: '/b', HF_HOME: '/c' })).toBe('/b');
    expect(await cache({ HF_HOME: '/c', XDG_CACHE_HOME: '/d' })).toBe('/c/hub');
    expect(await cache({ XDG_CACHE_HOME: '/d' })).toBe('/d/huggingface/hub');
    expect((await hubSettings({ HF_TOKEN: ' t ', HF_HOME: '/c' })).token).toBe('t');
    await expect(hubSettings({ HF_ENDPOINT: 'ftp://x' })).rejects.toThrow(/HF_ENDPOINT must be/);
    await expect(hubSettings({ HF_TOKEN: 'a\nb' })).rejects.toThrow(/token/);
  });
});

describe('chooseFiles', () => {
  it('takes each kind of weights once, best first', () => {
    const shards = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
    expect(chooseFiles(['pytorch_model.bin', ...shards, 'model.safetensors.index.json'])).toEqual([
      ...shards,
      'model.safetensors.index.json',
    ]);
    expect(chooseFiles(['pytorch_model.bin', 'config.json'])).toEqual([
      'pytorch_model.bin',
      'config.json',
    ]);
    expect(
      chooseFiles(['onnx/model.onnx', 'onnx/model.onnx_data', 'onnx/model_fp16.onnx']),
    ).toEqual(['onnx/model.onnx', 'onnx/model.onnx_data']);
    expect(
      chooseFiles([
        '2_Dense/pytorch_model.bin',
        '2_Dense/model.safetensors',
        '2_Dense/config.json',
      ]),
    ).toEqual(['2_Dense/model.safetensors', '2_Dense/config.json']);
  });
});
