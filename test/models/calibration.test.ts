/**
 * Calibration of classifiers: temperature and thresholds against a search, through save, quantize, export and training; the
 * reject option; what a damaged or a stale setting does.
 */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from 'vitest';
import { Matrix } from '../../lib/core/matrix.js';
import { meanBinaryCrossEntropy, meanCrossEntropy, softmax } from '../../lib/metrics/logits.js';
import { Classifier } from '../../lib/models/classifier.js';
import { Encoder } from '../../lib/models/encoder.js';

const fixture = fileURLToPath(new URL('../fixtures/encoders/bert', import.meta.url));
const LABELS = ['a', 'b', 'c'] as const;
const some = <T>(make: (i: number) => T) => Array.from({ length: 48 }, (_, i) => make(i));
const textOf = (i: number) => `${['the people', 'of states', 'we'][i % 3]} ${i % 7} ${i % 5}`;
/** Every seventh label is wrong, so that a model that learned the rest by heart is too sure. */
const classOf = (i: number) => (i % 7 === 0 ? i + 1 : i) % 3;
const clean = some((i) => ({ text: textOf(i), label: LABELS[i % 3] ?? 'a' }));
const held = some((i) => ({ text: textOf(i), label: LABELS[classOf(i)] ?? 'a' }));
const many = (of: (i: number) => number) =>
  some((i) => ({ text: textOf(i), labels: of(i) === 2 ? ['c', 'a'] : [LABELS[of(i)] ?? 'a'] }));
const texts = held.map(({ text }) => text);
const TRAIN = { epochs: 8, batchSize: 8, learningRate: 3e-3, seed: 1 } as const;

let scratch: string;
let encoder: Encoder;
let folder: string;
let manyFolder: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'sinter-calibration-'));
  encoder = await Encoder.load(fixture, { pooling: 'mean' });
  folder = join(scratch, 'one');
  manyFolder = join(scratch, 'many');
  await using one = await encoder.classifier({ labels: LABELS, seed: 3 });
  await one.train(clean, TRAIN);
  await one.save(folder);
  await using several = await encoder.classifier({
    ...{ labels: LABELS, seed: 3, problem: 'multi_label_classification' },
  });
  await several.train(
    many((i) => i % 3),
    { ...TRAIN, epochs: 5 },
  );
  await several.save(manyFolder);
});
afterAll(async () => {
  await encoder.dispose();
  await rm(scratch, { recursive: true });
});

const open = () => Classifier.load(folder, { labels: LABELS });
const openMany = () =>
  Classifier.load(manyFolder, { labels: LABELS, problem: 'multi_label_classification' });

const divided = ({ data, rows, cols }: Matrix, by: number) =>
  new Matrix(
    data.map((x) => x / by),
    rows,
    cols,
  );

/** The temperature with the smallest loss among 4,000. */
function searched(loss: (temperature: number) => number): number {
  const all = Array.from({ length: 4000 }, (_, i) => 10 ** (-1.5 + (3 * i) / 4000));
  const losses = all.map(loss);
  return all[losses.indexOf(Math.min(...losses))] ?? Number.NaN;
}

describe('calibrate', () => {
  it('finds the temperature with the smallest loss, and divides the logits by it', async () => {
    await using model = await open();
    const logits = await model.logits(texts);
    const classes = held.map(({ label }) => LABELS.indexOf(label));
    const plain = await model.evaluate(held);
    const { temperature, rows, before, after } = await model.calibrate(held);
    const best = searched((t) => meanCrossEntropy(divided(logits, t), classes));
    expect(Math.abs(Math.log(temperature / best))).toBeLessThan(2e-3);
    expect(temperature).toBeGreaterThan(1.1);
    expect(rows).toBe(48);
    const { loss, calibrationError, reliability } = plain;
    expect(before).toEqual({ loss, calibrationError, reliability });
    expect(after.reliability).not.toEqual(reliability);
    expect(after.loss).toBeLessThan(before.loss);
    expect(after.calibrationError).toBeLessThan(before.calibrationError);
    const now = await model.logits(texts);
    logits.data.forEach((x, i) => {
      expect(now.data[i]).toBeCloseTo(x / temperature, 5);
    });
    const scored = await model.evaluate(held);
    expect(scored.predicted).toEqual(plain.predicted);
    expect(scored.loss).toBeCloseTo(after.loss, 6);
    expect((await model.info()).temperature).toBe(temperature);
    const again = await model.calibrate(held);
    expect(again.temperature).toBeCloseTo(1, 4);
    expect((await model.info()).temperature).toBeCloseTo(temperature, 3);
  });

  it('is in the folder, in a quantized model and in ONNX, whatever reads them', async () => {
    await using model = await open();
    const { temperature } = await model.calibrate(held);
    const logits = await model.logits(texts);
    const out = join(scratch, 'calibrated');
    await model.save(out);
    const config = JSON.parse(await readFile(join(out, 'config.json'), 'utf8'));
    expect(config.sinter_classifier).toEqual({ temperature });
    await using loaded = await Classifier.load(out, { labels: LABELS });
    expect((await loaded.logits(texts)).data).toEqual(logits.data);
    expect((await loaded.info()).temperature).toBe(temperature);
    await using small = await model.quantize();
    expect((await small.info()).temperature).toBe(temperature);
    const onnx = join(scratch, 'onnx');
    await model.exportOnnxFolder(onnx, { precisions: ['f32'] });
    await using exported = await Classifier.load(onnx, { labels: LABELS });
    (await exported.logits(texts)).data.forEach((x, i) => {
      expect(x).toBeCloseTo(logits.data[i] ?? Number.NaN, 4);
    });
    expect((await exported.info()).temperature).toBe(temperature);
  });

  it('works on an int8 model', async () => {
    await using model = await open();
    await using small = await model.quantize();
    const before = await small.logits(texts);
    const { temperature } = await small.calibrate(held);
    const after = await small.logits(texts);
    const largest = before.data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    before.data.forEach((x, i) => {
      expect(Math.abs((after.data[i] ?? 0) * temperature - x)).toBeLessThan(1e-3 * largest);
    });
  });

  it('ends with a new training or a new head', async () => {
    await using model = await open();
    await model.calibrate(held);
    const out = join(scratch, 'stale');
    await model.save(out);
    await model.train(clean, { ...TRAIN, epochs: 1 });
    expect((await model.info()).temperature).toBe(1);
    await using fresh = await Classifier.load(out, { labels: ['x', 'y'], newHead: true });
    expect((await fresh.info()).temperature).toBe(1);
    await using base = await Encoder.load(out, { pooling: 'mean' });
    await using other = await base.classifier({ labels: ['x', 'y'] });
    expect((await other.info()).temperature).toBe(1);
  });

  it('is for several labels too, whose fitted thresholds decide the same as before', async () => {
    await using model = await openMany();
    await model.fitThresholds(many(classOf));
    const decided = (await model.predict(texts)).map(({ labels }) => [...labels].sort());
    const logits = await model.logits(texts);
    const { temperature } = await model.calibrate(many(classOf));
    const targets = many(classOf).flatMap(({ labels }) =>
      LABELS.map((label) => (labels.includes(label) ? 1 : 0)),
    );
    const best = searched((t) => meanBinaryCrossEntropy(divided(logits, t), targets));
    expect(Math.abs(Math.log(temperature / best))).toBeLessThan(2e-3);
    const now = (await model.predict(texts)).map(({ labels }) => [...labels].sort());
    expect(now).toEqual(decided);
  });

  it('refuses rows that no temperature fits, regressions, and a second change at a time', async () => {
    await using model = await open();
    const right = (await model.predict(texts)).map(({ label }, i) => ({
      ...{ text: texts[i] ?? '', label },
    }));
    await expect(model.calibrate(right)).rejects.toThrow(
      'calibrate: no temperature fits the rows: the model is right on all rows',
    );
    expect((await model.info()).temperature).toBe(1);
    const first = model.calibrate(held);
    await expect(model.calibrate(held)).rejects.toMatchObject({ code: 'OVERLOADED' });
    await first;
    await using numbers = await encoder.classifier({ labels: ['x'], problem: 'regression' });
    await expect(numbers.calibrate([{ text: 'a', value: 1 }])).rejects.toMatchObject({
      code: 'UNSUPPORTED_MODEL',
    });
  });
});

describe('fitThresholds', () => {
  it('finds the best F1 of each label, and predict, evaluate and a saved folder use it', async () => {
    await using model = await openMany();
    const rows = many(classOf);
    const plain = await model.evaluate(rows);
    const batcher = model.batch();
    const { thresholds, before, after } = await model.fitThresholds(rows);
    expect(before).toEqual({ microF1: plain.microF1, macroF1: plain.macroF1 });
    expect(after.macroF1).toBeGreaterThanOrEqual(before.macroF1);
    const scores = (await model.predict(texts)).map((one) => one.scores);
    for (const label of LABELS) {
      const f1 = (threshold: number) => {
        let [both, all] = [0, 0];
        rows.forEach(({ labels }, i) => {
          const [is, found] = [labels.includes(label), (scores[i]?.[label] ?? 0) >= threshold];
          both += is && found ? 2 : 0;
          all += Number(is) + Number(found);
        });
        return both / all;
      };
      const best = Math.max(...scores.map((one) => f1(one[label])));
      expect(f1(thresholds[label]), label).toBeCloseTo(best, 12);
    }
    expect((await model.evaluate(rows)).macroF1).toBe(after.macroF1);
    expect((await model.info()).thresholds).toEqual(thresholds);
    const out = join(scratch, 'thresholds');
    await model.save(out);
    await using loaded = await Classifier.load(out, {
      ...{ labels: LABELS, problem: 'multi_label_classification' },
    });
    expect(await loaded.predict(texts)).toEqual(await model.predict(texts));
    const found = await Promise.all(texts.map((text) => batcher.run(text)));
    expect(found).toEqual(await model.predict(texts));
    const low = await model.predict(texts, { threshold: 0 });
    expect(low.every(({ labels }) => labels.length === 3)).toBe(true);
    const onlyA = await model.predict(texts, { threshold: { a: 0, b: 1, c: 1 } });
    expect(onlyA.every(({ labels }) => labels.join() === 'a')).toBe(true);
    await expect(model.predict(texts, { threshold: { d: 0 } })).rejects.toThrow(
      'predict: threshold must be numbers for a, b, c, got "d"',
    );
  });

  it('refuses other problems', async () => {
    await using model = await open();
    await expect(model.fitThresholds(held)).rejects.toMatchObject({ code: 'UNSUPPORTED_MODEL' });
  });
});

it.each([
  [{ temperature: -1 }, 'sinter_classifier.temperature must be a positive number, got -1'],
  [{ thresholds: [0.5] }, 'sinter_classifier.thresholds must be 3 numbers from 0 to 1'],
  ['x', 'sinter_classifier must be an object, got "x"'],
])('a folder with the settings %j is refused', async (settings, message) => {
  const out = await mkdtemp(join(scratch, 'damaged-'));
  await using model = await open();
  await model.save(join(out, 'm'));
  const file = join(out, 'm', 'config.json');
  const config = JSON.parse(await readFile(file, 'utf8'));
  await writeFile(file, JSON.stringify({ ...config, sinter_classifier: settings }));
  const loading = Classifier.load(join(out, 'm'), { labels: LABELS });
  await expect(loading).rejects.toMatchObject({ code: 'CORRUPT_MODEL' });
  await expect(loading).rejects.toThrow(message);
});

describe('minScore', () => {
  it('leaves out the label of a prediction below it, as the curve of evaluate says', async () => {
    await using model = await open();
    const { coverage, predicted } = await model.evaluate(held);
    const all = await model.predict(texts);
    expect(coverage[0]).toMatchObject({ minScore: 0, coverage: 1 });
    const scores = all.map(({ score }) => score).sort((a, b) => a - b);
    const minScore = scores[12] ?? 0;
    const found = await model.predict(texts, { minScore });
    expectTypeOf(found[0]?.label).toEqualTypeOf<'a' | 'b' | 'c' | null | undefined>();
    found.forEach(({ label, score }, i) => {
      expect(label).toBe(score >= minScore ? predicted[i] : null);
      expect(score).toBe(all[i]?.score);
    });
    expect(found.filter(({ label }) => label === null)).toHaveLength(12);
    for (const { minScore: limit, coverage: share, accuracy } of coverage) {
      const kept = all.flatMap(({ label, score }, i) =>
        score >= limit ? [label === held[i]?.label] : [],
      );
      expect(share).toBe(kept.length / 48);
      expect(accuracy).toBe(kept.filter(Boolean).length / kept.length);
    }
    await expect(model.predict(texts, { minScore: 2 })).rejects.toThrow(
      'predict: minScore must be a number from 0 to 1, got 2',
    );
    const [first] = await model.predict(texts, { minScore: 0, topK: 2 });
    expect(first?.top).toHaveLength(2);
    expect(softmax((await model.logits(texts)).row(0))).toContain(first?.score);
  });
});
