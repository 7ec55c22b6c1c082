/**
 * Weights that several models of a process have are held once, whoever loads them, and as long as one of them lives.
 *
 * Bytes are counted by the native side over all programs of the process; RSS is looked at in a process of its own.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Classifier, Encoder } from '../../lib/index.js';
import { native } from '../../lib/native/native.js';
import { bitsOf } from '../kernels/native-test.js';
import { child } from '../models/child.js';

const fixture = (name: string) =>
  fileURLToPath(new URL(`../fixtures/encoders/${name}`, import.meta.url));
const BERT = fixture('bert');
const TEXTS = ['the people', 'of the united states', 'a'];

const load = (path = BERT) => Encoder.load(path, { pooling: 'mean' });
const embed = async (encoder: Encoder) => bitsOf((await encoder.embed(TEXTS)).data);
const held = () => native().weightBytes();

describe('shared weights', () => {
  let start = 0;
  beforeEach(() => {
    start = held();
  });
  afterEach(() => {
    expect(held(), 'nothing is left').toBe(start);
  });

  it('a folder that is loaded twice is held once, until both are disposed', async () => {
    const first = await load();
    const one = held() - start;
    const { residentBytes } = await first.info();
    // Blocks are counted with their padding for alignment.
    expect(one).toBeGreaterThanOrEqual(residentBytes);
    expect(one).toBeLessThan(residentBytes * 1.1);
    const vectors = await embed(first);
    const second = await load();
    expect(held() - start).toBe(one);
    await first.dispose();
    expect(held() - start).toBe(one);
    expect(await embed(second)).toEqual(vectors);
    const third = await load();
    expect(held() - start).toBe(one);
    await second.dispose();
    expect(await embed(third)).toEqual(vectors);
    await third.dispose();
  });

  it('loads at the same time share too', async () => {
    const encoders = await Promise.all(Array.from({ length: 4 }, () => load()));
    const alone = await load();
    const all = held() - start;
    await Promise.all(encoders.map((encoder) => encoder.dispose()));
    expect(held() - start).toBe(all);
    await alone.dispose();
  });

  it('another model shares nothing but what is equal', async () => {
    const encoder = await load();
    const one = held() - start;
    const other = await load(fixture('modernbert'));
    expect(held() - start).toBeGreaterThan(1.5 * one);
    expect(await embed(other)).not.toEqual(await embed(encoder));
    await encoder.dispose();
    await other.dispose();
  });

  it('a classifier shares all but its head with the encoder, and training it changes only itself', async () => {
    const encoder = await load();
    const one = held() - start;
    const vectors = await embed(encoder);
    const classifier = await encoder.classifier({ labels: ['yes', 'no'] });
    const head = held() - start - one;
    expect(head).toBeLessThan(0.2 * one);
    const untrained = bitsOf((await classifier.logits(TEXTS)).data);
    const rows = TEXTS.map((text, i) => ({
      text,
      label: i === 0 ? ('yes' as const) : ('no' as const),
    }));
    await classifier.train(rows, { epochs: 2, batchSize: 2, learningRate: 1e-2 });
    expect(bitsOf((await classifier.logits(TEXTS)).data)).not.toEqual(untrained);
    expect(await embed(encoder)).toEqual(vectors);
    expect(held() - start).toBeGreaterThan(1.5 * one);
    const again = await encoder.classifier({ labels: ['yes', 'no'] });
    expect(bitsOf((await again.logits(TEXTS)).data)).toEqual(untrained);
    await classifier.dispose();
    await encoder.dispose();
    await again.dispose();
  });

  it('an int8 model has its own matrices, and both live on when the other ends', async () => {
    const encoder = await load();
    const one = held() - start;
    const vectors = await embed(encoder);
    const small = await encoder.quantize({ embeddings: false });
    const { residentBytes } = await small.info();
    const added = held() - start - one;
    expect(added).toBeLessThan(residentBytes);
    const twin = await encoder.quantize({ embeddings: false });
    expect(held() - start - one).toBe(added);
    const quantized = await embed(small);
    await small.dispose();
    expect(await embed(encoder)).toEqual(vectors);
    await encoder.dispose();
    expect(await embed(twin)).toEqual(quantized);
    await twin.dispose();
  });

  it('f16 tables stay f16 in an encoder, its classifier and its quantized form, and widen to train', async () => {
    const encoder = await load();
    const folder = await mkdtemp(join(tmpdir(), 'sinter-memory-'));
    try {
      await encoder.save(join(folder, 'half'), { dtype: 'f16' });
      await encoder.dispose();
      const half = await load(join(folder, 'half'));
      const one = held() - start;
      const { residentBytes, storedBytes } = await half.info();
      expect(residentBytes).toBeLessThan(storedBytes);
      const vectors = await embed(half);
      const classifier = await half.classifier({ labels: ['yes', 'no'] });
      expect(held() - start - one).toBeLessThan(0.2 * one);
      const small = await half.quantize({ embeddings: false });
      expect((await small.info()).residentBytes).toBeLessThan((await small.info()).storedBytes);
      const rows = TEXTS.map((text) => ({ text, label: 'yes' as const }));
      await classifier.train(rows, { epochs: 1, batchSize: 2, learningRate: 1e-3 });
      // The encoder still has its f16 tables, so it is written back exactly, although the trained classifier now has f32
      // tables.
      await half.save(join(folder, 'again'), { dtype: 'f32' });
      const again = await load(join(folder, 'again'));
      expect(await embed(again)).toEqual(vectors);
      for (const model of [half, classifier, small, again]) await model.dispose();
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('a load that fails or is cancelled leaves nothing', async () => {
    const signal = AbortSignal.abort();
    await expect(Encoder.load(BERT, { pooling: 'mean', signal })).rejects.toMatchObject({
      code: 'CANCELLED',
    });
    const controller = new AbortController();
    const loading = Encoder.load(BERT, { pooling: 'mean', signal: controller.signal });
    setImmediate(() => controller.abort());
    await loading.then(
      (encoder) => encoder.dispose(),
      (error) => expect(error).toMatchObject({ code: 'CANCELLED' }),
    );
  });

  it('a classifier folder that is loaded twice', async () => {
    const first = await Classifier.load(fixture('bert-seqcls'));
    const one = held() - start;
    const second = await Classifier.load(fixture('bert-seqcls'));
    expect(held() - start).toBe(one);
    await first.dispose();
    await second.dispose();
  });
});

describe('a process with the embedded model', () => {
  it.skipIf(platform() !== 'linux')(
    'holds it once in four worker threads and grows little when it is loaded again (needs Linux)',
    async () => {
      const { one, withWorkers, afterWorkers, again, quantized, end, rss } = (await child(
        '../../memory/children/shared.mjs',
        [],
      )) as Readonly<Record<string, number>> & { readonly rss: Readonly<Record<string, number>> };
      expect(one).toBeGreaterThan(66e6);
      expect(withWorkers).toBe(one);
      expect(afterWorkers).toBe(one);
      expect(again).toBe(one);
      expect(quantized).toBeGreaterThan(one ?? 0);
      expect(end).toBe(0);
      const { first = 0, second = 0, peak = 0 } = rss;
      // A second load may touch one piece of plain weights, and one table before it is found to be known.
      expect(second - first).toBeLessThan(25e6);
      expect(peak - first).toBeLessThan(60e6);
    },
    120_000,
  );
});
