/** Distillation of classifiers of tokens: logits, hidden states and relations of a teacher with the same tokens. */

import { describe, expect, it } from 'vitest';
import { Encoder, TokenClassifier, type TokenTrainOptions } from '../../lib/index.js';
import { encoderFolder } from '../architectures/encoders.js';
import { temporaryFolder } from '../formats/temporary-folder.js';
import { cutFolder } from './cut-folder.js';

const TINY = encoderFolder('bert') ?? '';
const WORDS = 'the of and to in that is for our we'.split(' ');
const LABELS = ['O', 'B-x'];
/** Each word has one tag, whatever is around it. */
const rows = Array.from({ length: 40 }, (_, i) => {
  const picked = [0, 1, 2, 3].map((step) => (i * 7 + step * (1 + (i % 5))) % WORDS.length);
  return {
    words: picked.map((word) => WORDS[word] ?? ''),
    tags: picked.map((word) => (word % 2 === 0 ? 'O' : 'B-x')),
  };
});
/** Tags that say nothing, to see what the teacher alone teaches. */
const untold = rows.map(({ words }) => ({ words, tags: words.map(() => 'O') }));
const FAST = { epochs: 8, batchSize: 8, learningRate: 3e-3, warmup: 0, seed: 5 } as const;

const load = (path: string, labels: readonly string[], seed: number) =>
  TokenClassifier.load(path, { labels, seed });

async function trained(): Promise<TokenClassifier> {
  const teacher = await load(TINY, LABELS, 1);
  await teacher.train(rows, FAST);
  expect((await teacher.evaluate(rows)).tagAccuracy).toBe(1);
  return teacher;
}

async function shortFolder(): Promise<string> {
  await using encoder = await Encoder.load(TINY, { pooling: 'mean' });
  return await cutFolder(encoder, { layers: [2] });
}

describe('tokenClassifier.train with a teacher', () => {
  it('learns from its logits alone, with labels in another order and fewer layers', async () => {
    await using teacher = await trained();
    await using student = await load(await shortFolder(), [...LABELS].reverse(), 2);
    const options = { ...FAST, epochs: 16, teacher, alpha: 1, temperature: 2 };
    const report = await student.train(untold, options);
    const { tagAccuracy } = await student.evaluate(rows);
    expect(tagAccuracy).toBeGreaterThan(0.95);
    const losses = report.epochs.map(({ trainLoss }) => trainLoss);
    expect(losses.at(-1)).toBeLessThan(0.3 * (losses[0] ?? 0));
    const { training } = await student.info();
    const logits = { alpha: 1, temperature: 2, order: [1, 0] };
    expect(training?.settings).toMatchObject({ distillation: { logits, teacher: 'a model' } });
  });

  it('mixes them with the tags by alpha', async () => {
    await using teacher = await trained();
    const losses: number[] = [];
    for (const alpha of [undefined, 0.25, 0.75, 1]) {
      await using student = await load(TINY, LABELS, 3);
      const taught = alpha === undefined ? {} : { teacher, alpha };
      const { steps } = await student.train(rows, { ...FAST, epochs: 1, maxSteps: 1, ...taught });
      losses.push(steps[0]?.loss ?? 0);
    }
    const [tags = 0, quarter = 0, most = 0, logits = 0] = losses;
    expect(quarter).toBeCloseTo(0.75 * tags + 0.25 * logits, 4);
    expect(most).toBeCloseTo(0.25 * tags + 0.75 * logits, 4);
    expect(Math.abs(logits - tags)).toBeGreaterThan(0.01);
  });

  it('learns hidden states and relations too, with the same bits each time', async () => {
    await using teacher = await trained();
    const folder = await shortFolder();
    const runs: (number | undefined)[][][] = [];
    for (const _ of [1, 2]) {
      await using student = await load(folder, LABELS, 4);
      const { parameters } = await student.info();
      const hiddenStates = [{ student: 1, teacher: 1 }];
      const distillation = { teacher, hiddenStates, relations: true } as const;
      const report = await student.train(rows, { ...FAST, epochs: 3, distillation, eval: rows });
      expect((await student.info()).parameters).toBe(parameters);
      runs.push(report.epochs.map(({ trainLoss, eval: scores }) => [trainLoss, scores?.loss]));
    }
    expect(runs[0]).toEqual(runs[1]);
    expect(runs[0]?.at(-1)?.[0]).toBeLessThan(runs[0]?.[0]?.[0] ?? 0);
  });

  it('refuses what it cannot learn from', async () => {
    await using student = await load(TINY, LABELS, 6);
    await using other = await load(TINY, ['O', 'B-y'], 6);
    await using encoder = await Encoder.load(TINY, { pooling: 'mean' });
    await using foreign = await TokenClassifier.load(undefined, { labels: LABELS });
    const refused = (options: TokenTrainOptions) =>
      expect(student.train(rows, { ...FAST, ...options })).rejects;
    await refused({ teacher: other }).toThrow('a token classifier with the labels O, B-x');
    await refused({ teacher: encoder }).toThrow('teacher must be a token classifier');
    await refused({ alpha: 0.5 }).toThrow('alpha must be left out without a teacher');
    await refused({ teacher: other, alpha: 2 }).toThrow('alpha must be a share from 0 to 1');
    await refused({ teacher: other, alpha: 0 }).toThrow('alpha must be above 0');
    await refused({ distillation: { teacher: student }, alpha: 1 }).toThrow(
      'alpha must be left out where distillation is given',
    );
    await refused({ teacher: foreign }).toThrow('the teacher splits rows[0] into other tokens');
    await refused({ teacher: other, method: 'lora' }).toThrow('labels O, B-x');
  });

  it('a distilled model is saved and loaded', async () => {
    await using teacher = await trained();
    await using student = await load(TINY, LABELS, 7);
    await student.train(rows, { ...FAST, epochs: 1, teacher });
    const folder = await temporaryFolder();
    await student.save(`${folder}/model`);
    await using again = await TokenClassifier.load(`${folder}/model`);
    expect(await again.evaluate(rows)).toEqual(await student.evaluate(rows));
  });
});
