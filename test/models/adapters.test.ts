/** Adapters beside one base, merged and taken away again. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Classifier, Encoder, TokenClassifier } from '../../lib/index.js';
import { native } from '../../lib/native/native.js';
import { encoderFolder } from '../architectures/encoders.js';
import { temporaryFolder } from '../formats/temporary-folder.js';
import { expectSameBits } from '../kernels/native-test.js';

const TINY = encoderFolder('bert') ?? '';
const WORDS = 'the of and to in that is for our we'.split(' ');
const texts = Array.from({ length: 48 }, (_, i) =>
  [0, 3, 5].map((step) => WORDS[(((i * 7) % 10) + step * i) % 10]).join(' '),
);
/** Rows whose label says which word comes first. */
const rowsOf = (labels: readonly string[]) =>
  texts.map((text) => {
    const first = WORDS.indexOf(text.split(' ')[0] ?? '');
    return { text, label: labels[Math.floor((first * labels.length) / 10)] ?? '' };
  });
const LORA = { method: 'lora', epochs: 6, batchSize: 16, learningRate: 1e-2 } as const;
const TARGETS = { r: 4, targets: ['query', 'value', 'intermediate.dense', 'output.dense'] };

const fresh = (labels: readonly string[], seed = 3) =>
  Classifier.load(TINY, { labels, newHead: true, seed });

/** The folder of an adapter that was trained for these labels, the merged model's logits, and its report. */
async function trained(labels: readonly string[], lora: object = TARGETS) {
  await using model = await fresh(labels);
  const rows = rowsOf(labels);
  const report = await model.train(rows, { ...LORA, lora, eval: rows });
  const folder = join(await temporaryFolder(), 'adapter');
  await model.saveAdapter(folder);
  return { folder, rows, report, logits: (await model.logits(texts)).data };
}

function largest(a: Float32Array, b: Float32Array): number {
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? Number.NaN))), 0);
}

describe('adapters beside a base', () => {
  it('answer with their own heads and labels, and leave the base as it is', async () => {
    const two = await trained(['low', 'high']);
    const three = await trained(['a', 'b', 'c'], { r: 2 });
    await using base = await fresh(['low', 'high'], 8);
    const before = (await base.logits(texts)).data;
    await base.loadAdapter(two.folder, { name: 'two' });
    await base.loadAdapter(three.folder, { name: 'three' });
    expect(base.adapters).toEqual(['two', 'three']);

    for (const [name, { logits }] of Object.entries({ two, three })) {
      const own = await base.logits(texts, { adapter: name });
      expect(own.data).toHaveLength(logits.length);
      expect(largest(own.data, logits)).toBeLessThan(2e-5);
    }
    expectSameBits((await base.logits(texts)).data, before, 'the base');
    const [first] = await base.predict(texts, { adapter: 'three', topK: 3 });
    expect(['a', 'b', 'c']).toContain(first?.label);
    expect(first?.top?.map(({ label }) => label).sort()).toEqual(['a', 'b', 'c']);
    const batch = base.batch({ adapter: 'three' });
    expect(await batch.run(texts[0] ?? '')).toEqual(
      (await base.predict(texts.slice(0, 1), { adapter: 'three' }))[0],
    );
    batch.dispose();

    await base.removeAdapter('two');
    expect(base.adapters).toEqual(['three']);
    await expect(base.predict(texts, { adapter: 'two' })).rejects.toThrow(
      'predict: adapter must be one of "three", got "two"',
    );
  });

  it('are loaded at once', async () => {
    const two = await trained(['low', 'high']);
    const three = await trained(['a', 'b', 'c'], { r: 2 });
    await using base = await fresh(['low', 'high'], 8);
    await Promise.all([
      base.loadAdapter(two.folder, { name: 'two' }),
      base.loadAdapter(three.folder, { name: 'three' }),
    ]);
    expect([...base.adapters].sort()).toEqual(['three', 'two']);
    for (const [name, { logits }] of Object.entries({ two, three })) {
      const own = await base.logits(texts, { adapter: name });
      expect(largest(own.data, logits)).toBeLessThan(2e-5);
    }
  });

  it('have the bits of the training', async () => {
    const { folder, rows, report } = await trained(['low', 'high']);
    await using base = await fresh(['low', 'high'], 8);
    await base.loadAdapter(folder, { name: 'one' });
    const { loss, accuracy } = await base.evaluate(rows, { adapter: 'one' });
    expect(report.evaluations.at(-1)?.scores).toMatchObject({ loss, accuracy });
  });

  it('take the memory of their own tensors only', async () => {
    const [one, two] = [await trained(['a', 'b']), await trained(['a', 'b', 'c'])];
    await using base = await fresh(['low', 'high'], 8);
    const before = native().weightBytes();
    await base.loadAdapter(one.folder, { name: 'one' });
    const first = native().weightBytes();
    await base.loadAdapter(two.folder, { name: 'two' });
    // Each panel of a product has 16 columns, so thin matrices take up to four times their numbers.
    const numbers = 3 * (2 * 4 * 40 + 4 * (20 + 32) + 2 * 4 * 40 + 4 * (32 + 20)) + 3 * 20;
    for (const bytes of [first - before, native().weightBytes() - first]) {
      expect(bytes).toBeGreaterThan(4 * numbers);
      expect(bytes).toBeLessThan(4 * 4 * numbers);
    }
    await base.removeAdapter('one');
    await base.removeAdapter('two');
    expect(native().weightBytes()).toBe(before);
  });

  it('run beside an int8 base', async () => {
    const { folder, logits } = await trained(['low', 'high']);
    await using base = await fresh(['low', 'high'], 8);
    await using small = await base.quantize();
    await small.loadAdapter(folder, { name: 'one' });
    const own = (await small.logits(texts, { adapter: 'one' })).data;
    const scale = Math.max(...logits.map(Math.abs));
    expect(largest(own, logits)).toBeLessThan(0.05 * scale);
    expect(largest(own, logits)).toBeGreaterThan(0);
  });

  it('work for every class of model', async () => {
    const rows = texts.map((text) => {
      const words = text.split(' ');
      return { words, tags: words.map((word) => (word === 'the' ? 'B-x' : 'O')) };
    });
    await using tagger = await TokenClassifier.load(TINY, { labels: ['O', 'B-x'], newHead: true });
    await tagger.train(rows, LORA);
    const folder = join(await temporaryFolder(), 'adapter');
    await tagger.saveAdapter(folder);
    await using other = await TokenClassifier.load(TINY, { labels: ['x', 'y'], newHead: true });
    await other.loadAdapter(folder, { name: 'tags' });
    const found = (await other.predict(texts, { adapter: 'tags' })).flat();
    const merged = (await tagger.predict(texts)).flat();
    expect(found.map(({ entity, start }) => [entity, start])).toEqual(
      merged.map(({ entity, start }) => [entity, start]),
    );
    expect(found.length).toBeGreaterThan(0);

    await using encoder = await Encoder.load(TINY, { pooling: 'mean' });
    const pairs = texts.slice(1).map((text, i) => ({ anchor: texts[i] ?? '', positive: text }));
    const vectors = (await encoder.embed(texts)).data;
    await encoder.train(pairs, { method: 'lora', epochs: 1 });
    const own = join(await temporaryFolder(), 'adapter');
    await encoder.saveAdapter(own);
    await using plain = await Encoder.load(TINY, { pooling: 'mean' });
    await plain.loadAdapter(own, { name: 'mine' });
    const tuned = (await encoder.embed(texts)).data;
    expect(largest((await plain.embed(texts, { adapter: 'mine' })).data, tuned)).toBeLessThan(1e-5);
    expectSameBits((await plain.embed(texts)).data, vectors, 'the base');
    expect((await plain.embed(texts[0] ?? '', { adapter: 'mine' })).length).toBe(20);
  });

  it('are refused where they do not fit, and keep the base from changing', async () => {
    const { folder, rows } = await trained(['low', 'high']);
    await using base = await fresh(['low', 'high'], 8);
    await expect(base.predict(texts, { adapter: 'one' })).rejects.toThrow(
      'predict: adapter must be the name of a loaded adapter (none is loaded), got "one"',
    );
    await base.loadAdapter(folder, { name: 'one' });
    await expect(base.loadAdapter(folder, { name: 'one' })).rejects.toThrow(
      /loadAdapter: name must be a name that is free/,
    );
    const labels = ['x', 'y', 'z'];
    await expect(base.loadAdapter(folder, { name: 'two', labels })).rejects.toThrow(
      /labels must be 2 labels/,
    );
    for (const change of [
      () => base.train(rows, LORA),
      () => base.mergeAdapter(folder),
      () => base.calibrate(rows),
    ])
      await expect(change()).rejects.toThrow(/adapters are loaded beside these weights \(one\)/);
    await base.removeAdapter('one');
    await base.loadAdapter(folder, { name: 'one', labels: ['x', 'y'] });
    const [first] = await base.predict(texts, { adapter: 'one' });
    expect(['x', 'y']).toContain(first?.label);
    await using distil = await Classifier.load(encoderFolder('distilbert-seqcls') ?? '');
    await expect(distil.loadAdapter(folder, { name: 'one' })).rejects.toMatchObject({
      code: 'CORRUPT_MODEL',
    });
  });
});

describe('a merged adapter', () => {
  it('is taken away again, bit for bit', async () => {
    const { folder, logits } = await trained(['low', 'high']);
    await using model = await fresh(['low', 'high'], 8);
    const before = (await model.logits(texts)).data;
    await model.mergeAdapter(folder, { keepBase: true });
    expectSameBits((await model.logits(texts)).data, logits, 'merged');
    await expect(model.mergeAdapter(folder)).rejects.toThrow(/unmerge it first/);
    await model.unmergeAdapter();
    expectSameBits((await model.logits(texts)).data, before, 'unmerged');
    await expect(model.unmergeAdapter()).rejects.toThrow(/no base is kept/);
    await model.mergeAdapter(folder);
    await expect(model.unmergeAdapter()).rejects.toThrow(/merge with keepBase: true/);
  });

  it('is not left in memory by a model that was disposed or trained', async () => {
    const { folder, rows } = await trained(['low', 'high']);
    const before = native().weightBytes();
    const model = await fresh(['low', 'high'], 8);
    const alone = native().weightBytes();
    await model.mergeAdapter(folder, { keepBase: true });
    expect(native().weightBytes()).toBeGreaterThan(alone);
    await model.train(rows, { ...LORA, epochs: 1 });
    await expect(model.unmergeAdapter()).rejects.toThrow(/no base is kept/);
    await model.dispose();
    expect(native().weightBytes()).toBe(before);
  });

  it('is the base of another adapter only by the name that the caller gives', async () => {
    const { rows } = await trained(['low', 'high']);
    await using model = await fresh(['low', 'high']);
    await model.train(rows, { ...LORA, epochs: 1 });
    await model.train(rows, { ...LORA, epochs: 1 });
    const folder = join(await temporaryFolder(), 'adapter');
    await expect(model.saveAdapter(folder)).rejects.toMatchObject({
      code: 'INVALID_DATA',
      message: expect.stringContaining('give its path as base'),
    });
    await model.saveAdapter(folder, { base: './first' });
    const { default: config } = await import(
      fileURLToPath(new URL(`file://${folder}/adapter_config.json`)),
      { with: { type: 'json' } }
    );
    expect(config.base_model_name_or_path).toBe('./first');
  });
});
