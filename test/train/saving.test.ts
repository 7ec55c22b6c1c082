/** Checkpoints of `train`: which files there are, what they go on with, and what is refused. */

import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../lib/core/random.js';
import { Classifier } from '../../lib/models/classifier.js';
import { Sampler } from '../../lib/train/batches.js';
import { BestScores } from '../../lib/train/best-score.js';
import { TrainingProgress } from '../../lib/train/progress.js';
import { readTrainOptions, TRAIN_OPTIONS } from '../../lib/train/train-options.js';
import { temporaryFolder } from '../formats/temporary-folder.js';
import { BERT, LABELS, rowsOf, smallClassifier } from './small-classifier.js';

const rows = rowsOf(32);
const held = rowsOf(8, true);
/** Four steps an epoch. */
const OPTIONS = { batchSize: 8, learningRate: 3e-3, epochs: 3, seed: 1 } as const;

class Broken extends Error {}

/** Trains until step `last`, where it breaks off. */
async function breakOff(options: object, last: number): Promise<void> {
  await using model = await smallClassifier();
  const onStep = ({ step }: { step: number }) => {
    if (step === last) throw new Broken();
  };
  const training = model.train(rows, { ...OPTIONS, ...options, onStep });
  await expect(training).rejects.toThrow(Broken);
}

async function resumed(options: object, own = rows) {
  await using model = await smallClassifier();
  const report = await model.train(own, { ...OPTIONS, ...options });
  return { report, logits: (await model.logits(['the people', 'states'])).data };
}

describe('a folder of checkpoints', () => {
  it('has the newest ones, of each epoch or every so many steps', async () => {
    const folder = await temporaryFolder();
    const [byEpoch, bySteps] = [join(folder, 'new', 'epochs'), join(folder, 'steps')];
    await resumed({ saveTo: byEpoch });
    expect(await readdir(byEpoch)).toEqual(['checkpoint-12.safetensors']);
    await resumed({ saveTo: bySteps, saveEvery: 5, saveTotalLimit: 3 });
    const names = ['checkpoint-10.safetensors', 'checkpoint-5.safetensors'];
    expect((await readdir(bySteps)).sort()).toEqual(names);
  });

  it.each([
    ['each epoch', {}],
    ['every third step', { saveEvery: 3 }],
    ['every step, with evaluations', { saveEvery: 1, evalSteps: 3, eval: held }],
    [
      'every step, with the best weights and an average',
      { saveEvery: 1, eval: held, loadBestModelAtEnd: true, averageDecay: 0.9 },
    ],
    [
      'every step, with a patience that ends',
      { saveEvery: 1, eval: held, earlyStoppingPatience: 1 },
    ],
    ['every step, with LAMB', { saveEvery: 1, optimizer: 'lamb' }],
    ['every step, with frozen layers', { saveEvery: 1, freeze: ['embeddings', 'layer.0'] }],
  ] as const)('goes on to the same bits and the same report: %s', async (_, options) => {
    const { saveEvery: _every, ...plain } = options as { saveEvery?: number };
    const straight = await resumed(plain);
    for (const last of [4, 5, 8]) {
      if (last > straight.report.steps.length) continue;
      const saveTo = join(await temporaryFolder(), 'checkpoints');
      await breakOff({ ...options, saveTo }, last);
      const again = await resumed({ ...options, saveTo, resume: true });
      expect(again.logits).toEqual(straight.logits);
      const { seconds, tokensPerSecond, ...report } = again.report;
      expect(straight.report).toMatchObject(report);
      expect(seconds).toBeGreaterThan(0);
      expect(tokensPerSecond).toBeGreaterThanOrEqual(0);
    }
  });

  it('without a checkpoint starts from the beginning, and after the end gives the same model', async () => {
    const saveTo = await temporaryFolder();
    const straight = await resumed({});
    const first = await resumed({ saveTo, resume: true });
    expect(first.logits).toEqual(straight.logits);
    const again = await resumed({ saveTo, resume: true });
    expect(again.logits).toEqual(straight.logits);
    expect(again.report.steps).toEqual(straight.report.steps);
  });

  it('is not filled by another training', async () => {
    const saveTo = await temporaryFolder();
    await resumed({ saveTo });
    await expect(resumed({ saveTo })).rejects.toMatchObject({
      code: 'INVALID_DATA',
      message: `${saveTo}: holds checkpoints of a training; resume it (resume: true), or name another folder`,
    });
  });
});

describe('a checkpoint is refused', () => {
  const setup = { eval: held, epochs: 1 } as const;
  async function saved(): Promise<string> {
    const saveTo = join(await temporaryFolder(), 'checkpoints');
    await resumed({ ...setup, saveTo });
    return saveTo;
  }
  const other = (saveTo: string, message: string) => ({
    code: 'INVALID_DATA',
    message: `${join(saveTo, 'checkpoint-4.safetensors')}: is of ${message}`,
  });

  it.each([
    [{ batchSize: 4 }, 'batchSize was 8, not 4'],
    [{ epochs: 2 }, 'epochs was 1, not 2'],
    [{ optimizer: 'lion' }, 'optimizer was "adamw", not "lion"'],
    [{ optimizer: 'sgd' }, 'optimizer was "adamw", not "sgd"'],
    [{ freeze: ['head'] }, 'freeze was [], not ["head"]'],
    [{ schedule: { kind: 'cosine' } }, 'schedule was "linear", not {"kind":"cosine"}'],
  ])('with other options: %j', async (options, what) => {
    const saveTo = await saved();
    const run = resumed({ ...setup, ...options, saveTo, resume: true });
    const message = `a training with other options: ${what}`;
    await expect(run).rejects.toMatchObject(other(saveTo, message));
  });

  it('with other rows, in another order too, or other held-out rows', async () => {
    const saveTo = await saved();
    const options = { ...setup, saveTo, resume: true };
    const turned = resumed(options, rows.toReversed());
    await expect(turned).rejects.toMatchObject(other(saveTo, 'a training with other rows'));
    const held2 = resumed({ ...options, eval: rowsOf(8) });
    const what = 'a training with other held-out rows';
    await expect(held2).rejects.toMatchObject(other(saveTo, what));
  });

  it('with another model of the same shape', async () => {
    const saveTo = await saved();
    await using model = await Classifier.load(BERT, { labels: LABELS, seed: 4 });
    const before = await model.logits(['the people']);
    const training = model.train(rows, { ...OPTIONS, ...setup, saveTo, resume: true });
    const what = 'another model: its layers or its weights before the training differ';
    await expect(training).rejects.toMatchObject(other(saveTo, what));
    expect(await model.logits(['the people'])).toEqual(before);
  });

  it('when it is damaged', async () => {
    const saveTo = await saved();
    const path = join(saveTo, 'checkpoint-4.safetensors');
    const bytes = await readFile(path);
    const last = bytes.length - 2;
    bytes[last] = (bytes[last] ?? 0) ^ 1;
    await writeFile(path, bytes);
    const run = resumed({ ...setup, saveTo, resume: true });
    await expect(run).rejects.toMatchObject({ code: 'CORRUPT_MODEL' });
  });
});

it('the progress of a training keeps scores that are not finite', () => {
  const settings = readTrainOptions('train', {}, TRAIN_OPTIONS);
  const progressOf = () =>
    new TrainingProgress(
      new SeededRandom(1),
      new Sampler(8, settings, () => 1),
      new BestScores(settings),
    );
  const progress = progressOf();
  progress.beginEpoch();
  const scores = { pearson: Number.NaN, loss: Number.POSITIVE_INFINITY, f1: 0.1 };
  progress.history.evaluations.push({ step: 1, epoch: 1, scores, isBest: false });
  const restored = progressOf();
  restored.restore(JSON.parse(JSON.stringify(progress.toJson())), 'file');
  restored.restoreHistory(progress.historyText(), 'file');
  expect(restored.history).toEqual(progress.history);
  const broken = () => restored.restoreHistory('[', 'file');
  expect(broken).toThrow('file: the report must be a JSON object');
});

describe('options of saving', () => {
  it.each([
    [{ saveEvery: 2 }, 'train: saveEvery needs saveTo, a folder'],
    [{ resume: true }, 'train: resume needs saveTo, a folder'],
    [{ saveTo: '' }, 'train: saveTo must be a text that is not empty, got ""'],
    [
      { saveTo: 'x', saveTotalLimit: 0 },
      'train: saveTotalLimit must be a whole number from 1, got 0',
    ],
  ])('are checked: %j', async (options, message) => {
    await using model = await smallClassifier();
    await expect(model.train(rows, { ...OPTIONS, ...options })).rejects.toThrow(message);
  });

  it('need a folder, not a file', async () => {
    const folder = await temporaryFolder();
    await mkdir(folder, { recursive: true });
    const saveTo = join(folder, 'file');
    await writeFile(saveTo, '');
    await expect(resumed({ saveTo })).rejects.toMatchObject({ code: 'FILE_SYSTEM' });
  });
});
