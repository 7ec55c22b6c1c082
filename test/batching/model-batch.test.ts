/**
 * Batchers of real models: the same bits as a direct call, whatever runs beside it; clean ends; no growth.
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from 'vitest';
import { Classifier } from '../../lib/models/classifier.js';
import { Encoder } from '../../lib/models/encoder.js';
import type { TextInput } from '../../lib/tokenize/text-tokenizer.js';

const fixture = (name: string) =>
  fileURLToPath(new URL(`../fixtures/encoders/${name}`, import.meta.url));

const TEXTS: readonly TextInput[] = [
  '',
  'the people',
  'of the states and the people of the states',
  ['the people', 'of the states'],
  'people '.repeat(200),
  'x',
  ['', 'y'],
  'the 世界 of 🎉 states',
];

let encoder: Encoder;
let classifier: Classifier;
let vectors: readonly Float32Array[];
beforeAll(async () => {
  encoder = await Encoder.load(fixture('bert'), { pooling: 'mean', normalize: true });
  classifier = await Classifier.load(fixture('bert-seqcls'));
  vectors = await Promise.all(TEXTS.map(async (text) => (await encoder.embed([text])).row(0)));
});
afterAll(async () => {
  await encoder.dispose();
  await classifier.dispose();
});

/** Resolves after some turns of the event loop. */
async function turns(n: number): Promise<void> {
  for (let i = 0; i < n; i++) await new Promise((done) => setImmediate(done));
}

describe('Encoder.batch', () => {
  it('gives the bits of embed under random arrivals, priorities and aborts', async () => {
    const one = fc.record({
      text: fc.nat(TEXTS.length - 1),
      gap: fc.nat(3),
      priority: fc.constantFrom('interactive' as const, 'bulk' as const),
      abortAfter: fc.option(fc.nat(8), { freq: 4 }),
    });
    const all = fc.array(one, { minLength: 1, maxLength: 60 });
    const size = fc.integer({ min: 1, max: 200 });
    const property = fc.asyncProperty(all, size, async (calls, maxBatchTokens) => {
      await using batcher = encoder.batch({ maxBatchTokens, maxWaitMs: 1 });
      const ends: Promise<void>[] = [];
      for (const { text, gap, priority, abortAfter } of calls) {
        await turns(gap);
        const controller = new AbortController();
        const { signal } = controller;
        const run = batcher.run(TEXTS[text] ?? '', { priority, signal });
        const check = (vector: Float32Array) => expect(vector).toEqual(vectors[text]);
        ends.push(
          run.then(check, (error: unknown) => {
            expect(abortAfter).not.toBeNull();
            expect(error).toMatchObject({ code: 'CANCELLED' });
          }),
        );
        if (abortAfter !== null) void turns(abortAfter).then(() => controller.abort());
      }
      await Promise.all(ends);
      const { batchTokens, queued, running } = batcher.metrics();
      expect([queued, running]).toEqual([0, 0]);
      expect(batchTokens.max).toBeLessThanOrEqual(Math.max(maxBatchTokens, encoder.maxTokens));
    });
    await fc.assert(property, { numRuns: 40 });
  });

  it('gives each caller memory of its own, few batches for many callers', async () => {
    await using batcher = encoder.batch();
    const runs = await Promise.all(Array.from({ length: 100 }, () => batcher.run('the people')));
    expect(new Set(runs.map(({ buffer }) => buffer)).size).toBe(100);
    expect(runs[0]?.buffer.byteLength).toBe(4 * encoder.dimensions);
    const { batches, tokens, requests } = batcher.metrics();
    expect(requests).toBe(100);
    expect(batches).toBeLessThanOrEqual(1 + Math.ceil(tokens / 512));
  });

  it('puts the default prompt or the asked one before each text, as embed does', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sinter-prompts-'));
    try {
      await encoder.save(folder);
      const prompts = { query: 'the people ', passage: 'of states ' };
      const config = { prompts, default_prompt_name: 'passage' };
      const file = join(folder, 'config_sentence_transformers.json');
      await writeFile(file, JSON.stringify(config));
      await using prompted = await Encoder.load(folder, { pooling: 'mean' });
      await using passages = prompted.batch();
      await using queries = prompted.batch({ promptName: 'query' });
      const embed = async (...args: Parameters<Encoder['embed']>) =>
        (await prompted.embed(...args)).row(0);
      const [passage, query] = [await passages.run('x'), await queries.run('x')];
      expect(passage).toEqual(await embed(['x']));
      expect(query).toEqual(await embed(['x'], { promptName: 'query' }));
      expect(query).not.toEqual(passage);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('refuses wrong options', async () => {
    expect(() => encoder.batch({ promptName: 'query' })).toThrow(
      new RangeError('batch: promptName must be one of no prompts, got "query"'),
    );
    expect(() => encoder.batch({ maxBatch: 1 } as never)).toThrow(/it has .*truncate, promptName/);
  });

  it('refuses a long text alone when truncate is false', async () => {
    await using batcher = encoder.batch({ truncate: false });
    const [long, good] = await Promise.allSettled([
      batcher.run('people '.repeat(200)),
      batcher.run('the people'),
    ]);
    expect(long).toMatchObject({
      reason: new RangeError('run: text must be at most 64 tokens, got 202'),
    });
    expect(good).toMatchObject({ value: vectors[1] });
  });

  it('has the bits of the quantized embedded model', async () => {
    await using embedded = await Encoder.load();
    await using small = await embedded.quantize();
    const texts = TEXTS.slice(0, 4);
    const direct = await small.embed(texts);
    await using batcher = small.batch();
    const rows = await Promise.all(texts.map((text) => batcher.run(text)));
    for (const [i, row] of rows.entries()) expect(row).toEqual(direct.row(i));
  });
});

describe('Classifier.batch', () => {
  it('gives the predictions of predict', async () => {
    await using batcher = classifier.batch({ maxBatchTokens: 64 });
    const direct = await classifier.predict(TEXTS);
    expect(await Promise.all(TEXTS.map((text) => batcher.run(text)))).toEqual(direct);
    await using typed = await encoder.classifier({ labels: ['us', 'them'] });
    await using narrow = typed.batch();
    expectTypeOf((await narrow.run('x')).label).toEqualTypeOf<'us' | 'them'>();
  });

  it('uses the new weights after a training, and serves while it runs', async () => {
    await using model = await encoder.classifier({ labels: ['us', 'them'] });
    await using batcher = model.batch();
    const [before] = await model.predict(['the people']);
    const rows = Array.from({ length: 16 }, (_, i) => ({
      text: `people ${i}`,
      label: i % 2 === 0 ? ('us' as const) : ('them' as const),
    }));
    const training = model.train(rows, { epochs: 2, learningRate: 1e-2 });
    expect(await batcher.run('the people')).toEqual(before);
    await training;
    const [after] = await model.predict(['the people']);
    expect(after).not.toEqual(before);
    expect(await batcher.run('the people')).toEqual(after);
  });
});

describe('a direct call', () => {
  it('of one text, or one said to be interactive, passes a bulk call that runs', async () => {
    // Seconds of work, which the abort ends: the calls in between take milliseconds.
    const many = Array.from({ length: 20_000 }, () => 'people '.repeat(60));
    const controller = new AbortController();
    let over = false;
    const bulk = encoder.embed(many, { signal: controller.signal }).finally(() => {
      over = true;
    });
    bulk.catch(() => {});
    await new Promise((done) => setTimeout(done, 30));
    expect((await encoder.embed(['the people'])).row(0)).toEqual(vectors[1]);
    const two = await encoder.embed(TEXTS.slice(1, 3), { priority: 'interactive' });
    expect([two.row(0), two.row(1)]).toEqual(vectors.slice(1, 3));
    await classifier.predict(['x'], { priority: 'interactive' });
    expect(over).toBe(false);
    controller.abort();
    await expect(bulk).rejects.toMatchObject({ code: 'CANCELLED' });
  });

  it('refuses an unknown priority', async () => {
    await expect(encoder.embed(['x'], { priority: 'high' as never })).rejects.toThrow(
      new RangeError('embed: priority must be one of "interactive", "bulk", got "high"'),
    );
    await expect(classifier.predict(['x'], { priority: 'high' as never })).rejects.toThrow(
      new RangeError('predict: priority must be one of "interactive", "bulk", got "high"'),
    );
  });
});

describe('the end of the model', () => {
  it('rejects what waits, delivers what runs, and settles', async () => {
    const model = await Encoder.load(fixture('bert'), { pooling: 'mean', normalize: true });
    const batcher = model.batch({ maxBatchTokens: 64 });
    const runs = Promise.allSettled(
      Array.from({ length: 200 }, () => batcher.run('people '.repeat(50))),
    );
    while (batcher.metrics().running === 0) await turns(1);
    await model.dispose();
    const results = await runs;
    const expected = (await encoder.embed(['people '.repeat(50)])).row(0);
    const done = results.filter(({ status }) => status === 'fulfilled');
    expect(done.length).toBeGreaterThan(0);
    expect(done.length).toBeLessThan(200);
    for (const result of results) {
      if (result.status === 'fulfilled') expect(result.value).toEqual(expected);
      else expect(result.reason).toMatchObject({ code: 'DISPOSED' });
    }
    await expect(batcher.run('x')).rejects.toMatchObject({ code: 'DISPOSED' });
    expect(() => model.batch()).toThrow(/^batch: the model was disposed$/);
  });
});

describe('10,000 calls', () => {
  it('leave nothing behind', async () => {
    await using batcher = encoder.batch({ maxQueue: 200 });
    const calls = async (count: number) => {
      for (let done = 0; done < count; done += 100) {
        const burst = Array.from({ length: 100 }, (_, i) => {
          const signal = i % 10 === 0 ? AbortSignal.timeout(1) : undefined;
          return batcher.run(TEXTS[i % 4] ?? '', signal === undefined ? {} : { signal });
        });
        await Promise.allSettled(burst);
      }
      await turns(3);
    };
    await calls(2000);
    const before = process.memoryUsage();
    await calls(10_000);
    const after = process.memoryUsage();
    expect(batcher.metrics()).toMatchObject({ requests: 12_000, queued: 0, running: 0 });
    expect(after.rss - before.rss).toBeLessThan(64 << 20);
  });
});

describe('Classifier.batch with windows', () => {
  const LONG: readonly TextInput[] = [
    'the people',
    'people of the states '.repeat(90),
    ['the people', 'of the states and '.repeat(120)],
    '',
    'x y z the people '.repeat(1500),
  ];

  it.each(['mean', 'max'] as const)('gives the bits of predict: %s', async (windows) => {
    const options = { windows, stride: 5 };
    const expected = await Promise.all(
      LONG.map(async (text) => (await classifier.predict([text], options))[0]),
    );
    expect(expected).not.toEqual(await classifier.predict(LONG));
    for (const maxBatchTokens of [1, 100, 4096]) {
      await using batcher = classifier.batch({ ...options, maxBatchTokens, maxWaitMs: 1 });
      const controller = new AbortController();
      const { signal } = controller;
      const cancelled = batcher.run(LONG[4] ?? '', { signal, priority: 'bulk' });
      const runs = LONG.map((text, i) =>
        batcher.run(text, { priority: i % 2 === 0 ? 'bulk' : 'interactive' }),
      );
      void turns(9).then(() => controller.abort());
      await expect(cancelled).rejects.toMatchObject({ code: 'CANCELLED' });
      expect(await Promise.all(runs)).toEqual(expected);
      const { queued, running, requests } = batcher.metrics();
      expect([queued, running]).toEqual([0, 0]);
      // Each window is an item.
      expect(requests).toBeGreaterThan(2 * LONG.length);
    }
  });

  it('drains and ends with texts of which not all windows are read', async () => {
    const batcher = classifier.batch({ windows: 'mean', maxBatchTokens: 64 });
    const text = LONG[4] ?? '';
    let done = false;
    const first = batcher.run(text).then(() => {
      done = true;
    });
    await batcher.drain();
    expect(done).toBe(true);
    await first;
    const second = batcher.run(text);
    const refused = expect(second).rejects.toMatchObject({ code: 'DISPOSED' });
    await turns(3);
    await batcher.dispose();
    await refused;
    expect(batcher.metrics()).toMatchObject({ queued: 0, running: 0 });
  });

  it('does not cut too', () => {
    expect(() => classifier.batch({ windows: 'mean', truncate: true })).toThrow(
      'batch: truncate must be left out with windows, got true',
    );
    expect(() => classifier.batch({ stride: 3 })).toThrow(
      'batch: stride must be left out without windows, got 3',
    );
  });
});
