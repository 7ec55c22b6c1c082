/** Distillation of question answerers: logits of starts and ends, hidden states and relations of a teacher. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type AnswerRow,
  Encoder,
  QuestionAnswerer,
  type QuestionTrainOptions,
} from '../../lib/index.js';
import { tokenRunner } from '../../lib/models/token-runner.js';
import { encoderFolder } from '../architectures/encoders.js';
import { temporaryFolder } from '../formats/temporary-folder.js';
import { cutFolder } from './cut-folder.js';

const TINY = encoderFolder('bert') ?? '';
const WORDS = 'the of and to in that is for our we'.split(' ');
/** The answer is the one word that no context has twice. */
const rows: AnswerRow[] = Array.from({ length: 40 }, (_, i) => {
  const words = [0, 1, 2, 3, 4].map((step) => WORDS[(i * 7 + step * (1 + (i % 5))) % 10] ?? '');
  words[i % 5] = 'people';
  const context = words.join(' ');
  const answers = [{ text: 'people', start: context.indexOf('people') }];
  return { question: 'who is it', context, answers };
});
/** Answers that are wrong, to see what the teacher alone teaches. */
const untold = rows.map((row) => ({ ...row, answers: [] }));
const FAST = { epochs: 8, batchSize: 8, learningRate: 3e-3, warmup: 0, seed: 5 } as const;

const load = (path: string, seed: number) => QuestionAnswerer.load(path, { newHead: true, seed });

let teacher: QuestionAnswerer;
beforeAll(async () => {
  teacher = await load(TINY, 1);
  await teacher.train(rows, FAST);
  expect((await teacher.evaluate(rows)).exactMatch).toBe(1);
});
afterAll(() => teacher.dispose());

async function shortFolder(): Promise<string> {
  await using encoder = await Encoder.load(TINY, { pooling: 'mean' });
  return await cutFolder(encoder, { layers: [2] });
}

/** T^2 times the divergence of the softmax over the tokens of a text, its mean over starts and ends and texts. */
async function divergence(
  student: QuestionAnswerer,
  teacher: QuestionAnswerer,
  temperature: number,
): Promise<number> {
  const pairs = rows.map(({ question, context }) => [question, context] as const);
  const logitsOf = async (model: QuestionAnswerer) => {
    const runner = tokenRunner(model, 'logits');
    const tokens = await runner.tokenize(pairs);
    const data = new Float32Array(tokens.ids.length * runner.width);
    await runner.run(tokens, data);
    return { data, offsets: tokens.offsets };
  };
  const own = await logitsOf(student);
  const theirs = await logitsOf(teacher);
  const softmax = (data: Float32Array, begin: number, end: number, column: number) => {
    const powers = Array.from({ length: end - begin }, (_, i) =>
      Math.exp((data[2 * (begin + i) + column] ?? Number.NaN) / temperature),
    );
    const sum = powers.reduce((a, b) => a + b, 0);
    return powers.map((power) => power / sum);
  };
  let all = 0;
  for (let text = 0; text < pairs.length; text++) {
    const range = [own.offsets[text] ?? 0, own.offsets[text + 1] ?? 0] as const;
    for (const column of [0, 1]) {
      const q = softmax(theirs.data, ...range, column);
      const r = softmax(own.data, ...range, column);
      all += q.reduce((sum, one, i) => sum + one * Math.log(one / (r[i] ?? Number.NaN)), 0);
    }
  }
  return (temperature ** 2 * all) / (2 * pairs.length);
}

describe('questionAnswerer.train with a teacher', () => {
  it('learns from its logits alone, with fewer layers', async () => {
    await using student = await load(await shortFolder(), 2);
    const options = { ...FAST, epochs: 24, teacher, alpha: 1, temperature: 2 };
    const report = await student.train(untold, options);
    expect((await student.evaluate(rows)).exactMatch).toBeGreaterThan(0.9);
    const losses = report.epochs.map(({ trainLoss }) => trainLoss);
    expect(losses.at(-1)).toBeLessThan(0.3 * (losses[0] ?? 0));
    const { training } = await student.info();
    const logits = { alpha: 1, temperature: 2, order: [0, 1], over: 'tokens' };
    expect(training?.settings).toMatchObject({ distillation: { logits, teacher: 'a model' } });
  });

  it('has the divergence over the tokens of a text as its loss, mixed with the answers by alpha', async () => {
    const losses: number[] = [];
    const temperature = 3;
    // Without dropout the first loss is that of the weights that the test can compute with.
    const plain = { ...FAST, batchSize: rows.length, epochs: 1, shuffle: false } as const;
    for (const alpha of [undefined, 0.25, 1]) {
      await using student = await load(TINY, 3);
      const taught = alpha === undefined ? {} : { teacher, alpha, temperature };
      const wanted = await divergence(student, teacher, temperature);
      const { steps } = await student.train(rows, { ...plain, ...taught });
      losses.push(steps[0]?.loss ?? 0);
      if (alpha === 1) expect(Math.abs(losses[2] ?? 0) / wanted).toBeCloseTo(1, 0);
    }
    const [answers = 0, quarter = 0, logits = 0] = losses;
    expect(quarter).toBeCloseTo(0.75 * answers + 0.25 * logits, 4);
    expect(Math.abs(logits - answers)).toBeGreaterThan(0.01);
  });

  it('learns hidden states and relations too, with the same bits each time', async () => {
    const folder = await shortFolder();
    const runs: (number | undefined)[][][] = [];
    for (const _ of [1, 2]) {
      await using student = await load(folder, 4);
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

  it('reads long contexts in windows, which the teacher reads too', async () => {
    await using student = await load(TINY, 8);
    const long = rows.map((row) => ({ ...row, context: `${row.context} ${'of the '.repeat(20)}` }));
    const windows = { maxTokens: 16, docStride: 4 } as const;
    const report = await student.train(long, { ...FAST, epochs: 1, teacher, ...windows });
    expect(report.rows).toBeGreaterThan(3 * rows.length);
    expect(report.steps.every(({ loss }) => Number.isFinite(loss))).toBe(true);
  });

  it('refuses what it cannot learn from', async () => {
    await using student = await load(TINY, 6);
    await using other = await load(TINY, 7);
    await using encoder = await Encoder.load(TINY, { pooling: 'mean' });
    await using foreign = await QuestionAnswerer.load(undefined, { newHead: true });
    const refused = (options: QuestionTrainOptions) =>
      expect(student.train(rows, { ...FAST, ...options })).rejects;
    await refused({ teacher: encoder }).toThrow('teacher must be a question answerer');
    await refused({ alpha: 0.5 }).toThrow('alpha must be left out without a teacher');
    await refused({ teacher: other, alpha: 2 }).toThrow('alpha must be a share from 0 to 1');
    await refused({ teacher: other, alpha: 0 }).toThrow('alpha must be above 0');
    await refused({ distillation: { teacher: other }, alpha: 1 }).toThrow(
      'alpha must be left out where distillation is given',
    );
    await refused({ teacher: foreign }).toThrow('the teacher splits rows[0] into other tokens');
    await refused({ teacher: other, method: 'lora' }).toThrow("method must be 'full'");
    await refused({ teacher: other, streaming: true }).toThrow('teacher must be left out with');
    // Hidden states alone may be of any model.
    const distillation = { teacher: encoder, alpha: 0, hiddenStates: [{ student: 1, teacher: 1 }] };
    const { steps } = await student.train(rows, { ...FAST, maxSteps: 1, distillation });
    expect(steps).toHaveLength(1);
  });

  it('a distilled model is saved and loaded', async () => {
    await using student = await load(TINY, 7);
    await student.train(rows, { ...FAST, epochs: 1, teacher });
    const folder = await temporaryFolder();
    await student.save(`${folder}/model`);
    await using again = await QuestionAnswerer.load(`${folder}/model`);
    expect(await again.evaluate(rows)).toEqual(await student.evaluate(rows));
  });
});
