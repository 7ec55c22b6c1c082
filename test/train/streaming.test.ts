/** Trainings whose rows are streamed: their order, equal bits, places that are found again, and what is refused. */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../lib/core/random.js';
import { CrossEncoder } from '../../lib/models/cross-encoder.js';
import { MaskedLM } from '../../lib/models/masked-lm.js';
import { TokenClassifier } from '../../lib/models/token-classifier.js';
import type { RowReader } from '../../lib/train/collect-rows.js';
import { Corpus } from '../../lib/train/corpus.js';
import { repeatedRows } from '../../lib/train/repeated-rows.js';
import { StreamedExamples } from '../../lib/train/streamed-examples.js';
import { temporaryFolder } from '../formats/temporary-folder.js';
import { BERT, rowsOf, smallClassifier } from './small-classifier.js';

const rows = rowsOf(50);
const OPTIONS = { batchSize: 8, learningRate: 3e-3, epochs: 2, seed: 1, streaming: true } as const;
/** An asynchronous iterable that gives the rows again in each pass, and counts its passes and its ends. */
function stream(own: readonly object[] = rows) {
  const state = { passes: 0, closed: 0 };
  const make = async function* () {
    state.passes++;
    try {
      for (const row of own) yield row as (typeof rows)[number];
    } finally {
      state.closed++;
    }
  };
  return { source: repeatedRows(make), state };
}

async function train(source: AsyncIterable<(typeof rows)[number]>, options: object) {
  await using model = await smallClassifier();
  const report = await model.train(source, { ...OPTIONS, ...options });
  const logits = (await model.logits(['the people', 'states'])).data;
  return { report, logits };
}

/** A reader whose rows are numbers, with a text of one token that is the number. */
const numbers: RowReader<number> = {
  parse: (_, row) => row as number,
  encode: async (own) => ({
    batch: {
      tokens: {
        ids: Int32Array.from(own),
        offsets: Int32Array.from({ length: own.length + 1 }, (_, i) => i),
        segments: null,
      },
      targets: { unit: 'text', width: 1, values: Int32Array.from(own) },
    },
    truncated: 0,
  }),
};

async function epochOf(count: number, shuffleBuffer: number, seed = 5, shuffle = true) {
  const source = repeatedRows(() => Array.from({ length: count }, (_, i) => i));
  const call = { where: 'train', name: 'rows', signal: undefined };
  const examples = await StreamedExamples.open(source, numbers, {
    ...{ ...call, shuffleBuffer, counts: true },
    corpusOf: ({ tokens, targets }) => new Corpus(tokens, targets),
  });
  const sampler = examples.sampler(8, shuffle);
  sampler.begin(new SeededRandom(seed));
  const batches: number[][] = [];
  for (let batch = await sampler.next(); batch !== undefined; batch = await sampler.next()) {
    // The tokens are those of the rows.
    expect([...examples.gather(batch).tokens.ids]).toEqual([...batch]);
    batches.push([...batch]);
  }
  expect(sampler.batchCount).toBe(batches.length);
  return { batches, sampler, examples };
}

describe('the order of streamed rows', () => {
  it('has each row once, from no further ahead than the buffer', async () => {
    for (const buffer of [1, 3, 16, 100, 1000]) {
      const { batches } = await epochOf(100, buffer);
      const order = batches.flat();
      expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
      order.forEach((row, i) => {
        expect(row).toBeLessThan(i + buffer);
      });
    }
  });

  it('follows from the seed, and is that of the rows without a shuffle', async () => {
    const [one, same, other] = await Promise.all([5, 5, 6].map((seed) => epochOf(60, 20, seed)));
    expect(one?.batches).toEqual(same?.batches);
    expect(one?.batches).not.toEqual(other?.batches);
    const plain = await epochOf(60, 20, 5, false);
    expect(plain.batches.flat()).toEqual(Array.from({ length: 60 }, (_, i) => i));
  });

  it('is uniform where the buffer holds all rows', async () => {
    const firsts = new Array<number>(5).fill(0);
    for (let seed = 0; seed < 400; seed++) {
      const { batches } = await epochOf(5, 5, seed);
      firsts[batches[0]?.[0] ?? 0] = (firsts[batches[0]?.[0] ?? 0] ?? 0) + 1;
    }
    // 80 each are expected; the deviation is 8.
    for (const count of firsts) expect(Math.abs(count - 80)).toBeLessThan(32);
  });

  it('is found again in the middle', async () => {
    const { batches, sampler } = await epochOf(100, 16);
    const { order } = sampler.state;
    for (const batch of [0, 1, 7, 12]) {
      await sampler.restore({ order, batch });
      expect(await sampler.next()).toEqual(batches[batch]);
    }
  });
});

describe('a streamed training', () => {
  it('has the bits of one in memory where rows are not shuffled', async () => {
    const { source, state } = stream();
    const streamed = await train(source, { shuffle: false });
    const plain = await train(rows as never, { shuffle: false, streaming: false });
    // Dropout, of which this model has none, is the only thing that is drawn.
    expect(streamed.report.steps).toEqual(plain.report.steps);
    expect(streamed.logits).toEqual(plain.logits);
    expect(streamed.report.rows).toBe(50);
    const cut = await train(stream().source, { maxTokens: 5 });
    expect(cut.report.truncated).toBe(50);
    // One pass to count, and one for each epoch; all are ended.
    expect(state).toEqual({ passes: 3, closed: 3 });
  });

  it('learns, and repeats its bits', async () => {
    const [one, again] = [await train(stream().source, {}), await train(stream().source, {})];
    expect(one.report.steps).toEqual(again.report.steps);
    expect(one.logits).toEqual(again.logits);
    const losses = one.report.steps.map(({ loss }) => loss);
    expect(losses.at(-1)).toBeLessThan((losses[0] ?? 0) / 2);
    const other = await train(stream().source, { shuffleBuffer: 4 });
    expect(other.report.steps).not.toEqual(one.report.steps);
  });

  it('goes on from a checkpoint with the same bits, in the middle of an epoch and at its end', async () => {
    const straight = await train(stream().source, { shuffleBuffer: 20 });
    for (const last of [3, 7, 10]) {
      const saveTo = join(await temporaryFolder(), 'saved');
      const options = { shuffleBuffer: 20, saveTo, saveEvery: 1 };
      const { source, state } = stream();
      const onStep = ({ step }: { step: number }) => {
        if (step === last) throw new Error('broken');
      };
      await expect(train(source, { ...options, onStep })).rejects.toThrow('broken');
      expect(state.closed).toBe(state.passes);
      expect(await readdir(saveTo)).toEqual([`checkpoint-${last - 1}.safetensors`]);
      const resumed = await train(stream().source, { ...options, resume: true });
      expect(resumed.report.steps).toEqual(straight.report.steps);
      expect(resumed.logits).toEqual(straight.logits);
      const others = train(stream(rowsOf(50, true)).source, { ...options, resume: true });
      await expect(others).rejects.toThrow('is of a training with other rows');
    }
  });

  it('takes a generator once with maxSteps, and repeats iterables without counting them', async () => {
    const once = async function* () {
      yield* rows;
    };
    const { report } = await train(once() as never, { maxSteps: 6 });
    expect(report.steps).toHaveLength(6);
    const { source, state } = stream();
    const twice = await train(source, { maxSteps: 10 });
    expect(twice.report.steps.map(({ epoch }) => epoch)).toEqual([1, 1, 1, 1, 1, 1, 1, 2, 2, 2]);
    expect(state).toEqual({ passes: 2, closed: 2 });
    await expect(train(once() as never, { maxSteps: 8 })).rejects.toThrow(
      'train: rows gave 50 rows once and cannot be read again: use repeatedRows',
    );
  });

  it('is for masked language models too', async () => {
    await using masked = await MaskedLM.load(
      fileURLToPath(new URL('../fixtures/encoders/bert-mlm', import.meta.url)),
    );
    const texts = repeatedRows(() => rows.map(({ text }) => ({ text })));
    expect((await masked.train(texts, OPTIONS)).rows).toBe(50);
  });
});

describe('a streamed training of words', () => {
  const tagged = rows.map(({ text, label }) => {
    const words = text.split(' ');
    return { words, tags: words.map((_, i) => (i === 1 ? `B-${label}` : 'O')) };
  });
  async function trainTags(source: unknown, options: object) {
    const labels = ['O', 'B-us', 'B-them'];
    await using model = await TokenClassifier.load(BERT, { labels, seed: 1 });
    const report = await model.train(source as never, { ...OPTIONS, shuffle: false, ...options });
    const held = tagged.slice(0, 9);
    return { steps: report.steps, scores: await model.evaluate(held), rows: report.rows };
  }

  it('has the bits of one in memory', async () => {
    const streamed = await trainTags(stream(tagged).source, {});
    expect(streamed).toEqual(await trainTags(tagged, { streaming: false }));
    expect(streamed.steps.at(-1)?.loss).toBeLessThan((streamed.steps[0]?.loss ?? 0) / 2);
  });

  it('has all windows of its rows in a batch', async () => {
    const few = tagged.slice(0, 8);
    const options = { maxTokens: 5, epochs: 3 };
    const streamed = await trainTags(stream(few).source, options);
    const one = await trainTags(few, { ...options, streaming: false, batchSize: 99 });
    expect([streamed.rows, one.rows > 8]).toEqual([8, true]);
    expect(streamed.steps).toEqual(one.steps);
    expect(streamed.scores).toEqual(one.scores);
  });

  it('names a row by its place', async () => {
    const bad = [...tagged, { words: ['the'], tags: ['B-it'] }];
    await expect(trainTags(stream(bad).source, {})).rejects.toThrow(
      'train: rows[50].tags[0] must be one of "O", "B-us", "B-them"',
    );
  });
});

describe('a streamed training of pairs', () => {
  const pairs = rows.map(({ text, label }) => ({
    text,
    pair: 'war',
    label: label === 'us' ? 1 : 0,
  }));
  async function trainPairs(source: unknown, options: object) {
    await using model = await CrossEncoder.load(BERT, { newHead: true, seed: 1 });
    const report = await model.train(source as never, { ...OPTIONS, shuffle: false, ...options });
    return { steps: report.steps, scores: await model.evaluate(pairs) };
  }

  it('has the bits of one in memory, whose first row decides the loss', async () => {
    const held = { eval: pairs.slice(0, 9) };
    for (const options of [held, { ...held, loss: 'mse' }]) {
      const streamed = await trainPairs(stream(pairs).source, options);
      expect(streamed).toEqual(await trainPairs(pairs, { ...options, streaming: false }));
    }
  });

  it('needs a loss with maxSteps, and refuses lists', async () => {
    const once = async function* () {
      yield* pairs;
    };
    await expect(trainPairs(once(), { maxSteps: 3 })).rejects.toThrow(
      'train: loss must be given with streaming and maxSteps',
    );
    const loss = 'binary_cross_entropy';
    expect((await trainPairs(once(), { maxSteps: 3, loss })).steps).toHaveLength(3);
    const lists = stream([{ query: 'the', docs: ['people', 'states'], labels: [1, 0] }]).source;
    await expect(trainPairs(lists, {})).rejects.toThrow(
      'train: rows[0] must be two texts with a number with streaming',
    );
  });
});

describe('a streamed training refuses', () => {
  it.each([
    [{ groupByLength: true }, 'train: groupByLength must be false with streaming, which never has'],
    [{ sampling: 'balanced' }, "train: sampling must be 'all' with streaming"],
    [{ classWeights: 'balanced' }, 'train: classWeights must be numbers with streaming'],
    [{ teacher: 'logits' }, 'train: teacher must be left out with streaming'],
    [{ method: 'head' }, 'train: method must be another one with streaming'],
    [{ streaming: false, shuffleBuffer: 5 }, 'train: shuffleBuffer needs streaming: true'],
    [{ shuffleBuffer: 0 }, 'train: shuffleBuffer must be a whole number from 1, got 0'],
  ])('%j', async (options, message) => {
    await expect(train(stream().source, options)).rejects.toThrow(message);
  });

  it('a generator without maxSteps, no rows, and a row by its place', async () => {
    const once = (async function* () {
      yield* rows;
    })();
    await expect(train(once, {})).rejects.toThrow(
      'train: rows must be an iterable that can be read',
    );
    await expect(train(stream([]).source, {})).rejects.toThrow(
      'must have at least one row, got none',
    );
    const bad = stream([...rows, { text: 'the', label: 'it' }]).source;
    await expect(train(bad, {})).rejects.toThrow(
      'train: rows[50].label must be one of "us", "them"',
    );
  });
});
