/**
 * What a call of an encoder's or classifier's batcher may ask for itself: ids, prompts, dimensions, lengths, scaling; and the
 * parts that serve them: tokenize, decode, vectors of tokens, logits and scores.
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from 'vitest';
import { Classifier, type ClassScores, Encoder, type Matrix } from '../../lib/index.js';

const at = (path: string) => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));
const LONG = `the war ${'people of the states '.repeat(90)} war war`;

let unit: Encoder;
let plain: Encoder;
let prompted: Encoder;
let classifier: Classifier;
let folder: string;
beforeAll(async () => {
  unit = await Encoder.load(at('encoders/bert'), { pooling: 'mean', normalize: true });
  plain = await Encoder.load(at('encoders/bert'), { pooling: 'mean', normalize: false });
  classifier = await Classifier.load(at('encoders/bert-seqcls'));
  folder = await mkdtemp(join(tmpdir(), 'sinter-run-options-'));
  await unit.save(folder, { overwrite: true });
  const prompts = { query: 'the people ', passage: 'of states ' };
  const config = { prompts, default_prompt_name: 'passage' };
  await writeFile(join(folder, 'config_sentence_transformers.json'), JSON.stringify(config));
  prompted = await Encoder.load(folder);
});
afterAll(async () => {
  for (const model of [unit, plain, prompted, classifier]) await model.dispose();
  await rm(folder, { recursive: true });
});

const norm = (vector: Float32Array) => Math.hypot(...vector);

describe('a call of an encoder', () => {
  it('has prompts, dimensions and lengths of its own, with the bits of embed', async () => {
    await using batcher = prompted.batch();
    const choices = fc.record(
      {
        promptName: fc.constantFrom('query', 'passage'),
        dimensions: fc.constantFrom(1, 7, prompted.dimensions),
        truncate: fc.constant(true),
      },
      { requiredKeys: [] },
    );
    const text = fc.constantFrom('x', 'the people of the states', LONG, '');
    const calls = fc.array(fc.tuple(text, choices), { minLength: 1, maxLength: 12 });
    const property = fc.asyncProperty(calls, async (list) => {
      const runs = list.map(([one, options]) => batcher.run(one, options));
      for (const [i, vector] of (await Promise.all(runs)).entries()) {
        const [one = '', options = {}] = list[i] ?? [];
        expect(vector).toEqual((await prompted.embed([one], options)).row(0));
      }
    });
    await fc.assert(property, { numRuns: 15 });
    await expect(batcher.run('x', { promptName: 'other' })).rejects.toThrow(
      'run: promptName must be one of "query", "passage", got "other"',
    );
    await expect(batcher.run('x', { dimensions: 1000 })).rejects.toThrow(
      /^run: dimensions must be a whole number from 1 to \d+, got 1000$/,
    );
    await expect(batcher.run(LONG, { truncate: false })).rejects.toThrow(/at most 64 tokens/);
  });

  it('gives vectors before the last scaling, and vectors of length 1', async () => {
    const texts = ['x', 'the people of the states', ['the people', 'of states'], LONG] as const;
    for (const lanes of [unit, prompted]) {
      await using batcher = lanes.batch();
      for (const text of texts) {
        const usual = await batcher.run(text);
        expect(await batcher.run(text, { normalize: true })).toEqual(usual);
        const raw = await batcher.run(text, { normalize: false });
        expect(norm(raw)).not.toBeCloseTo(1, 2);
        const length = norm(raw);
        for (const [i, value] of raw.entries())
          expect(value / length).toBeCloseTo(usual[i] ?? 0, 6);
        if (lanes === unit) expect(raw).toEqual((await plain.embed([text])).row(0));
        const short = await batcher.run(text, { normalize: false, dimensions: 5 });
        expect(short).toEqual(raw.slice(0, 5));
        expect(norm(await batcher.run(text, { normalize: true, dimensions: 5 }))).toBeCloseTo(1, 6);
      }
    }
    await using batcher = plain.batch();
    const raw = await batcher.run('the people');
    expect(await batcher.run('the people', { normalize: false })).toEqual(raw);
    const scaled = await batcher.run('the people', { normalize: true });
    expect(norm(scaled)).toBeCloseTo(1, 6);
    await expect(batcher.run('x', { normalize: 'yes' as never })).rejects.toThrow(
      'run: normalize must be true or false, got "yes"',
    );
  });

  it('keeps the vectors of a quantized model before the last scaling, and of a model after a training', async () => {
    await using embedded = await Encoder.load();
    await using small = await embedded.quantize();
    for (const model of [embedded, small]) {
      await using batcher = model.batch();
      const [usual, raw] = await Promise.all([
        batcher.run('a red car'),
        batcher.run('a red car', { normalize: false }),
      ]);
      const length = norm(raw);
      expect(length).not.toBeCloseTo(1, 2);
      for (const [i, value] of raw.entries()) expect(value / length).toBeCloseTo(usual[i] ?? 0, 6);
    }
  });

  it('uses new weights after a training for the vectors before the last scaling too', async () => {
    await using model = await Encoder.load(at('encoders/bert'), {
      ...{ pooling: 'mean', normalize: true },
    });
    await using batcher = model.batch();
    const before = await batcher.run('the people', { normalize: false });
    const rows = Array.from({ length: 8 }, (_, i) => ({
      anchor: `war ${i}`,
      positive: `people ${i}`,
    }));
    await model.train(rows, { epochs: 2, batchSize: 4, learningRate: 1e-2 });
    const [usual, raw] = [
      await batcher.run('the people'),
      await batcher.run('the people', { normalize: false }),
    ];
    expect(raw).not.toEqual(before);
    const length = norm(raw);
    for (const [i, value] of raw.entries()) expect(value / length).toBeCloseTo(usual[i] ?? 0, 6);
  });

  it('cuts at the left, and keeps the special tokens', async () => {
    await using batcher = unit.batch();
    const { ids } = await unit.tokenize(LONG);
    const [first = 0, last = 0] = [ids[0], ids.at(-1)];
    const left = Int32Array.of(first, ...ids.slice(-63, -1), last);
    const right = Int32Array.of(first, ...ids.slice(1, 63), last);
    const run = (truncationDirection: 'left' | 'right') =>
      batcher.run(LONG, { truncationDirection });
    expect(await run('left')).toEqual(await batcher.run({ ids: left }));
    expect(await run('right')).toEqual(await batcher.run({ ids: right }));
    expect(await run('right')).toEqual((await unit.embed([LONG])).row(0));
    const { facts } = await batcher.runWithFacts(LONG, { truncationDirection: 'left' });
    expect(facts).toMatchObject({ tokens: 64, truncated: true });
    await expect(batcher.run('x', { truncationDirection: 'up' as never })).rejects.toThrow(
      'run: truncationDirection must be one of "right", "left", got "up"',
    );
  });
});

describe('token ids', () => {
  it('have the bits of their text, in an encoder and a classifier', async () => {
    const texts = ['the people', 'x', '', 'of the states and the people'];
    await using vectors = unit.batch();
    await using labels = classifier.batch({ windows: 'mean' });
    for (const text of texts) {
      const { ids } = await unit.tokenize(text);
      expect(await vectors.run({ ids })).toEqual((await unit.embed([text])).row(0));
      expect(await vectors.run({ ids: [...ids] }, { dimensions: 3 })).toEqual(
        (await unit.embed([text], { dimensions: 3 })).row(0),
      );
      const own = await classifier.tokenize(text);
      expect(await labels.run(own)).toEqual((await classifier.predict([text]))[0]);
    }
    // A prompt is not put in front of ids.
    await using queries = prompted.batch({ promptName: 'query' });
    const { ids } = await prompted.tokenize('x');
    expect(await queries.run({ ids })).toEqual((await unit.embed(['x'])).row(0));
    const promptName = 'query';
    await expect(queries.run({ ids }, { promptName })).rejects.toThrow(
      'run: promptName must be left out for ids, got "query"',
    );
  });

  it('are copied at once, and checked', async () => {
    await using batcher = unit.batch();
    const ids = [...(await unit.tokenize('the people')).ids];
    const run = batcher.run({ ids });
    ids[1] = 0;
    expect(await run).toEqual((await unit.embed(['the people'])).row(0));
    const mistakes: readonly [unknown, string][] = [
      [[], 'run: ids must be 1 to 64 ids of tokens, got 0'],
      [new Array(65).fill(1), 'run: ids must be 1 to 64 ids of tokens, got 65'],
      [[1, -1], 'run: ids[1] must be a whole number from 0 to'],
      [[1, 2, 1e9], 'run: ids[2] must be a whole number from 0 to'],
      [[1.5], 'run: ids[0] must be a whole number from 0 to'],
      [['1'], 'run: ids[0] must be a whole number from 0 to'],
      [new Array(2), 'run: ids[0] must be a whole number from 0 to'],
      ['abc', 'run: ids must be an array of numbers or an Int32Array, got "abc"'],
    ];
    for (const [wrong, message] of mistakes) {
      await expect(batcher.run({ ids: wrong as number[] })).rejects.toThrow(message);
    }
    expect(batcher.metrics()).toMatchObject({ requests: 1, failed: 0 });
  });
});

describe('output of batch', () => {
  it('scores: logits and probabilities of a classifier', async () => {
    await using batcher = classifier.batch({ output: 'scores' });
    for (const text of ['the people', LONG, 'x']) {
      const [prediction] = await classifier.predict([text]);
      const { logits, scores, truncated } = await batcher.run(text);
      expect(logits).toEqual((await classifier.logits([text])).row(0));
      expect(scores).toEqual(Float32Array.from(Object.values(prediction?.scores ?? {})));
      expect(truncated).toBe(text === LONG);
    }
    expectTypeOf(await batcher.run('x')).toEqualTypeOf<ClassScores>();
    await using several = await Classifier.load(at('heads/bert-multilabel'), {
      problem: 'multi_label_classification',
    });
    await using many = several.batch({ output: 'scores' });
    const [expected] = await several.predict(['the people']);
    expect((await many.run('the people')).scores).toEqual(
      Float32Array.from(Object.values(expected?.scores ?? {})),
    );
    await using numbers = await Classifier.load(at('heads/bert-regression'), {
      problem: 'regression',
    });
    await using values = numbers.batch({ output: 'scores' });
    const { logits, scores } = await values.run('the people');
    expect(scores).toEqual(logits);
    expect(() => classifier.batch({ output: 'logits' as never })).toThrow(
      'batch: output must be one of "predictions", "scores", got "logits"',
    );
  });

  it('tokens: a matrix per text', async () => {
    await using batcher = prompted.batch({ output: 'tokens' });
    const tokens = await batcher.run('people', { promptName: 'query' });
    expectTypeOf(tokens).toEqualTypeOf<Matrix>();
    expect(tokens).toEqual(await prompted.embedTokens('people', { promptName: 'query' }));
    const { ids } = await prompted.tokenize('the people people');
    expect(tokens.rows).toBe(ids.length);
    expect(await batcher.run({ ids })).toEqual(tokens);
    expect(tokens.data.buffer.byteLength).toBe(4 * tokens.rows * tokens.cols);
    expect(() => prompted.batch({ output: 'tokens', dimensions: 3 })).toThrow(
      'batch: dimensions must be left out for vectors of tokens, got 3',
    );
  });
});

describe('embedTokens', () => {
  it('has the same bits alone and together, and pools to the vectors of embed', async () => {
    const texts = ['the people', '', LONG, 'x', 'the war', ['the people', 'of states']] as const;
    const cut: number[] = [];
    const together = await plain.embedTokens(texts, {
      onTruncated: (indices) => cut.push(...indices),
    });
    expect(cut).toEqual([2]);
    const vectors = await plain.embed(texts);
    for (const [i, text] of texts.entries()) {
      const [alone] = await plain.embedTokens([text]);
      expect(together[i]).toEqual(alone);
      const { rows, cols } = alone as Matrix;
      const mean = new Float32Array(cols);
      for (const row of alone as Matrix)
        for (const [j, value] of row.entries()) mean[j] = (mean[j] ?? 0) + value / rows;
      for (const [j, value] of mean.entries()) expect(value).toBeCloseTo(vectors.row(i)[j] ?? 0, 4);
    }
    await expect(plain.embedTokens([LONG], { truncate: false })).rejects.toThrow(
      /^texts\[0\] must be at most 64 tokens/,
    );
    await expect(plain.embedTokens(['x'], { dimensions: 3 } as never)).rejects.toThrow(
      /unknown option "dimensions"/,
    );
    const many = await plain.embedTokens(Array.from({ length: 600 }, (_, i) => `people ${i}`));
    expect(many).toHaveLength(600);
    expect(many[599]).toEqual(await plain.embedTokens('people 599'));
  });
});

describe('tokenize and decode', () => {
  it('leave special tokens out when asked', async () => {
    const whole = await unit.tokenize('the people');
    const bare = await unit.tokenize('the people', { addSpecialTokens: false });
    expect(bare.tokens).toEqual(whole.tokens.slice(1, -1));
    expect(bare.ids).toEqual(whole.ids.slice(1, -1));
    expect(bare.starts).toEqual(whole.starts.slice(1, -1));
    expect(await unit.tokenize('', { addSpecialTokens: false })).toMatchObject({ tokens: [] });
    expect(await unit.decode(whole.ids)).toBe('[CLS] the people [SEP]');
    expect(await unit.decode([...whole.ids], { skipSpecialTokens: true })).toBe('the people');
    expect(await unit.decode([])).toBe('');
  });

  it('refuse wrong ids and options', async () => {
    await expect(unit.decode([1, 1e9])).rejects.toThrow(/^decode: ids\[1\] must be a whole number/);
    await expect(unit.decode('x' as never)).rejects.toThrow(TypeError);
    await expect(unit.decode([1], { skip: true } as never)).rejects.toThrow(
      /unknown option "skip"/,
    );
    await expect(unit.tokenize('x', { specials: true } as never)).rejects.toThrow(/unknown option/);
  });
});
