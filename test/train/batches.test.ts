/**
 * The order of rows, the cutting of a corpus, the options of a run.
 */

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../lib/core/random.js';
import { epochBatches } from '../../lib/train/batches.js';
import { CorpusBuilder } from '../../lib/train/corpus.js';
import { readTrainOptions, TRAIN_OPTIONS } from '../../lib/train/train-options.js';

const lengthOf = (row: number) => (row * 7919) % 101;

describe('epochBatches', () => {
  it('has every row exactly once, in batches of the size asked for', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 700 }),
        fc.integer({ min: 1, max: 40 }),
        fc.boolean(),
        fc.boolean(),
        fc.nat(),
        (rows, batchSize, shuffle, groupByLength, seed) => {
          const plan = { batchSize, shuffle, groupByLength };
          const batches = epochBatches(rows, plan, new SeededRandom(seed), lengthOf);
          expect(batches).toHaveLength(Math.ceil(rows / batchSize));
          expect(batches.filter((batch) => batch.length < batchSize).length).toBeLessThanOrEqual(1);
          expect(batches.flat().sort((a, b) => a - b)).toEqual([...Array(rows).keys()]);
          const again = epochBatches(rows, plan, new SeededRandom(seed), lengthOf);
          expect(again).toEqual(batches);
        },
      ),
    );
  });

  it('keeps the order without shuffle, draws a new one for each epoch with it', () => {
    const plan = { batchSize: 10, shuffle: false, groupByLength: false };
    const random = new SeededRandom(1);
    expect(epochBatches(30, plan, random, lengthOf).flat()).toEqual([...Array(30).keys()]);
    const shuffling = { ...plan, shuffle: true };
    const first = epochBatches(30, shuffling, random, lengthOf);
    expect(epochBatches(30, shuffling, random, lengthOf)).not.toEqual(first);
  });

  it('puts texts of similar length together when asked', () => {
    const spread = (groupByLength: boolean) => {
      const plan = { batchSize: 16, shuffle: true, groupByLength };
      const batches = epochBatches(800, plan, new SeededRandom(5), lengthOf);
      const ranges = batches.map((batch) => {
        const lengths = batch.map(lengthOf);
        return Math.max(...lengths) - Math.min(...lengths);
      });
      return ranges.reduce((a, b) => a + b, 0) / ranges.length;
    };
    expect(spread(true)).toBeLessThan(spread(false) / 10);
  });
});

describe('Corpus', () => {
  const piece = (lengths: readonly number[], segments: boolean, first: number) => {
    const offsets = Int32Array.from([0, ...lengths.map((_, i) => sum(lengths.slice(0, i + 1)))]);
    const total = sum(lengths);
    return {
      tokens: {
        ids: Int32Array.from({ length: total }, (_, i) => first + i),
        offsets,
        segments: segments ? Int32Array.from({ length: total }, (_, i) => i % 2) : null,
      },
      targets: {
        unit: 'text',
        width: 1,
        values: Int32Array.from(lengths, (_, i) => first + i),
      } as const,
    };
  };
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

  it('joins pieces, with and without segments, and cuts batches out of them', () => {
    const builder = new CorpusBuilder();
    builder.add(piece([2, 3], false, 10));
    builder.add(piece([1, 4], true, 100));
    const corpus = builder.finish();
    expect([corpus.size, corpus.tokenCount]).toEqual([4, 10]);
    expect([0, 1, 2, 3].map((i) => corpus.lengthOf(i))).toEqual([2, 3, 1, 4]);
    const gathered = corpus.gather([3, 0]);
    expect([...gathered.tokens.ids]).toEqual([101, 102, 103, 104, 10, 11]);
    expect([...gathered.tokens.offsets]).toEqual([0, 4, 6]);
    expect([...(gathered.tokens.segments ?? [])]).toEqual([1, 0, 1, 0, 0, 0]);
    expect([...gathered.targets.values]).toEqual([101, 10]);
    const sliced = corpus.slice(1, 3);
    expect([...sliced.tokens.ids]).toEqual([12, 13, 14, 100]);
    expect([...sliced.tokens.offsets]).toEqual([0, 3, 4]);
    expect([...sliced.targets.values]).toEqual([11, 100]);
  });
});

describe('readTrainOptions', () => {
  const read = (options: object) => readTrainOptions('train', options, TRAIN_OPTIONS);

  it('fills defaults', () => {
    expect(read({})).toEqual({
      epochs: 3,
      batchSize: 32,
      learningRate: 1e-4,
      weightDecay: 0.01,
      warmup: 0.1,
      schedule: 'linear',
      maxGradNorm: 1,
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-8,
      optimizer: 'adamw',
      momentum: 0.9,
      nesterov: false,
      seed: 42,
      shuffle: true,
      groupByLength: false,
      maxSteps: 0,
      gradientAccumulationSteps: 1,
      maxGradValue: 0,
      freeze: [],
      shuffleBuffer: 0,
      trainable: 'all',
      layerDecay: 1,
      averageDecay: 0,
      evalSteps: 0,
      metricForBestModel: 'loss',
      greaterIsBetter: false,
      loadBestModelAtEnd: false,
      earlyStoppingPatience: 0,
      earlyStoppingThreshold: 0,
    });
  });

  it.each([
    ['adam', 0.999, 1e-8],
    ['lamb', 0.999, 1e-6],
    ['lion', 0.99, 1e-8],
  ] as const)('has the defaults of %s', (optimizer, beta2, epsilon) => {
    expect(read({ optimizer })).toMatchObject({ optimizer, beta1: 0.9, beta2, epsilon });
  });

  it('takes more of a score as better, unless it is a loss or an error', () => {
    const greater = (metricForBestModel: string) => read({ metricForBestModel }).greaterIsBetter;
    expect(['f1', 'loss', 'hammingLoss', 'meanAbsoluteError', 'lossless'].map(greater)).toEqual([
      true,
      false,
      false,
      false,
      true,
    ]);
    expect(read({ metricForBestModel: 'f1', greaterIsBetter: false }).greaterIsBetter).toBe(false);
  });

  it('takes a schedule as a kind or as an object with its numbers', () => {
    const schedule = { kind: 'polynomial', power: 2 };
    expect(read({ schedule }).schedule).toEqual(schedule);
  });

  it.each([
    [{ epochs: 1.5 }, 'epochs must be a whole number from 1, got 1.5'],
    [{ batchSize: 0 }, 'batchSize must be a whole number from 1, got 0'],
    [{ learningRate: -1 }, 'learningRate must be a positive number, got -1'],
    [{ learningRate: Number.NaN }, 'learningRate must be a positive number, got NaN'],
    [{ weightDecay: -0.1 }, 'weightDecay must be a number from 0, got -0.1'],
    [{ warmup: 1.5 }, 'warmup must be a share below 1 or a whole number of steps, got 1.5'],
    [{ schedule: 'cosines' }, /schedule must be one of "linear", "constant", .* got "cosines"$/],
    [{ schedule: 3 }, /schedule must be one of .* or an object with such a kind, got 3$/],
    [{ schedule: { kind: 'sine' } }, /schedule.kind must be one of .* got "sine"$/],
    [
      { schedule: { kind: 'linear', power: 2 } },
      'schedule: linear has no "power"; it has no numbers',
    ],
    [
      { schedule: { kind: 'polynomial', power: 0 } },
      'schedule.power must be a positive number, got 0',
    ],
    [
      { schedule: { kind: 'cosine_with_restarts', numCycles: 1.5 } },
      'schedule.numCycles must be a whole number from 1, got 1.5',
    ],
    [{ freeze: 'head' }, 'freeze must be an array of names, got "head"'],
    [{ freeze: ['head', 1] }, 'freeze[1] must be a name, got 1'],
    [{ layerDecay: 0 }, 'layerDecay must be a number above 0, at most 1, got 0'],
    [{ averageDecay: 1 }, 'averageDecay must be a number from 0, below 1, got 1'],
    [{ trainable: 'norms' }, 'trainable must be one of "all", "biases", got "norms"'],
    [{ evalSteps: 0 }, 'evalSteps must be a whole number from 1, got 0'],
    [{ metricForBestModel: '' }, 'metricForBestModel must be a text that is not empty, got ""'],
    [{ beta1: 1 }, 'beta1 must be a number from 0, below 1, got 1'],
    [{ seed: -1 }, 'seed must be a whole number from 0, got -1'],
    [{ shuffle: 'yes' }, 'shuffle must be true or false, got "yes"'],
    [{ epoch: 1 }, /^train: unknown option "epoch"; it has epochs, batchSize/],
  ])('refuses %j', (options, message) => {
    expect(() => read(options)).toThrow(
      typeof message === 'string' ? `train: ${message}` : message,
    );
  });
});
