/** Logs of a training: lines of JSON and event files, what they hold, and how a resumed training goes on with them. */

import { appendFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { crc32c } from '../../lib/formats/event-file.js';
import { temporaryFolder } from '../formats/temporary-folder.js';
import { crcByBits, readEvents } from './event-records.js';
import { rowsOf, smallClassifier } from './small-classifier.js';

const rows = rowsOf(32);
const held = rowsOf(8, true);
/** Four steps an epoch. */
const OPTIONS = { batchSize: 8, learningRate: 3e-3, epochs: 3, seed: 1, eval: held } as const;

class Broken extends Error {}

async function train(options: object, last = 0) {
  await using model = await smallClassifier();
  const onStep = ({ step }: { step: number }) => {
    if (step === last) throw new Broken();
  };
  return await model.train(rows, { ...OPTIONS, ...options, onStep });
}

type Line = Readonly<Record<string, number>>;

async function linesOf(path: string): Promise<Line[]> {
  const text = await readFile(path, 'utf8');
  expect(text.endsWith('\n')).toBe(true);
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

async function eventsOf(folder: string) {
  const names = (await readdir(folder)).sort();
  return Promise.all(names.map((name) => readEvents(join(folder, name))));
}

/** A line without what the clock decides. */
const withoutTimes = (line: Line) =>
  Object.fromEntries(Object.entries(line).filter(([name]) => !/runtime|_per_second/.test(name)));

describe('the checksum of records', () => {
  it('is CRC-32C', () => {
    // The check value of the catalogue of CRCs, and an example of RFC 3720.
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    for (const size of [0, 1, 7, 300]) {
      const bytes = Uint8Array.from({ length: size }, (_, i) => (i * 37) & 255);
      expect(crc32c(bytes)).toBe(crcByBits(bytes));
    }
  });
});

describe('a log in lines of JSON', () => {
  it('has the steps, the evaluations and the end by the names of Trainer', async () => {
    const logTo = join(await temporaryFolder(), 'logs', 'log.jsonl');
    const report = await train({ logTo });
    const lines = await linesOf(logTo);
    expect(lines.filter((line) => 'loss' in line)).toEqual(
      report.steps.map(({ step, loss, gradNorm, learningRate }) => ({
        ...{ loss, grad_norm: gradNorm, learning_rate: learningRate, epoch: step / 4, step },
      })),
    );
    const evaluated = lines.filter((line) => 'eval_loss' in line);
    expect(evaluated.map(withoutTimes)).toEqual(
      report.evaluations.map(({ step, epoch, scores }) => ({
        eval_accuracy: scores.accuracy,
        eval_macroF1: scores.macroF1,
        eval_loss: scores.loss,
        ...{ epoch, step },
      })),
    );
    for (const { eval_runtime = 0, eval_samples_per_second = 0 } of evaluated)
      expect(eval_runtime * eval_samples_per_second).toBeCloseTo(held.length, 6);
    const losses = report.steps.map(({ loss }) => loss);
    const mean = losses.reduce((a, b) => a + b, 0) / losses.length;
    const end = lines.at(-1) as Line;
    expect(end).toMatchObject({ epoch: 3, step: 12, train_loss: mean });
    const { train_runtime = 0, train_samples_per_second = 0, train_steps_per_second = 0 } = end;
    expect(train_samples_per_second * train_runtime).toBeCloseTo(96, 6);
    expect(train_steps_per_second * train_runtime).toBeCloseTo(12, 6);
    // A step, its evaluation, and the end come in this order.
    expect(lines.slice(-3).map((line) => Object.keys(line)[0])).toEqual([
      ...['loss', 'eval_accuracy', 'train_runtime'],
    ]);
  });

  it('has means of steps with loggingSteps', async () => {
    const logTo = join(await temporaryFolder(), 'log.jsonl');
    const { steps } = await train({ logTo, loggingSteps: 5 });
    const lines = (await linesOf(logTo)).filter((line) => 'loss' in line);
    expect(lines.map(({ step }) => step)).toEqual([5, 10]);
    const mean = steps.slice(5, 10).reduce((sum, { loss }) => sum + loss, 0) / 5;
    expect(lines[1]).toMatchObject({ loss: mean, learning_rate: steps[9]?.learningRate });
  });
});

describe('event files', () => {
  it('have the same numbers by the tags of Trainer', async () => {
    const folder = await temporaryFolder();
    const [logTo, tensorboard] = [join(folder, 'log.jsonl'), join(folder, 'board')];
    const before = Date.now() / 1000;
    await train({ logTo, tensorboard });
    const [[version, ...events] = []] = await eventsOf(tensorboard);
    expect(version).toMatchObject({ step: 0, fileVersion: 'brain.Event:2', scalars: {} });
    const lines = await linesOf(logTo);
    expect(events).toHaveLength(lines.length);
    for (const [i, { step, ...line }] of lines.entries()) {
      const scalars = Object.entries(line).map(([name, value]) => [
        name.startsWith('eval_') ? name.replace('eval_', 'eval/') : `train/${name}`,
        Math.fround(value),
      ]);
      expect(events[i]).toMatchObject({ step, scalars: Object.fromEntries(scalars) });
      expect(events[i]?.wallTime).toBeGreaterThanOrEqual(before);
    }
    expect(Object.keys(events[0]?.scalars ?? {})).toEqual([
      ...['train/loss', 'train/grad_norm', 'train/learning_rate', 'train/epoch'],
    ]);
  });
});

describe('the logs of a resumed training', () => {
  it.each([
    ['each epoch', {}],
    ['every step', { saveEvery: 1 }],
    // The checkpoint of step 4 is from before the evaluation at the end of its epoch.
    ['at the end of an epoch, before its evaluation', { saveEvery: 4 }],
  ])('go on after the checkpoint: %s', async (_, saving) => {
    const folder = await temporaryFolder();
    const straight = join(folder, 'straight.jsonl');
    await train({ logTo: straight });
    const [logTo, tensorboard] = [join(folder, 'log.jsonl'), join(folder, 'board')];
    const options = { logTo, tensorboard, saveTo: join(folder, 'saved'), ...saving };
    await expect(train(options, 6)).rejects.toThrow(Broken);
    // A killed process may leave a line that is cut off.
    await appendFile(logTo, '{"loss":0.1');
    await train({ ...options, resume: true });
    const expected = (await linesOf(straight)).map(withoutTimes);
    expect((await linesOf(logTo)).map(withoutTimes)).toEqual(expected);
    // As TensorBoard reads them: a start of a session voids what came before it from its step on.
    const read: { step: number; scalars: object }[] = [];
    for (const { step, session, scalars } of (await eventsOf(tensorboard)).flat()) {
      if (session === 1) read.splice(read.findIndex((one) => one.step >= step) >>> 0);
      if (Object.keys(scalars).length > 0) read.push({ step, scalars });
    }
    expect(read.map(({ step }) => step)).toEqual(expected.map(({ step }) => step));
  });

  it('begins them where no checkpoint is', async () => {
    const folder = await temporaryFolder();
    const options = { logTo: join(folder, 'log.jsonl'), saveTo: join(folder, 'saved') };
    await expect(train(options, 2)).rejects.toThrow(Broken);
    await train({ ...options, resume: true });
    const steps = (await linesOf(options.logTo)).filter((line) => 'loss' in line);
    expect(steps.map(({ step }) => step)).toEqual([...Array(12).keys()].map((i) => i + 1));
  });
});

describe('logs are refused', () => {
  it('where other ones are', async () => {
    const folder = await temporaryFolder();
    const logTo = join(folder, 'log.jsonl');
    const tensorboard = join(folder, 'board');
    await train({ logTo, tensorboard, epochs: 1 });
    const before = await readFile(logTo);
    await expect(train({ logTo })).rejects.toThrow(
      `${logTo}: holds a log already; go on with it (resume: true), or name another place`,
    );
    await expect(train({ tensorboard })).rejects.toThrow('holds event files already');
    expect(await readFile(logTo)).toEqual(before);
  });

  it('where a file is no log', async () => {
    const folder = await temporaryFolder();
    const logTo = join(folder, 'notes.txt');
    await writeFile(logTo, '{"step":0}\nnotes\n');
    const options = { logTo, saveTo: join(folder, 'saved'), resume: true };
    await train({ saveTo: options.saveTo });
    await expect(train(options)).rejects.toThrow(`${logTo}:2: must be a JSON object with a step`);
  });

  it.each([
    [{ loggingSteps: 3 }, 'train: loggingSteps needs logTo or tensorboard'],
    [{ logTo: '' }, 'train: logTo must be a text that is not empty'],
    [{ logTo: 'x', loggingSteps: 0 }, 'train: loggingSteps must be a whole number from 1, got 0'],
  ])('with %j', async (options, message) => {
    await expect(train(options)).rejects.toThrow(message);
  });
});
