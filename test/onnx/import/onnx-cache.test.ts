/**
 * The cache of recovered ONNX files: the second load recovers nothing and gives the same bits; what is changed, damaged or not
 * verified is never taken for what was kept.
 */

import { cp, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { OnnxCache, onnxCacheFolder } from '../../../lib/checkpoint/onnx/onnx-cache.js';
import { Encoder, OnnxModel } from '../../../lib/index.js';
import { ONNX_FIXTURES, zooCases } from './zoo.js';

const CASES = zooCases(join(ONNX_FIXTURES, 'zoo'));
const IDS = [
  [1, 5, 9, 12],
  [7, 8],
];
let folder = '';
let file = '';

/** A case with int8 weights; its cache entry has codes, tables and vectors. */
const QUANTIZED = CASES.find(({ name }) => name === 'distilbert_qdyn_ort_extended');
const SENTENCE = CASES.find(({ name }) => /^(optimum_st_mean_norm|st_bert)/.test(name));

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sinter-cache-'));
  process.env.SINTER_CACHE = join(folder, 'cache');
  file = await copied(QUANTIZED ?? CASES[0], 'a');
});

afterEach(async () => {
  process.env.SINTER_CACHE = 'off';
  await rm(folder, { recursive: true, force: true });
});

async function copied(found: (typeof CASES)[number] | undefined, name: string): Promise<string> {
  if (found === undefined) throw new Error('no case');
  await mkdir(join(folder, name));
  const to = join(folder, name, 'model.onnx');
  await cp(found.model, to);
  return to;
}

async function load(path: string, options = {}) {
  await using model = await OnnxModel.load(path, options);
  const { data } = await model.run(IDS, {});
  return { data, report: model.report };
}

async function entries(): Promise<string[]> {
  return readdir(join(folder, 'cache', 'onnx')).catch(() => []);
}

async function entryPath(): Promise<string> {
  const [name = ''] = await entries();
  return join(folder, 'cache', 'onnx', name);
}

test('the second load recovers nothing, says so, and gives the same bits', async () => {
  const first = await load(file);
  const second = await load(file);
  expect([first.report.cached, second.report.cached]).toEqual([false, true]);
  expect(second.data).toEqual(first.data);
  expect(second.report.times.recover).toBe(0);
  const same = ({ report }: typeof first) => ({ ...report, cached: null, times: null });
  expect(same(second)).toEqual(same(first));
  expect(await entries()).toHaveLength(1);
});

test('the same content elsewhere is known, a changed file is not', async () => {
  await load(file);
  expect((await load(await copied(QUANTIZED, 'b'))).report.cached).toBe(true);
  // A pair of metadata more, which changes nothing but the content.
  const more = Buffer.from([0x72, 6, 0x0a, 1, 0x61, 0x12, 1, 0x62]);
  const changed = join(folder, 'b', 'model.onnx');
  await writeFile(changed, Buffer.concat([await readFile(file), more]));
  expect((await load(changed)).report.cached).toBe(false);
});

test('config.json beside the file is part of the key', async () => {
  await load(file);
  await writeFile(join(folder, 'a', 'config.json'), '{"transformers_version":"4.40.0"}');
  expect((await load(file)).report.cached).toBe(false);
});

test('widened and int8 weights come from one entry, each verified by itself', async () => {
  const int8 = await load(file);
  const wide = await load(file, { widen: true });
  expect([int8.report.int8Weights > 0, wide.report.int8Weights]).toEqual([true, 0]);
  expect(wide.report.verification?.tolerance).toBe(2e-5);
  const again = await load(file, { widen: true });
  expect(again.report.verification).toEqual(wide.report.verification);
  expect(again.data).toEqual(wide.data);
  expect(await entries()).toHaveLength(1);
});

test('what was not verified is not kept', async () => {
  const { report } = await load(file, { verify: false });
  expect(report.verification).toBe(null);
  expect(await entries()).toEqual([]);
});

test('a caller that pools otherwise is verified anew', async () => {
  const path = await copied(SENTENCE, 'st');
  await writeFile(
    join(folder, 'st', 'vocab.txt'),
    ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'].join('\n'),
  );
  const embed = async (options = {}) => {
    await using encoder = await Encoder.load(path, options);
    return (await encoder.embed(['a', 'b'])).data;
  };
  const plain = await embed();
  const other = await embed({ pooling: 'cls' });
  expect(await embed()).toEqual(plain);
  expect(await embed({ pooling: 'cls' })).toEqual(other);
  expect(other).not.toEqual(plain);
  const text = await readFile(await entryPath(), 'utf8');
  expect(Object.keys(JSON.parse(text.slice(65)).verified)).toHaveLength(2);
});

test.each([
  ['cut off', (text: string) => text.slice(0, text.length / 2)],
  ['empty', () => ''],
  ['another digit', (text: string) => text.replace(/"rows":(\d)/, '"rows":9$1')],
  ['no JSON', () => 'nonsense'],
])('a damaged entry is ignored and written anew: %s', async (_, damage) => {
  const first = await load(file);
  const path = await entryPath();
  const whole = await readFile(path, 'utf8');
  await writeFile(path, damage(whole));
  const second = await load(file);
  expect(second.report.cached).toBe(false);
  expect(second.data).toEqual(first.data);
  expect((await load(file)).report.cached).toBe(true);
});

type Source = { pieces?: unknown[][]; values?: string; rows?: number; columns?: number };

interface Forged {
  sources: Record<string, Source>;
  int8: unknown;
  head: { task: string };
}

/** Changes a cache entry and signs it again, as an attacker might. */
async function forge(change: (contents: Forged) => void): Promise<void> {
  const path = await entryPath();
  const entry = JSON.parse((await readFile(path, 'utf8')).slice(65));
  change(entry.contents);
  const cache = new OnnxCache(join(folder, 'cache', 'onnx'));
  const key = /([0-9a-f]{64})\.json$/.exec(path)?.[1] ?? '';
  await cache.write(key, JSON.stringify(entry));
}

const someMatrix = (sources: Record<string, Source>) =>
  Object.values(sources).find(({ pieces }) => pieces !== undefined) as Required<Source>;

test.each<[string, (contents: Forged) => void]>([
  [
    'a range beyond the tensor',
    ({ sources }) => {
      const matrix = someMatrix(sources);
      matrix.rows = 1e6;
      matrix.pieces = [[matrix.pieces[0]?.[0], false, 0, 1e6]];
    },
  ],
  [
    'a tensor that is not there',
    ({ sources }) => {
      (someMatrix(sources).pieces[0] as unknown[])[0] = 'nothing';
    },
  ],
  [
    'rows that are not there',
    ({ sources }) => {
      someMatrix(sources).rows += 1;
    },
  ],
  [
    'numbers that are none',
    ({ sources }) => {
      const vector = Object.values(sources).find((s) => s.values);
      (vector as Source).values = Buffer.from(Float32Array.of(Number.NaN).buffer).toString(
        'base64',
      );
    },
  ],
  [
    'codes of what has none',
    (contents) => {
      const vector = Object.entries(contents.sources).find(([, s]) => s.values);
      contents.int8 = [vector?.[0]];
    },
  ],
  [
    'another task',
    (contents) => {
      contents.head.task = 'anything';
    },
  ],
  [
    'no sources',
    (contents) => {
      contents.sources = [] as never;
    },
  ],
])('a forged entry is ignored: %s', async (_, change) => {
  const first = await load(file);
  await forge(change);
  const second = await load(file);
  expect(second.report.cached).toBe(false);
  expect(second.data).toEqual(first.data);
});

test('it can be switched off, by option and by variable', async () => {
  await load(file, { cache: false });
  expect(await entries()).toEqual([]);
  expect(onnxCacheFolder({ SINTER_CACHE: 'off' })).toBe(null);
  expect(onnxCacheFolder({ SINTER_CACHE: '/x' })).toBe(join('/x', 'onnx'));
  expect(onnxCacheFolder({ XDG_CACHE_HOME: '/y' })).toBe(join('/y', 'sinter', 'onnx'));
});

test('a folder that cannot be written costs nothing but time', async () => {
  await writeFile(join(folder, 'cache'), 'a file where the folder should be');
  expect((await load(file)).report.cached).toBe(false);
  expect((await load(file)).report.cached).toBe(false);
});

test('old entries go: by number and by size', async () => {
  const cache = new OnnxCache(join(folder, 'cache', 'onnx'));
  const key = (i: number) => i.toString(16).padStart(64, '0');
  for (let i = 0; i < 70; i++) {
    await cache.write(key(i), `entry ${i}`);
    const path = join(folder, 'cache', 'onnx', `${key(i)}.json`);
    await utimes(path, 1e9 + i, 1e9 + i).catch(() => {});
  }
  await cache.write(key(70), 'the last');
  expect((await entries()).length).toBe(64);
  expect(await cache.read(key(70))).toBe('the last');
  expect(await cache.read(key(0))).toBe(null);
  for (let i = 100; i < 106; i++) await cache.write(key(i), 'x'.repeat(15 << 20));
  expect(await cache.read(key(105))).not.toBe(null);
  expect((await entries()).length).toBeLessThan(6);
  await cache.write(key(200), 'x'.repeat(17 << 20));
  expect(await cache.read(key(200))).toBe(null);
});
