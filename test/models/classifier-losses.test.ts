/**
 * The losses of a classifier's training: the loss of the first step against its formula on the model's own logits, what is
 * refused, balanced sampling and distillation. The encoder has no dropout, so a step computes what `logits` computes.
 */

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClassificationProblem } from '../../lib/graph/checkpoint.js';
import { softmax } from '../../lib/metrics/logits.js';
import type { Classifier } from '../../lib/models/classifier.js';
import { Encoder } from '../../lib/models/encoder.js';
import { type TagLossOptions, TokenClassifier } from '../../lib/models/token-classifier.js';
import type { ClassifierLossOptions } from '../../lib/tasks/text-classification/loss-options.js';

const folder = fileURLToPath(new URL('../fixtures/encoders/bert', import.meta.url));
const LABELS = ['a', 'b', 'c'] as const;
/** Five rows of a, two of b, one of c. */
const CLASSES = [0, 0, 1, 0, 2, 0, 1, 0];
const texts = CLASSES.map((c, i) => `${['the people', 'of states', 'we'][c]} ${i}`);
const rows = texts.map((text, i) => ({ text, label: LABELS[CLASSES[i] ?? 0] ?? 'a' }));
const WHOLE = { epochs: 1, batchSize: 8, shuffle: false, seed: 1 } as const;

let encoder: Encoder;
beforeAll(async () => {
  encoder = await Encoder.load(folder, { pooling: 'mean' });
});
afterAll(() => encoder.dispose());

const make = <K extends ClassificationProblem = 'single_label_classification'>(problem?: K) =>
  encoder.classifier({ labels: LABELS, seed: 3, ...(problem && { problem }) });

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

/** The probabilities of the rows before the training, and the loss of its first step. */
async function firstLoss(options: ClassifierLossOptions<'single_label_classification'>) {
  await using model = await make();
  const logits = await model.logits(texts);
  const probabilities = texts.map((_, i) => softmax(logits.row(i)));
  const { steps } = await model.train(rows, { ...WHOLE, ...options });
  return { probabilities, loss: steps[0]?.loss ?? Number.NaN };
}

const own = (p: readonly number[][], i: number) => p[i]?.[CLASSES[i] ?? 0] ?? Number.NaN;

describe('one label', () => {
  it('has the loss of plain cross entropy with smoothing 0 and weights of 1, and its bits by default', async () => {
    await using a = await make();
    await using b = await make();
    await using c = await make();
    const first = await a.train(rows, WHOLE);
    const named = await b.train(rows, { ...WHOLE, loss: 'cross_entropy', labelSmoothing: 0 });
    const weighted = await c.train(rows, { ...WHOLE, classWeights: [1, 1, 1] });
    const losses = (report: typeof first) => report.steps.map(({ loss }) => loss);
    expect(losses(named)).toEqual(losses(first));
    expect(weighted.steps[0]?.loss).toBeCloseTo(first.steps[0]?.loss ?? 0, 6);
    expect((await b.logits(texts)).data).toEqual((await a.logits(texts)).data);
  });

  it('smooths labels', async () => {
    const { probabilities: p, loss } = await firstLoss({ labelSmoothing: 0.2 });
    const expected = p.map(
      (row, i) => -0.8 * Math.log(own(p, i)) - 0.2 * mean(row.map((v) => Math.log(v))),
    );
    expect(loss).toBeCloseTo(mean(expected), 6);
  });

  it.each([
    ['a list', [1, 2, 4]],
    ['names', { b: 2, c: 4 }],
  ] as const)(
    'weighs classes by %s, divided by the sum of the weights',
    async (_, classWeights) => {
      const { probabilities: p, loss } = await firstLoss({ classWeights });
      const weights = CLASSES.map((c) => [1, 2, 4][c] ?? 0);
      const sum = weights.reduce((total, w, i) => total - w * Math.log(own(p, i)), 0);
      expect(loss).toBeCloseTo(sum / weights.reduce((a, b) => a + b), 6);
    },
  );

  it('balances weights as scikit-learn does', async () => {
    const { loss } = await firstLoss({ classWeights: 'balanced' });
    // compute_class_weight('balanced'): 8 / (3 * [5, 2, 1])
    const same = await firstLoss({ classWeights: [8 / 15, 8 / 6, 8 / 3] });
    expect(loss).toBe(same.loss);
  });

  it('has the focal loss', async () => {
    const { probabilities: p, loss } = await firstLoss({ loss: 'focal', classWeights: [1, 3, 1] });
    const one = (i: number) => -([1, 3, 1][CLASSES[i] ?? 0] ?? 0) * (1 - own(p, i)) ** 2;
    expect(loss).toBeCloseTo(mean(p.map((_, i) => one(i) * Math.log(own(p, i)))), 6);
  });
});

describe('several labels', () => {
  const many = texts.map((text, i) => ({ text, labels: i % 2 === 0 ? ['a'] : ['a', 'b'] }));
  const target = (i: number, c: number) => (c === 0 || (c === 1 && i % 2 === 1) ? 1 : 0);

  async function first(options: ClassifierLossOptions<'multi_label_classification'>) {
    await using model = await make('multi_label_classification');
    const logits = await model.logits(texts);
    const p = texts.map((_, i) => Array.from(logits.row(i), (x) => 1 / (1 + Math.exp(-x))));
    const { steps } = await model.train(many, { ...WHOLE, ...options });
    return { p, loss: steps[0]?.loss };
  }

  it('weighs positives', async () => {
    const { p, loss } = await first({ posWeights: { b: 3 } });
    const one = (v: number, i: number, c: number) =>
      target(i, c) === 1 ? -(c === 1 ? 3 : 1) * Math.log(v) : -Math.log(1 - v);
    expect(loss).toBeCloseTo(mean(p.flatMap((row, i) => row.map((v, c) => one(v, i, c)))), 6);
    // a is in all rows, b in half of them, c in none.
    const balanced = await first({ posWeights: 'balanced' });
    expect(balanced.loss).toBe((await first({ posWeights: [0, 1, 1] })).loss);
  });

  it('has the focal loss', async () => {
    const { p, loss } = await first({ loss: 'focal', focalGamma: 1.5, focalAlpha: 0.25 });
    const one = (v: number, i: number, c: number) =>
      target(i, c) === 1
        ? -0.25 * (1 - v) ** 1.5 * Math.log(v)
        : -0.75 * v ** 1.5 * Math.log(1 - v);
    expect(loss).toBeCloseTo(mean(p.flatMap((row, i) => row.map((v, c) => one(v, i, c)))), 6);
  });
});

it.each([
  ['mse', {}, (d: number) => d * d],
  ['mae', {}, (d: number) => d],
  ['huber', { huberDelta: 0.5 }, (d: number) => (d <= 0.5 ? d ** 2 / 2 : 0.5 * (d - 0.25))],
  ['smooth_l1', { smoothL1Beta: 0.5 }, (d: number) => (d < 0.5 ? d ** 2 : d - 0.25)],
] as const)('numbers have the loss %s', async (loss, options, formula) => {
  await using model = await encoder.classifier({ labels: ['x'], seed: 3, problem: 'regression' });
  const logits = await model.logits(texts);
  const values = texts.map((text, i) => ({ text, value: i / 4 }));
  const { steps } = await model.train(values, { ...WHOLE, ...options, loss });
  const errors = values.map(({ value }, i) => formula(Math.abs((logits.row(i)[0] ?? 0) - value)));
  expect(steps[0]?.loss).toBeCloseTo(mean(errors), 5);
});

describe('options', () => {
  const wrong: [ClassifierLossOptions<'single_label_classification'>, string][] = [
    [{ loss: 'bce' as 'focal' }, 'train: loss must be one of "cross_entropy", "focal", got "bce"'],
    [{ labelSmoothing: 1 }, 'train: labelSmoothing must be a share from 0, below 1, got 1'],
    [
      { loss: 'focal', labelSmoothing: 0.1 },
      'train: labelSmoothing must be left out for single_label_classification with loss focal, got 0.1',
    ],
    [{ focalGamma: 1 }, 'train: focalGamma must be left out'],
    [{ posWeights: [1, 1, 1] }, 'train: posWeights must be left out'],
    [{ temperature: 2 }, 'train: temperature must be left out without a teacher, got 2'],
    [{ classWeights: [1, 2] }, "train: classWeights must be 'balanced', or 3 numbers from 0"],
    [{ classWeights: { a: -1 } }, 'train: classWeights["a"] must be a number from 0, got -1'],
    [{ classWeights: { d: 1 } }, 'train: classWeights must be weights of a, b, c, got "d"'],
    [{ classWeights: 'even' as 'balanced' }, "train: classWeights must be 'balanced', or"],
    [{ sampling: 'some' as 'all' }, 'train: sampling must be one of "all", "balanced"'],
    [{ teacher: {} as 'logits' }, "train: teacher must be a classifier or 'logits'"],
    [{ teacher: 'logits', alpha: 0 }, 'train: alpha must be a share above 0, at most 1, got 0'],
    [{ teacher: 'logits' }, 'train: rows[0].logits must be 3 finite numbers, one for each label'],
  ];
  it.each(wrong)('%o is refused', async (options, message) => {
    await using model = await make();
    await expect(model.train(rows, { ...WHOLE, ...options })).rejects.toThrow(message);
  });

  it('are in the record of the training', async () => {
    const out = await mkdtemp(join(tmpdir(), 'sinter-losses-'));
    try {
      await using model = await make();
      await model.train(rows, { ...WHOLE, classWeights: { c: 2 }, labelSmoothing: 0.1 });
      await model.save(join(out, 'model'));
      const record = JSON.parse(await readFile(join(out, 'model', 'training.json'), 'utf8'));
      expect(record.settings).toMatchObject({ classWeights: { c: 2 }, labelSmoothing: 0.1 });
    } finally {
      await rm(out, { recursive: true });
    }
  });
});

it('balanced sampling gives each label the same weight in an epoch', async () => {
  // Rows of one label only are one batch of 9 / 3: the loss of an epoch shows how often each was drawn.
  const nine = [...rows, { text: 'the people', label: 'a' as const }];
  const drawn = async (options: object) => {
    await using model = await make();
    const settings = { ...WHOLE, batchSize: 3, learningRate: 1e-12 };
    const { steps } = await model.train(nine, { ...settings, ...options });
    return steps.map(({ loss }) => loss);
  };
  await using model = await make();
  const logits = await model.logits([...texts, 'the people']);
  const lossOf = (row: number, label: number) =>
    -Math.log(softmax(logits.row(row))[label] ?? Number.NaN);
  const losses = await drawn({ sampling: 'balanced' });
  expect(losses).toHaveLength(3);
  // The only row of c is drawn three times.
  expect(losses[2]).toBeCloseTo(lossOf(4, 2), 5);
  const b = [lossOf(2, 1), lossOf(6, 1)] as const;
  const [least, most] = [Math.min(...b), Math.max(...b)];
  expect(losses[1]).toBeGreaterThanOrEqual(least - 1e-6);
  expect(losses[1]).toBeLessThanOrEqual(most + 1e-6);
  expect(await drawn({ sampling: 'balanced' })).toEqual(losses);
  expect(await drawn({})).not.toEqual(losses);
});

describe('distillation', () => {
  const labels = ['c', 'a', 'b'] as const;
  let teacher: Classifier<(typeof labels)[number]>;
  beforeAll(async () => {
    teacher = await encoder.classifier({ labels, seed: 9 });
    await teacher.train(rows, { ...WHOLE, epochs: 20, learningRate: 3e-3 });
  });
  afterAll(() => teacher.dispose());

  /** The teacher's logits in the order of the student's labels. */
  const stored = async () => {
    const logits = await teacher.logits(texts);
    return rows.map((row, i) => {
      const [c = 0, a = 0, b = 0] = logits.row(i);
      return { ...row, logits: [a, b, c] };
    });
  };

  it('has the weighted sum of the divergence and the cross entropy', async () => {
    await using model = await make();
    const logits = await model.logits(texts);
    const theirs = await stored();
    const soft = (row: ArrayLike<number>) => softmax(Float32Array.from(row, (x) => x / 3));
    const losses = rows.map((_, i) => {
      const [q, r] = [soft(theirs[i]?.logits ?? []), soft(logits.row(i))];
      const divergence = q.reduce((sum, v, c) => sum + v * Math.log(v / (r[c] ?? 0)), 0);
      const entropy = -Math.log(softmax(logits.row(i))[CLASSES[i] ?? 0] ?? 0);
      return 0.7 * 9 * divergence + 0.3 * entropy;
    });
    const { steps } = await model.train(rows, { ...WHOLE, teacher, alpha: 0.7, temperature: 3 });
    expect(steps[0]?.loss).toBeCloseTo(mean(losses), 5);
  });

  it('with stored logits is the same training, bit for bit', async () => {
    await using a = await make();
    await using b = await make();
    const options = { ...WHOLE, epochs: 2, batchSize: 3 };
    const byModel = await a.train(rows, { ...options, teacher });
    const byRows = await b.train(await stored(), { ...options, teacher: 'logits' });
    expect(byRows.steps).toEqual(byModel.steps);
  });

  it('needs no labels where only the teacher counts, and comes to agree with it', async () => {
    await using model = await make();
    const plain = texts.map((text) => ({ text }));
    const options = { ...WHOLE, epochs: 30, learningRate: 3e-3, teacher };
    // @ts-expect-error: rows without a label are for alpha: 1
    await expect(model.train(plain, options)).rejects.toThrow('rows[0].label must be');
    const { steps } = await model.train(plain, { ...options, alpha: 1 });
    expect(steps.at(-1)?.loss).toBeLessThan(0.1 * (steps[0]?.loss ?? 0));
    const predicted = (await model.predict(texts)).map(({ label }) => label);
    expect(predicted).toEqual((await teacher.predict(texts)).map(({ label }) => label));
  });

  it('evaluates held-out rows by their labels', async () => {
    await using model = await make();
    const { epochs } = await model.train(rows, { ...WHOLE, teacher, eval: rows });
    const { accuracy, macroF1, loss } = await model.evaluate(rows);
    expect(epochs[0]?.eval).toEqual({ accuracy, macroF1, loss });
  });

  it('refuses a teacher with other labels', async () => {
    await using other = await encoder.classifier({ labels: ['a', 'b', 'd'] });
    await using model = await make();
    await expect(model.train(rows, { ...WHOLE, teacher: other })).rejects.toThrow(
      'train: teacher must be a classifier with the labels a, b, c, got',
    );
  });
});

describe('tags', () => {
  const words = texts.map((text) => text.split(' '));
  const tagged = words.map((own, i) => ({
    ...{ words: own, tags: own.map((_, j) => LABELS[(i + j) % 3] ?? 'a') },
  }));

  it('have the losses of one label, over the words', async () => {
    const losses = async (options: TagLossOptions) => {
      await using model = await TokenClassifier.load(folder, { labels: LABELS, seed: 3 });
      const { steps } = await model.train(tagged, { ...WHOLE, ...options });
      return steps.map(({ loss }) => loss);
    };
    const plain = await losses({});
    expect(await losses({ loss: 'cross_entropy', labelSmoothing: 0 })).toEqual(plain);
    const counts = [0, 0, 0];
    for (const { tags } of tagged)
      for (const tag of tags) counts[LABELS.indexOf(tag)] = (counts[LABELS.indexOf(tag)] ?? 0) + 1;
    const rows = counts.reduce((a, b) => a + b);
    const classWeights = counts.map((count) => rows / (3 * count));
    expect(await losses({ classWeights: 'balanced' })).toEqual(await losses({ classWeights }));
    expect(await losses({ classWeights: [1, 2, 4] })).not.toEqual(plain);
    const [focal = 0] = await losses({ loss: 'focal', focalGamma: 0 });
    expect(focal).toBeCloseTo(plain[0] ?? 0, 6);
  });

  it('have no teacher and no balanced sampling', async () => {
    await using model = await TokenClassifier.load(folder, { labels: LABELS, seed: 3 });
    const wrong = { ...WHOLE, sampling: 'balanced' } as object;
    await expect(model.train(tagged, wrong)).rejects.toThrow('train: unknown option "sampling"');
  });
});
