/** Encoders and question answerers whose rows are streamed: the bits of rows in memory, classes, and what needs all rows. */

import { describe, expect, it } from 'vitest';
import {
  type AnswerRow,
  type EmbeddingRow,
  Encoder,
  type EncoderTrainOptions,
  QuestionAnswerer,
} from '../../lib/index.js';
import { repeatedRows } from '../../lib/train/repeated-rows.js';
import { temporaryFolder } from '../formats/temporary-folder.js';
import { BERT } from './small-classifier.js';

const OPTIONS = { batchSize: 8, learningRate: 1e-3, epochs: 2, seed: 1 } as const;
const WORDS = ['people', 'states', 'war', 'government', 'nation'];
const word = (i: number) => WORDS[i % WORDS.length] ?? '';
const text = (i: number) => `the ${word(i)} of the ${word(3 * i + 1)}`;

const SHAPES: readonly (readonly [string, EmbeddingRow[], EncoderTrainOptions])[] = [
  [
    'pairs that are ranked',
    Array.from({ length: 20 }, (_, i) => ({ anchor: text(i), positive: `${word(i)} ${i}` })),
    { batchSampler: 'batch_sampler' },
  ],
  [
    'triplets',
    Array.from({ length: 20 }, (_, i) => ({
      ...{ anchor: text(i), positive: text(i + 1), negative: text(i + 2) },
    })),
    { loss: 'triplet' },
  ],
  [
    'scores',
    Array.from({ length: 20 }, (_, i) => ({
      ...{ sentence1: text(i), sentence2: text(2 * i), score: (i % 3) / 2 },
    })),
    {},
  ],
  [
    'margins',
    Array.from({ length: 20 }, (_, i) => ({
      ...{ anchor: text(i), positive: text(i + 1), negatives: [text(i + 2), text(i + 3)] },
      score: [i % 3, 1],
    })),
    {},
  ],
  [
    'classes',
    Array.from({ length: 20 }, (_, i) => ({ text: text(i), label: word(i) })),
    { loss: 'batch_hard_triplet' },
  ],
  [
    'pairs of classes',
    Array.from({ length: 20 }, (_, i) => ({
      ...{ sentence1: text(i), sentence2: text(i + (i % 3)), label: `class ${i % 3}` },
    })),
    {},
  ],
];

describe('an encoder with streamed rows', () => {
  it.each(SHAPES)('has the bits of rows in memory: %s', async (_, rows, own) => {
    const train = async (options: EncoderTrainOptions) => {
      await using model = await Encoder.load(BERT, { pooling: 'mean' });
      let passes = 0;
      const source = repeatedRows(() => {
        passes++;
        return rows;
      });
      const report = await model.train(options.streaming ? (source as never) : rows, {
        ...{ ...OPTIONS, ...own, shuffle: false, eval: rows.slice(0, 6) },
        ...options,
      });
      const losses = report.steps.map(({ loss }) => loss);
      return {
        losses,
        passes,
        scores: report.epochs.at(-1)?.eval,
        of: await model.embed('the war'),
      };
    };
    const whole = await train({});
    const streamed = await train({ streaming: true });
    expect({ ...streamed, passes: 0 }).toEqual(whole);
    // One pass counts the rows, and each epoch has one.
    expect(streamed.passes).toBe(3);
    const mixed = await train({ streaming: true, shuffle: true, shuffleBuffer: 4 });
    expect(mixed.losses).not.toEqual(whole.losses);
  });

  it('goes on from a checkpoint with the same bits', async () => {
    const [, rows = [], own = {}] = SHAPES[5] ?? [];
    const train = async (options: EncoderTrainOptions) => {
      await using model = await Encoder.load(BERT, { pooling: 'mean' });
      const source = repeatedRows(() => rows) as never;
      await model.train(source, { ...OPTIONS, ...own, streaming: true, ...options });
      return await model.embed('the war');
    };
    const straight = await train({});
    const saving = { saveTo: await temporaryFolder(), saveEvery: 1 } as const;
    const stop = ({ step }: { step: number }) => {
      if (step === 5) throw new Error('stopped');
    };
    await expect(train({ ...saving, onStep: stop })).rejects.toThrow('stopped');
    expect(await train({ ...saving, resume: true })).toEqual(straight);
  });

  it('refuses what needs all rows', async () => {
    await using model = await Encoder.load(BERT, { pooling: 'mean' });
    const refused = (shape: number, options: EncoderTrainOptions) => {
      const rows = repeatedRows(() => SHAPES[shape]?.[1] ?? []) as never;
      return expect(model.train(rows, { ...OPTIONS, streaming: true, ...options })).rejects;
    };
    const sampler = "train: batchSampler must be 'batch_sampler' with streaming";
    await refused(0, {}).toThrow(sampler);
    await refused(0, { loss: 'multiple_negatives_ranking' }).toThrow(sampler);
    await refused(2, { batchSampler: 'no_duplicates' }).toThrow(sampler);
    await refused(1, { maxSteps: 3 }).toThrow('train: loss must be given with streaming and');
    await refused(5, { maxSteps: 3, loss: 'softmax' }).toThrow('its classes are those of all rows');
    await refused(3, { groupByLength: true }).toThrow('groupByLength must be false with streaming');
    await refused(2, { loss: 'triplet' }).toThrow('train: rows[0] must be a row of anchor');
    const { steps } = await model.train(repeatedRows(() => SHAPES[1]?.[1] ?? []) as never, {
      ...{ ...OPTIONS, streaming: true, loss: 'triplet', maxSteps: 4 },
    });
    expect(steps).toHaveLength(4);
  });
});

describe('a question answerer with streamed rows', () => {
  const rows: AnswerRow[] = Array.from({ length: 20 }, (_, i) => {
    const context = `${text(i)} and ${text(i + 1)}`;
    const answer = word(i);
    return {
      question: 'the',
      context,
      answers: [{ text: answer, start: context.indexOf(answer) }],
    };
  });

  it('has the bits of rows in memory, and batches of all windows of its rows', async () => {
    const train = async (options: object) => {
      await using model = await QuestionAnswerer.load(BERT, { newHead: true, seed: 1 });
      const source = repeatedRows(() => rows);
      const isStreamed = 'streaming' in options;
      const report = await model.train((isStreamed ? source : rows) as never, {
        ...{ ...OPTIONS, shuffle: false, eval: rows.slice(0, 6), ...options },
      });
      const losses = report.steps.map(({ loss }) => loss);
      return { losses, scores: report.epochs.at(-1)?.eval };
    };
    const whole = await train({});
    expect(await train({ streaming: true })).toEqual(whole);
    const windows = await train({ streaming: true, maxTokens: 10, docStride: 2 });
    // Rows, not windows, make the batches: as many steps as without windows.
    expect(windows.losses).toHaveLength(whole.losses.length);
    expect(windows.losses.every(Number.isFinite)).toBe(true);
  });

  it('names the row that cannot be read', async () => {
    await using model = await QuestionAnswerer.load(BERT, { newHead: true, seed: 1 });
    const bad = [...rows, { question: 'the', context: 'a', answers: [{ text: 'b', start: 0 }] }];
    const training = model.train(repeatedRows(() => bad) as never, { ...OPTIONS, streaming: true });
    await expect(training).rejects.toThrow('train: rows[20].answers[0].start must be');
  });
});
