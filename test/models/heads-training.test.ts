// Every head learns from real rows: the loss falls, and held-out scores beat what needs no learning.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { EMBEDDED_MODEL } from '../../lib/checkpoint/embedded-model.js';
import {
  type AnswerRow,
  Classifier,
  CrossEncoder,
  Encoder,
  entitiesOf,
  MaskedLM,
  QuestionAnswerer,
  type StepRecord,
  type TaggedRow,
  TokenClassifier,
} from '../../lib/index.js';
import { temporaryFolder } from '../formats/temporary-folder.js';

/** Seconds on an idle machine. */
const LONG = { timeout: 300_000 };
const DATA = fileURLToPath(new URL('../../../shared/data', import.meta.url));
const lines = (file: string) => readFileSync(join(DATA, file), 'utf8').split('\n');

/** Mean loss of the last steps against that of the first. */
function expectFalling(steps: readonly StepRecord[], share: number): void {
  const mean = (some: readonly StepRecord[]) =>
    some.reduce((sum, { loss }) => sum + loss, 0) / some.length;
  const quarter = Math.ceil(steps.length / 4);
  expect(mean(steps.slice(-quarter))).toBeLessThan(share * mean(steps.slice(0, quarter)));
}

function taggedRows(file: string, count: number): TaggedRow[] {
  const texts = readFileSync(join(DATA, 'wnut17', file), 'utf8').split(/\n\s*\n/);
  const rows = texts.map((text) => {
    const words = text.split('\n').map((line) => line.split('\t'));
    const whole = words.filter(([word = '', tag]) => word.trim() !== '' && tag !== undefined);
    return {
      words: whole.map(([word]) => word ?? ''),
      tags: whole.map(([, tag]) => tag?.trim() ?? 'O'),
    };
  });
  // Rows with an entity teach most in little time.
  return rows.filter(({ tags }) => tags.some((tag) => tag !== 'O')).slice(0, count);
}

/** Questions for the kind of an entity; the answer is the entity. */
function questionRows(file: string, count: number): AnswerRow[] {
  const rows = taggedRows(file, 10_000).flatMap(({ words, tags }) =>
    entitiesOf(tags)
      .slice(0, 1)
      .map(({ type, first, last }) => {
        const start = words.slice(0, first).join(' ').length + (first > 0 ? 1 : 0);
        const text = words.slice(first, last + 1).join(' ');
        return {
          question: `which ${type} ?`,
          context: words.join(' '),
          answers: [{ text, start }],
        };
      }),
  );
  return rows.slice(0, count);
}

function pairs(file: string, count: number) {
  const parsed = lines(`stsb/${file}`).flatMap((line) => {
    // The simple lines: no quotes, and three fields.
    const [text, pair, score, ...more] = line.includes('"') ? [] : line.trim().split(',');
    const value = Number(score);
    const good = text && pair && score && more.length === 0 && Number.isFinite(value);
    return good ? [{ text, pair, value }] : [];
  });
  const step = Math.floor(parsed.length / count);
  return parsed.filter((_, i) => i % step === 0).slice(0, count);
}

/** Sentences of SST-2: whether they praise, and whether they are long. */
function sentences(file: string, count: number) {
  const all = lines(`sst2/${file}`).filter((line) => line !== '');
  const step = Math.floor(all.length / count);
  return all
    .filter((_, i) => i % step === 0)
    .slice(0, count)
    .map((line) => {
      const text = line.slice(2);
      const long = text.split(' ').length > 18 ? ['long'] : [];
      return { text, labels: [...(line.startsWith('1') ? ['positive'] : []), ...long] };
    });
}

describe.skipIf(!existsSync(DATA))('training from MiniLM (needs ../shared/data)', LONG, () => {
  it('tags entities of WNUT-17', async () => {
    const rows = taggedRows('wnut17train.conll', 240);
    const held = taggedRows('emerging.dev.conll', 80);
    const labels = [...new Set(rows.flatMap(({ tags }) => tags))].sort();
    const known = held.filter(({ tags }) => tags.every((tag) => labels.includes(tag)));
    await using model = await TokenClassifier.load(EMBEDDED_MODEL, { labels, maxTokens: 48 });
    const options = { epochs: 2, learningRate: 5e-4, batchSize: 16, eval: known };
    const report = await model.train(rows, options);
    expectFalling(report.steps, 0.6);
    const scores = report.epochs.at(-1)?.eval;
    // A model that finds no entity scores 0.
    expect(scores?.f1).toBeGreaterThan(0.1);
    const { f1, loss } = await model.evaluate(known);
    expect([f1, loss]).toEqual([scores?.f1, scores?.loss]);
  });

  it('answers with the entity that is asked for', async () => {
    const rows = questionRows('wnut17train.conll', 240);
    const held = questionRows('emerging.dev.conll', 60);
    await using model = await QuestionAnswerer.load(EMBEDDED_MODEL, { newHead: true });
    const before = await model.evaluate(held);
    const options = { epochs: 2, learningRate: 5e-4, batchSize: 16, maxTokens: 48, eval: held };
    const report = await model.train(rows, options);
    expectFalling(report.steps, 0.8);
    expect(report.epochs.at(-1)?.eval?.f1).toBeGreaterThan(before.f1 + 0.1);
  });

  it('scores pairs of STS-B, and reads them again from a folder', async () => {
    const scored = (file: string, count: number) =>
      pairs(file, count).map(({ text, pair, value }) => ({ text, pair, score: value / 5 }));
    const held = scored('stsb-en-dev.csv', 100);
    await using model = await CrossEncoder.load(EMBEDDED_MODEL, { newHead: true });
    const options = { epochs: 2, learningRate: 3e-4, batchSize: 16, eval: held };
    const report = await model.train(scored('stsb-en-train.csv', 256), options);
    const scores = report.epochs.at(-1)?.eval;
    expect(scores?.spearman).toBeGreaterThan(0.3);
    const saved = join(await temporaryFolder(), 'saved');
    await model.save(saved);
    await using again = await CrossEncoder.load(saved);
    expect((await again.evaluate(held)).predicted).toEqual((await model.evaluate(held)).predicted);
  });

  it('predicts the numbers of STS-B', async () => {
    const unit = (file: string, count: number) =>
      pairs(file, count).map((row) => ({ ...row, value: row.value / 5 }));
    const held = unit('stsb-en-dev.csv', 100);
    const encoder = await Encoder.load();
    await using model = await encoder.classifier({ labels: ['similarity'], problem: 'regression' });
    await encoder.dispose();
    const options = { epochs: 2, learningRate: 3e-4, batchSize: 16, eval: held };
    const report = await model.train(unit('stsb-en-train.csv', 256), options);
    expectFalling(report.steps, 0.6);
    const mean = held.reduce((sum, { value }) => sum + value, 0) / held.length;
    const variance = held.reduce((sum, { value }) => sum + (value - mean) ** 2, 0) / held.length;
    expect(report.epochs.at(-1)?.eval?.loss).toBeLessThan(0.95 * variance);
  });

  it('gives sentences of SST-2 none, one or two labels', async () => {
    const problem = 'multi_label_classification';
    const labels = ['positive', 'long'];
    await using model = await Classifier.load(EMBEDDED_MODEL, { labels, problem });
    const held = sentences('stsa.binary.test', 100);
    const options = { epochs: 2, learningRate: 3e-4, batchSize: 16, eval: held };
    const report = await model.train(sentences('stsa.binary.train', 256), options);
    expectFalling(report.steps, 0.9);
    const scores = report.epochs.at(-1)?.eval;
    // A guess is right for both labels in a quarter of the rows.
    expect(scores?.subsetAccuracy).toBeGreaterThan(0.4);
    expect(scores?.microF1).toBeGreaterThan(0.6);
    expect((await model.evaluate(held)).microF1).toBe(scores?.microF1);
  });

  it('guesses masked words better after reading speeches', async () => {
    const texts = lines('sotu/sotu.txt')
      .map((line) => line.trim())
      .filter((line) => line.length > 40)
      .map((line) => line.slice(0, 160));
    await using model = await MaskedLM.load(EMBEDDED_MODEL, { newHead: true });
    const held = texts.slice(-30);
    const before = await model.evaluate(held);
    const options = { epochs: 2, learningRate: 5e-4, batchSize: 16, maxTokens: 40, eval: held };
    const report = await model.train(texts.slice(0, 128), options);
    expectFalling(report.steps, 0.9);
    const after = report.epochs.at(-1)?.eval;
    expect(after?.loss).toBeLessThan(before.loss - 1);
    const saved = join(await temporaryFolder(), 'saved');
    await model.save(saved);
    await using again = await MaskedLM.load(saved);
    expect((await again.evaluate(held)).loss).toBe((await model.evaluate(held)).loss);
  });
});
