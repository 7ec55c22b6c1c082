// Texts over a model's limit: entities of the whole text, windows of classifiers and cross-encoders, and what was cut is said.
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  Classifier,
  CrossEncoder,
  Encoder,
  type PredictOptions,
  TokenClassifier,
} from '../../lib/index.js';
import { tokenRunner } from '../../lib/models/token-runner.js';

const at = (path: string) => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));
const TAGS = at('heads/bert-tokencls');
const CLASSES = at('encoders/bert-seqcls');
const PAIRS = at('heads/bert-regression');
const LONG = 'the nation and its people at war '.repeat(40).trim();

/** The numbers of texts that a call says it cut. */
async function cutBy<T>(call: (options: PredictOptions) => Promise<T>): Promise<readonly number[]> {
  const told: (readonly number[])[] = [];
  await call({ onTruncated: (indices) => void told.push(indices) });
  expect(told.length).toBeLessThanOrEqual(1);
  return told[0] ?? [];
}

describe('a token classifier', () => {
  it('tags every token of a long text once, in order, whatever the stride', async () => {
    await using model = await TokenClassifier.load(TAGS, { maxTokens: 24 });
    const text = `${LONG} america`;
    for (const stride of [undefined, 0, 1, 5, 11]) {
      const options = { aggregation: 'none', ...(stride !== undefined && { stride }) } as const;
      const [found = []] = await model.predict([text], options);
      const { starts, ends } = await model.tokenize(text);
      const places = [...starts.keys()].map((i) => `${starts[i]} ${ends[i]}`).slice(1, -1);
      // Tokens outside of entities are left out.
      const own = found.map(({ start, end }) => `${start} ${end}`);
      expect(new Set(own).size).toBe(own.length);
      expect(own).toEqual(places.filter((place) => own.includes(place)));
      expect(found.at(-1)?.end).toBe(text.length);
    }
  });

  it('has the probabilities of the window in which a token is further from the end', async () => {
    await using model = await TokenClassifier.load(TAGS, { maxTokens: 12 });
    const stride = 4;
    const room = 10;
    const words = LONG.split(' ').slice(0, 30);
    const logits = tokenRunner(model, 'logits');
    const [found = []] = await model.predict([words.join(' ')], { aggregation: 'none', stride });
    const byStart = new Map(found.map((entity) => [entity.start, entity]));
    // Every word of the text is one token of the vocabulary, so windows are texts of words.
    const { ids } = await model.tokenize(words.join(' '));
    expect(ids.length).toBe(words.length + 2);
    let checked = 0;
    for (let begin = 0; begin < words.length; begin += room - stride) {
      const window = words.slice(begin, begin + room);
      const tokens = await logits.tokenize([window.join(' ')]);
      const rows = new Float32Array(tokens.ids.length * logits.width);
      await logits.run(tokens, rows);
      const isLast = begin + room >= words.length;
      for (const [i] of window.entries()) {
        const counts = (begin === 0 || i >= stride / 2) && (isLast || i < room - stride / 2);
        const start = words.slice(0, begin + i).join(' ').length + (begin + i > 0 ? 1 : 0);
        const entity = byStart.get(start);
        if (!counts || entity === undefined) continue;
        const row = rows.subarray((i + 1) * logits.width, (i + 2) * logits.width);
        const powers = Array.from(row, Math.exp);
        const best = Math.max(...powers) / powers.reduce((a, b) => a + b, 0);
        expect(entity.score).toBeCloseTo(best, 5);
        checked++;
      }
      if (isLast) break;
    }
    expect(checked).toBeGreaterThan(10);
  });

  it('joins words and entities that windows cut through', async () => {
    await using short = await TokenClassifier.load(TAGS, { maxTokens: 14 });
    await using whole = await TokenClassifier.load(TAGS);
    const text = 'the nation and its people at war and the people of america';
    const [one = []] = await whole.predict([text], { aggregation: 'average' });
    const [two = []] = await short.predict([text], { aggregation: 'average' });
    for (const found of [one, two]) {
      for (const { word, start, end } of found) expect(word).toBe(text.slice(start, end));
      // Neighbours are apart: no entity was torn.
      for (const [i, { start }] of found.entries()) {
        expect(start).toBeGreaterThanOrEqual(found[i - 1]?.end ?? 0);
      }
    }
    expect(await short.predict([text])).toEqual(
      (await short.predict(['war', text, LONG])).slice(1, 2),
    );
  });

  it('gives the bits of one window where the text fits', async () => {
    await using model = await TokenClassifier.load(TAGS);
    const texts = ['people of america', '', 'the war'];
    expect(await model.predict(texts)).toEqual(await model.predict(texts, { truncate: true }));
  });

  it('learns from and scores every word of a long row', async () => {
    await using model = await TokenClassifier.load(TAGS, { maxTokens: 12 });
    const words = LONG.split(' ').slice(0, 50);
    const tags = words.map((word) => (word === 'people' ? 'B-PER' : 'O'));
    const rows = [
      { words, tags },
      { words: words.slice(0, 3), tags: tags.slice(0, 3) },
    ];
    await model.train(rows, { epochs: 40, batchSize: 8, learningRate: 5e-3 });
    const scores = await model.evaluate(rows);
    expect(scores.rows).toBe(2);
    expect(scores.predicted.map(({ length }) => length)).toEqual([50, 3]);
    expect(scores.predicted).toEqual([tags, tags.slice(0, 3)]);
    expect(scores).toMatchObject({ f1: 1, tagAccuracy: 1 });
  });

  it('counts each word of a row of any length once', async () => {
    await using model = await TokenClassifier.load(TAGS, { maxTokens: 10 });
    const vocabulary = ['people', 'war', 'nationalities', 'unbelievable', 'a', '.', '😀'];
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...vocabulary), { minLength: 1, maxLength: 60 }),
        async (words) => {
          const { predicted } = await model.evaluate([{ words, tags: words.map(() => 'O') }]);
          expect(predicted[0]).toHaveLength(words.length);
        },
      ),
      { numRuns: 40, seed: 5 },
    );
  });

  it('refuses a stride of more than half a window', async () => {
    await using model = await TokenClassifier.load(TAGS);
    await expect(model.predict(['war'], { stride: 33 })).rejects.toThrow(
      /predict: stride must be at most 32, half of a window, got 33/,
    );
  });
});

describe('a classifier', () => {
  it('says of each prediction whether its text was cut, in a batcher too', async () => {
    await using model = await Classifier.load(CLASSES);
    const texts = ['war', LONG, 'people'];
    expect(await cutBy((options) => model.predict(texts, options))).toEqual([1]);
    expect(await cutBy((options) => model.logits(texts, options))).toEqual([1]);
    expect(await cutBy((options) => model.predict(['war'], options))).toEqual([]);
    const found = await model.predict(texts);
    expect(found.map(({ truncated }) => truncated)).toEqual([false, true, false]);
    await using batcher = model.batch();
    expect(await batcher.run(LONG)).toEqual(found[1]);
    const label = model.labels[0] ?? '';
    const rows = texts.map((text) => ({ text, label }));
    expect(await model.evaluate(rows)).toMatchObject({ truncated: 1 });
    expect(await model.evaluate(rows, { windows: 'mean' })).toMatchObject({ truncated: 0 });
  });

  it.each(['mean', 'max'] as const)(
    'reads windows and gives the %s of their logits',
    async (windows) => {
      await using model = await Classifier.load(CLASSES, { maxTokens: 12 });
      const words = LONG.split(' ').slice(0, 26);
      const [room, stride] = [10, 3];
      const pieces: string[] = [];
      for (let begin = 0; ; begin += room - stride) {
        pieces.push(words.slice(begin, begin + room).join(' '));
        if (begin + room >= words.length) break;
      }
      const apart = await model.logits(pieces);
      const [joined] = [(await model.logits([words.join(' ')], { windows, stride })).row(0)];
      for (const [j, value] of joined.entries()) {
        const column = pieces.map((_, i) => apart.row(i)[j] ?? NaN);
        const mean = column.reduce((a, b) => a + b, 0) / column.length;
        expect(value).toBeCloseTo(windows === 'mean' ? mean : Math.max(...column), 5);
      }
      const [prediction] = await model.predict([words.join(' ')], { windows, stride });
      expect(prediction?.truncated).toBe(false);
      expect((await model.logits(['war', 'people'], { windows })).data).toEqual(
        (await model.logits(['war', 'people'])).data,
      );
    },
  );

  it('scores rows by their windows', async () => {
    await using model = await Classifier.load(CLASSES, { maxTokens: 12 });
    const rows = [LONG, 'war'].map((text) => ({ text, label: model.labels[1] ?? '' }));
    const { predicted } = await model.evaluate(rows, { windows: 'max' });
    const found = await model.predict(
      rows.map(({ text }) => text),
      { windows: 'max' },
    );
    expect(predicted).toEqual(found.map(({ label }) => label));
  });

  it('refuses options that exclude each other', async () => {
    await using model = await Classifier.load(CLASSES);
    await expect(model.predict(['war'], { stride: 3 })).rejects.toThrow(
      /stride must be left out without windows/,
    );
    const both = { windows: 'mean', truncate: true } as const;
    await expect(model.predict(['war'], both)).rejects.toThrow(
      /truncate must be left out with windows/,
    );
    await expect(model.predict(['war'], { windows: 'sum' as never })).rejects.toThrow(
      /windows must be one of "mean", "max"/,
    );
  });
});

describe('a cross-encoder', () => {
  it('reads windows of the second text, or says which pairs were cut', async () => {
    await using model = await CrossEncoder.load(PAIRS);
    const pairs = [
      ['war', 'people'],
      ['war', LONG],
    ] as const;
    expect(await cutBy((options) => model.score(pairs, options))).toEqual([1]);
    const ranked = await model.rank('war', ['people', LONG]);
    expect(ranked.find(({ index }) => index === 1)?.truncated).toBe(true);
    const windowed = await model.score(pairs, { windows: 'max' });
    expect(windowed[0]).toBe((await model.score(pairs))[0]);
    expect(windowed[1]).toBeGreaterThanOrEqual((await model.score(pairs))[1] ?? NaN);
    const rows = pairs.map(([text, pair]) => ({ text, pair, score: 1 }));
    expect(await model.evaluate(rows)).toMatchObject({ truncated: 1 });
    await expect(model.score([[LONG, 'war']], { windows: 'mean' })).rejects.toThrow(
      /texts\[0\]\[0\] must be at most \d+ tokens/,
    );
  });
});

describe('an encoder', () => {
  it('says which texts were cut', async () => {
    await using model = await Encoder.load(at('encoders/bert'), { pooling: 'mean' });
    expect(await cutBy((options) => model.embed([LONG, 'war'], options))).toEqual([0]);
  });
});
