// Poolings, Dense and LayerNorm modules give the vectors of sentence-transformers, and are written so that they load again.
import { readFileSync } from 'node:fs';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Encoder, type PoolKind } from '../../lib/index.js';
import { temporaryFolder } from '../formats/temporary-folder.js';

const at = (path: string) => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));
const BERT = at('encoders/bert');
const golden = JSON.parse(readFileSync(at('sentence/golden.json'), 'utf8')) as {
  texts: string[];
  vectors: Record<string, number[][]>;
  pooling: Record<PoolKind, number[][]>;
};

async function sentenceFolder(name: string): Promise<string> {
  const folder = join(await temporaryFolder(), name);
  await cp(BERT, folder, { recursive: true });
  await cp(at(`sentence/${name}`), folder, { recursive: true });
  return folder;
}

async function expectVectors(encoder: Encoder, expected: number[][] | undefined): Promise<void> {
  const vectors = await encoder.embed(golden.texts);
  expect([vectors.rows, vectors.cols]).toEqual([expected?.length, expected?.[0]?.length]);
  const flat = expected?.flat() ?? [];
  const scale = Math.max(...flat.map(Math.abs));
  for (const [i, value] of vectors.data.entries()) {
    expect(Math.abs(value - (flat[i] ?? Number.NaN)) / scale).toBeLessThan(1e-5);
  }
}

describe('modules after the pooling', () => {
  it.each(['dense', 'stack', 'concat'])('%s', async (name) => {
    const folder = await sentenceFolder(name);
    await using encoder = await Encoder.load(folder);
    expect(encoder.dimensions).toBe(golden.vectors[name]?.[0]?.length);
    await expectVectors(encoder, golden.vectors[name]);
    const saved = join(await temporaryFolder(), 'saved');
    await encoder.save(saved);
    for (const file of ['modules.json', '1_Pooling/config.json', '2_Dense/config.json']) {
      const [ours, theirs] = [saved, folder].map((path) => readFile(join(path, file), 'utf8'));
      expect(JSON.parse((await ours) ?? '')).toEqual(JSON.parse((await theirs) ?? ''));
    }
    await using again = await Encoder.load(saved);
    expect((await again.embed(golden.texts)).data).toEqual(
      (await encoder.embed(golden.texts)).data,
    );
  });

  it('are there in an int8 model too, and are saved with it', async () => {
    await using encoder = await Encoder.load(await sentenceFolder('dense'));
    await using small = await encoder.quantize();
    const saved = join(await temporaryFolder(), 'saved');
    await small.save(saved);
    await using again = await Encoder.load(saved);
    expect((await again.embed(golden.texts)).data).toEqual((await small.embed(golden.texts)).data);
  });

  it('without what they need are refused', async () => {
    const folder = await sentenceFolder('stack');
    const file = join(folder, '4_Dense/config.json');
    const config = JSON.parse(await readFile(file, 'utf8')) as object;
    await writeFile(file, JSON.stringify({ ...config, in_features: 23 }));
    await expect(Encoder.load(folder)).rejects.toMatchObject({ code: 'CORRUPT_MODEL' });
    await writeFile(file, JSON.stringify({ ...config, bias: true }));
    await expect(Encoder.load(folder)).rejects.toThrow(/missing: 4_Dense\.linear\.bias/);
  });
});

describe('pooling modes', () => {
  it.each(Object.keys(golden.pooling) as PoolKind[])('%s', async (pooling) => {
    await using encoder = await Encoder.load(BERT, { pooling });
    await expectVectors(encoder, golden.pooling[pooling]);
  });

  it('side by side in the order that was asked for', async () => {
    await using encoder = await Encoder.load(BERT, { pooling: ['lasttoken', 'cls'] });
    const { lasttoken, cls } = golden.pooling;
    await expectVectors(
      encoder,
      lasttoken.map((row, i) => [...row, ...(cls[i] ?? [])]),
    );
    const saved = join(await temporaryFolder(), 'saved');
    await encoder.save(saved);
    await using again = await Encoder.load(saved);
    expect((await again.info()).pooling).toEqual(['lasttoken', 'cls']);
  });
});
