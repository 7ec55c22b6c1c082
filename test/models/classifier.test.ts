/**
 * Classifier: predicting, evaluating and above all training: what it learns, what it refuses, and that nothing is lost
 * when it stops halfway.
 */

import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from 'vitest';
import { Classifier } from '../../lib/models/classifier.js';
import { Encoder } from '../../lib/models/encoder.js';
import type { StepProgress } from '../../lib/train/train-report.js';

const fixture = (name: string) =>
  fileURLToPath(new URL(`../fixtures/encoders/${name}`, import.meta.url));

/** Easy to learn: one word decides. */
const rows = Array.from({ length: 64 }, (_, i) => ({
  text: `the ${i % 2 === 0 ? 'people' : 'states'} of ${i % 7} and ${i % 5}`,
  label: i % 2 === 0 ? ('us' as const) : ('them' as const),
}));
const OPTIONS = { epochs: 2, batchSize: 8, learningRate: 3e-3, seed: 1 };

let encoder: Encoder;
beforeAll(async () => {
  encoder = await Encoder.load(fixture('bert'), { pooling: 'mean' });
});
afterAll(async () => {
  await encoder.dispose();
});

const newClassifier = () => encoder.classifier({ labels: ['us', 'them'], seed: 5 });

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('predict', () => {
  it('gives label, score and all scores, for texts and pairs', async () => {
    await using model = await newClassifier();
    expect(model.labels).toEqual(['us', 'them']);
    expectTypeOf(model.labels).toEqualTypeOf<readonly ('us' | 'them')[]>();
    const logits = await model.logits(['the people', ['the people', 'of the states']]);
    const predictions = await model.predict(['the people', ['the people', 'of the states']]);
    expect([logits.rows, logits.cols]).toEqual([2, 2]);
    for (const [i, { label, score, scores }] of predictions.entries()) {
      const [a = 0, b = 0] = logits.row(i);
      expect(scores.us).toBeCloseTo(1 / (1 + Math.exp(b - a)), 12);
      expect(scores.us + scores.them).toBeCloseTo(1, 12);
      expect(label).toBe(a >= b ? 'us' : 'them');
      expect(score).toBe(scores[label]);
    }
    expect(logits.row(0)).not.toEqual(logits.row(1));
    expect(await model.predict([])).toEqual([]);
  });

  it('loads the head of a checkpoint, and shares nothing with the encoder it was made from', async () => {
    await using loaded = await Classifier.load(fixture('bert-seqcls'));
    expect(loaded.labels).toEqual(['LABEL_0', 'LABEL_1', 'LABEL_2']);
    const before = await encoder.embed(['the people']);
    await using model = await newClassifier();
    await model.train(rows, OPTIONS);
    expect(await encoder.embed(['the people'])).toEqual(before);
  });

  it('starts a head from the seed', async () => {
    const heads: Float32Array[] = [];
    for (const seed of [3, 3, 4]) {
      await using model = await encoder.classifier({ labels: ['us', 'them'], seed });
      heads.push((await model.logits(['the people'])).data);
    }
    expect(heads[1]).toEqual(heads[0]);
    expect(heads[2]).not.toEqual(heads[0]);
  });

  it('refuses wrong labels', async () => {
    await expect(encoder.classifier({ labels: ['a'] })).rejects.toThrow(
      /^classifier: labels must be an array of at least two/,
    );
    await expect(encoder.classifier({ labels: ['a', 'b', 'a'] })).rejects.toThrow(
      new RangeError('classifier: labels[2] must be different from labels[0], got "a"'),
    );
    await expect(encoder.classifier({ labels: ['a', 5 as never] })).rejects.toThrow(
      new TypeError('classifier: labels[1] must be a non-empty string, got 5'),
    );
    await expect(Classifier.load(fixture('bert'))).rejects.toMatchObject({
      code: 'UNSUPPORTED_MODEL',
    });
    await using added = await Classifier.load(fixture('bert'), { labels: ['a', 'b', 'c'] });
    expect((await added.logits(['x'])).cols).toBe(3);
  });
});

describe('train', () => {
  it('learns, and reports every step and epoch', async () => {
    await using model = await newClassifier();
    const steps: StepProgress[] = [];
    const epochs: number[] = [];
    const report = await model.train(rows, {
      ...OPTIONS,
      epochs: 3,
      eval: rows.slice(0, 20),
      onStep: (step) => {
        steps.push(step);
      },
      onEpoch: async ({ epoch }) => {
        epochs.push(epoch);
      },
    });
    expect(report.steps).toHaveLength(24);
    expect(steps.map(({ step }) => step)).toEqual(report.steps.map(({ step }) => step));
    expect(steps.at(-1)).toMatchObject({ step: 24, totalSteps: 24, epoch: 3, totalEpochs: 3 });
    expect(epochs).toEqual([1, 2, 3]);
    const [first, , last] = report.epochs;
    expect(last?.trainLoss).toBeLessThan((first?.trainLoss ?? 0) / 2);
    expect(last?.eval).toMatchObject({ accuracy: 1, macroF1: 1 });
    expect(report).toMatchObject({ rows: 64, truncated: 0 });
    expect(report.tokensPerSecond).toBeGreaterThan(0);
    const evaluation = await model.evaluate(rows.slice(0, 20));
    expect(evaluation.loss).toBe(last?.eval?.loss);
    expect(evaluation.confusion.values).toEqual([
      [10, 0],
      [0, 10],
    ]);
    expect(evaluation.report.accuracy).toBe(1);
  });

  it.each([1e20, 1e38])(
    'a last step at learning rate %d that leaves NaN is refused like any other step',
    async (learningRate) => {
      await using model = await newClassifier();
      const before = await model.logits(['the people']);
      const options = {
        epochs: 1,
        batchSize: 64,
        learningRate,
        warmup: 0,
        schedule: 'constant',
      } as const;
      for (const more of [{}, { eval: rows.slice(0, 4) }]) {
        const error = await rejection(model.train(rows, { ...options, ...more }));
        expect(error).toMatchObject({ code: 'INVALID_DATA' });
        expect(String(error)).toMatch(/the training diverged and the model keeps its weights/);
      }
      expect(await model.logits(['the people'])).toEqual(before);
    },
  );

  it('repeats a run bit for bit from its seed, and not from another', async () => {
    const runs: (readonly number[])[] = [];
    for (const seed of [1, 1, 2]) {
      await using model = await newClassifier();
      const { steps } = await model.train(rows, { ...OPTIONS, seed });
      runs.push(steps.map(({ loss }) => loss));
    }
    expect(runs[1]).toEqual(runs[0]);
    expect(runs[2]).not.toEqual(runs[0]);
  });

  it('takes rows from an async iterable, in batches of similar length if asked', async () => {
    await using model = await newClassifier();
    async function* stream() {
      yield* rows;
    }
    const grouped = { ...OPTIONS, groupByLength: true, schedule: 'constant', warmup: 3 } as const;
    const report = await model.train(stream(), grouped);
    expect(report.steps).toHaveLength(16);
    expect(report.steps[0]?.learningRate).toBe(0);
    expect(report.steps.at(-1)?.learningRate).toBe(3e-3);
  });

  it('keeps the old weights when aborted, when a callback throws, and while it runs', async () => {
    await using model = await newClassifier();
    const before = await model.logits(['the people']);
    const controller = new AbortController();
    const aborted = model.train(rows, {
      ...OPTIONS,
      signal: controller.signal,
      onStep: async ({ step }) => {
        expect(await model.logits(['the people'])).toEqual(before);
        if (step === 3) controller.abort();
      },
    });
    expect(await rejection(aborted)).toMatchObject({ code: 'CANCELLED' });
    const onEpoch = () => {
      throw new Error('full disk');
    };
    const thrown = model.train(rows, { ...OPTIONS, onEpoch });
    expect(await rejection(thrown)).toEqual(new Error('full disk'));
    expect(await model.logits(['the people'])).toEqual(before);
    await model.train(rows, OPTIONS);
    expect(await model.logits(['the people'])).not.toEqual(before);
  });

  it('runs one training at a time and ends with the model', async () => {
    const model = await newClassifier();
    const first = model.train(rows, OPTIONS);
    expect(await rejection(model.train(rows, OPTIONS))).toMatchObject({ code: 'OVERLOADED' });
    await first;
    const second = rejection(model.train(rows, { ...OPTIONS, epochs: 1000 }));
    await model.dispose();
    expect(await second).toMatchObject({ code: 'CANCELLED', cause: { code: 'DISPOSED' } });
  });

  it('stops and names the step when the loss is NaN', async () => {
    await using model = await newClassifier();
    const before = await model.logits(['the people']);
    const run = model.train(rows, { ...OPTIONS, learningRate: 1e38, maxGradNorm: 0, warmup: 0 });
    expect(await rejection(run)).toMatchObject({
      code: 'INVALID_DATA',
      details: { step: expect.any(Number) },
    });
    expect(await model.logits(['the people'])).toEqual(before);
  });

  it('refuses wrong rows and options in words', async () => {
    await using model = await newClassifier();
    const wrong = async (bad: unknown, options: object = {}) =>
      rejection(model.train(bad as typeof rows, options));
    const twelve = rows.slice(0, 12);
    expect(await wrong([...twelve, { text: 'x', label: 'eggs' }])).toEqual(
      new TypeError('train: rows[12].label must be one of "us", "them", got "eggs"'),
    );
    expect(await wrong([{ text: 'x' }])).toEqual(
      new TypeError('train: rows[0].label must be one of "us", "them", got undefined'),
    );
    expect(await wrong([{ text: 5, label: 'us' }])).toEqual(
      new TypeError('train: rows[0].text must be a string, got 5'),
    );
    expect(await wrong([null])).toBeInstanceOf(TypeError);
    expect(await wrong([])).toEqual(
      new RangeError('train: rows must have at least one row, got none'),
    );
    expect(await wrong(5)).toEqual(new TypeError('train: rows must be an iterable of rows, got 5'));
    expect(await wrong(rows, { eval: [] })).toEqual(
      new RangeError('train: eval must have at least one row, got none'),
    );
    expect(await wrong(rows, { eval: [{ text: 'x', label: 'y' }] })).toEqual(
      new TypeError('train: eval[0].label must be one of "us", "them", got "y"'),
    );
    expect(await wrong(rows, { learningRate: 'x' })).toEqual(
      new TypeError('train: learningRate must be a positive number, got "x"'),
    );
    expect(await wrong(rows, { epochs: 0 })).toEqual(
      new RangeError('train: epochs must be a whole number from 1, got 0'),
    );
    expect(await wrong(rows, { learningrate: 1 })).toEqual(
      new TypeError('train: unknown option "learningrate"; did you mean learningRate?'),
    );
    expect(await wrong(rows, { onStep: 1 })).toBeInstanceOf(TypeError);
  });

  it('cuts rows at the limit and counts them', async () => {
    await using model = await newClassifier();
    const long = { text: 'people '.repeat(100), label: 'us' as const };
    const report = await model.train([...rows.slice(0, 7), long], { ...OPTIONS, epochs: 1 });
    expect(report.truncated).toBe(1);
  });
});
