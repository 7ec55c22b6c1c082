/** When a training evaluates, when it ends, which weights it ends with, and what it says when its numbers are no longer finite. */

import { describe, expect, it } from 'vitest';
import { SinterError } from '../../lib/core/errors.js';
import { Classifier } from '../../lib/models/classifier.js';
import { trainStep } from '../../lib/train/step.js';
import { temporaryFolder } from '../formats/temporary-folder.js';
import { batchOf, engine, labelsFor, randomWeights, sealed, toyGraph } from '../native/toy.js';
import { BERT, rowsOf, smallClassifier } from './small-classifier.js';

const rows = rowsOf(32);
const right = rowsOf(12);
const wrong = rowsOf(12, true);
/** Four steps an epoch. */
const OPTIONS = { batchSize: 8, learningRate: 3e-3, warmup: 0, seed: 1 } as const;

describe('the end of a training', () => {
  it.each([
    [3, 1],
    [6, 2],
  ])('is after maxSteps %d, whatever epochs says', async (maxSteps, epochs) => {
    await using model = await smallClassifier();
    const totals = new Set<number>();
    const onStep = ({ totalSteps, totalEpochs }: { totalSteps: number; totalEpochs: number }) => {
      totals.add(totalSteps).add(1000 + totalEpochs);
    };
    const report = await model.train(rows, { ...OPTIONS, epochs: 1, maxSteps, onStep });
    expect(report.steps).toHaveLength(maxSteps);
    expect(report.epochs).toHaveLength(epochs);
    expect([...totals]).toEqual([maxSteps, 1000 + epochs]);
    // The schedule is that of so many steps.
    expect(report.steps.at(-1)?.learningRate).toBeCloseTo(OPTIONS.learningRate / maxSteps, 12);
    const part = report.steps.slice(4).reduce((sum, { loss }) => sum + loss, 0);
    if (maxSteps === 6) expect(report.epochs[1]?.trainLoss).toBeCloseTo(part / 2, 12);
    expect(report.stoppedEarly).toBe(false);
  });

  it('is where the patience ends, with the last weights or with the best ones', async () => {
    for (const loadBestModelAtEnd of [false, true]) {
      await using model = await smallClassifier();
      const stop = { earlyStoppingPatience: 2, loadBestModelAtEnd };
      const report = await model.train(rows, { ...OPTIONS, epochs: 9, eval: wrong, ...stop });
      const losses = report.evaluations.map(({ scores }) => scores.loss);
      // The model learns the rows, so it gets worse on wrong ones.
      expect(losses).toHaveLength(3);
      expect(losses[2]).toBeGreaterThan(losses[0] ?? 0);
      expect(report.evaluations.map(({ isBest }) => isBest)).toEqual([true, false, false]);
      expect(report.best).toEqual({ step: 4, epoch: 1, value: losses[0] });
      expect(report.stoppedEarly).toBe(true);
      expect(report.epochs.map(({ eval: scores }) => scores?.loss)).toEqual(losses);
      const { loss } = await model.evaluate(wrong);
      expect(loss).toBe(loadBestModelAtEnd ? losses[0] : losses[2]);
    }
  });

  it('has the best weights by any score, and of the average where there is one', async () => {
    await using model = await smallClassifier();
    const report = await model.train(rows, {
      ...OPTIONS,
      epochs: 3,
      eval: wrong,
      averageDecay: 0.5,
      metricForBestModel: 'loss',
      greaterIsBetter: true,
      loadBestModelAtEnd: true,
    });
    const losses = report.evaluations.map(({ scores }) => scores.loss);
    expect(report.best?.value).toBe(Math.max(...losses));
    expect((await model.evaluate(wrong)).loss).toBe(report.best?.value);
    const accuracies = { ...OPTIONS, epochs: 2, eval: right, metricForBestModel: 'accuracy' };
    await using other = await smallClassifier();
    const { best, evaluations } = await other.train(rows, accuracies);
    expect(best?.value).toBe(Math.max(...evaluations.map(({ scores }) => scores.accuracy)));
  });
});

describe('evaluations', () => {
  it('come every evalSteps and at the end, and change no bit of the training', async () => {
    await using model = await smallClassifier();
    const seen: number[] = [];
    const report = await model.train(rows, {
      ...OPTIONS,
      epochs: 2,
      eval: right,
      evalSteps: 3,
      onEvaluation: ({ step }) => {
        seen.push(step);
      },
    });
    expect(seen).toEqual([3, 6, 8]);
    expect(report.evaluations.map(({ step, epoch }) => [step, epoch])).toEqual([
      [3, 1],
      [6, 2],
      [8, 2],
    ]);
    expect(report.epochs.map(({ eval: scores }) => scores)).toEqual([
      report.evaluations[0]?.scores,
      report.evaluations[2]?.scores,
    ]);
    expect((await model.evaluate(right)).loss).toBe(report.evaluations[2]?.scores.loss);
    await using plain = await smallClassifier();
    const { steps, evaluations } = await plain.train(rows, { ...OPTIONS, epochs: 2 });
    expect(steps).toEqual(report.steps);
    expect(evaluations).toEqual([]);
  });

  it('compare a score that exists', async () => {
    await using model = await smallClassifier();
    const options = { ...OPTIONS, epochs: 1, eval: right, metricForBestModel: 'accurracy' };
    await expect(model.train(rows, options)).rejects.toThrow(
      'train: metricForBestModel must be one of "accuracy", "macroF1", "loss", got "accurracy"',
    );
  });

  it.each([
    [{ evalSteps: 2 }, 'evalSteps'],
    [{ loadBestModelAtEnd: true }, 'loadBestModelAtEnd'],
    [{ earlyStoppingPatience: 1 }, 'earlyStoppingPatience'],
  ])('need held-out rows: %j', async (options, name) => {
    await using model = await smallClassifier();
    const what = `train: ${name} needs eval, the held-out rows that it is about`;
    await expect(model.train(rows, { ...OPTIONS, ...options })).rejects.toThrow(what);
  });
});

describe('gradients', () => {
  it('are limited in size, number by number, before their norm', async () => {
    const graph = toyGraph({ layers: 1 });
    const batch = batchOf([5, 9, 3], 2);
    const found: { gradNorm: number; weights: Float32Array[] }[] = [];
    const names = graph.weights.map(({ name }) => name);
    const sgd = { kind: 'sgd', momentum: 0, nesterov: false } as const;
    const program = await sealed(graph, randomWeights(graph, 1), true);
    const before = names.map((name) => program.store.readWeight(name));
    program.dispose();
    for (const limits of [
      { maxGradNorm: 0 },
      { maxGradNorm: 0, maxGradValue: 1e-3 },
      { maxGradNorm: 1e-3, maxGradValue: 1e-3 },
    ]) {
      const trained = await sealed(graph, randomWeights(graph, 1), true);
      const trainer = new (engine().Trainer)(trained, { optimizer: sgd, groups: [] });
      const options = { learningRate: 1, dropoutSeed: null, ...limits };
      const { gradNorm } = await trainStep(trainer, batch, [labelsFor(batch, 1)], options);
      const weights = names.map((name, i) => {
        const now = trained.store.readWeight(name);
        return now.map((value, j) => (before[i]?.[j] ?? Number.NaN) - value);
      });
      found.push({ gradNorm, weights });
      trainer.dispose();
      trained.dispose();
    }
    const [free, limited, both] = found.map(({ weights }) => weights.flatMap((w) => [...w]));
    const isNear = (a = Number.NaN, b = Number.NaN) => Math.abs(a - b) < 1e-6;
    const clamp = (g: number) => Math.max(-1e-3, Math.min(1e-3, g));
    expect(free?.some((g) => Math.abs(g) > 2e-3)).toBe(true);
    expect(free?.filter((g, i) => !isNear(clamp(g), limited?.[i]))).toEqual([]);
    const norm = Math.hypot(...(limited ?? []));
    expect(norm).toBeGreaterThan(1e-3);
    expect(limited?.filter((g, i) => !isNear((g * 1e-3) / norm, both?.[i]))).toEqual([]);
    // The norm is that of the gradients as they were.
    const free0 = found[0]?.gradNorm;
    expect(found.map(({ gradNorm }) => gradNorm)).toEqual([free0, free0, free0]);
  });
});

describe('a training that diverges', () => {
  it('names the step, the rows and the first tensor, and leaves the model as it was', async () => {
    await using model = await smallClassifier();
    const before = await model.logits(['the people']);
    const options = { ...OPTIONS, epochs: 2, learningRate: 1e30, shuffle: false };
    const error = await model.train(rows, options).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(SinterError);
    const { code, message, details } = error as SinterError;
    expect(code).toBe('INVALID_DATA');
    expect(details).toMatchObject({
      step: 2,
      rows: ['8', '9', '10', '11', '12', '13', '14', '15'],
    });
    expect(details.tensor).toMatch(/^the output hidden\.\d$|^the output |^the gradient of /);
    expect(message).toContain('the rows are 8, 9, 10, 11, 12, 13, 14, 15;');
    expect(message).toContain(`the first tensor that is not finite is ${details.tensor}`);
    expect(await model.logits(['the people'])).toEqual(before);
  });

  it('ends with the weights of the best evaluation, where those are kept', async () => {
    const held = rowsOf(8);
    const options = { ...OPTIONS, epochs: 3, eval: held, evalSteps: 1, shuffle: false };
    await using model = await smallClassifier();
    // A warm-up to a rate at which nothing can be learned: the first steps are small, then the weights overflow.
    const wild = { ...options, learningRate: 1e30, warmup: 6, loadBestModelAtEnd: true };
    const report = await model.train(rows, { ...wild, onStep: () => {} });
    const { diverged, best, evaluations, steps, stoppedEarly } = report;
    expect(diverged).toMatchObject({
      step: expect.any(Number),
      message: expect.stringMatching(
        /^train: .*; the training diverged and ended with the weights of its best evaluation, after step \d+: lower learningRate$/,
      ),
      details: { step: diverged?.step },
    });
    expect(diverged?.message).toContain(`after step ${best?.step}:`);
    expect(diverged?.message).not.toContain('keeps its weights');
    expect(steps.at(-1)?.step).toBeLessThanOrEqual(diverged?.step ?? 0);
    expect([stoppedEarly, evaluations.length > 0]).toEqual([true, true]);
    const { loss } = await model.evaluate(held);
    expect(loss).toBe(best?.value);
    expect(loss).toBe(Math.min(...evaluations.map(({ scores }) => scores.loss)));
  });

  it('ends with the best evaluation without loadBestModelAtEnd too', async () => {
    const held = rowsOf(8);
    const wild = { ...OPTIONS, epochs: 4, shuffle: false, learningRate: 1e30, warmup: 6 } as const;
    await using model = await smallClassifier();
    const { diverged, best } = await model.train(rows, { ...wild, eval: held, evalSteps: 1 });
    expect(diverged?.message).toContain(
      `ended with the weights of its best evaluation, after step ${best?.step}:`,
    );
    expect(diverged?.keptStep).toBe(best?.step);
    expect((await model.evaluate(held)).loss).toBe(best?.value);
  });

  it('ends with the weights of the last good epoch, or of a checkpoint', async () => {
    // The passes: one that counts the rows, one for each epoch. A number of the second epoch's third batch overflows the loss.
    const numbers = (poisoned: boolean) => {
      let pass = 0;
      return {
        async *[Symbol.asyncIterator]() {
          pass++;
          for (const [i, { text }] of rows.entries())
            yield { text, value: poisoned && pass === 3 && i === 20 ? 3e38 : (i % 2) - 0.5 };
        },
      };
    };
    const options = { ...OPTIONS, streaming: true, shuffle: false, schedule: 'constant' };
    const trained = async (poisoned: boolean, own: object) => {
      await using model = await Classifier.load(BERT, {
        ...{ labels: ['value'], problem: 'regression', seed: 3, newHead: true },
      } as never);
      const all: object = { ...options, ...own };
      const report = await model.train(numbers(poisoned) as never, all);
      return { report, logits: (await model.logits(['the people'])).data };
    };
    const ended = await trained(true, { epochs: 4 });
    const { diverged } = ended.report;
    expect(diverged).toMatchObject({
      ...{ step: 7, keptStep: 4 },
      message: expect.stringContaining('ended with the weights of epoch 1, after step 4:'),
    });
    expect(diverged?.details.rows).toContain('20');
    expect(ended.report).toMatchObject({ stoppedEarly: true, best: null });
    expect(ended.logits).toEqual((await trained(false, { epochs: 1 })).logits);

    // From checkpoint 6 no step was taken, so it is not known to be good.
    const saving = { saveTo: await temporaryFolder(), saveEvery: 1, saveTotalLimit: 9 };
    const saved = await trained(true, { epochs: 4, ...saving });
    expect(saved.report.diverged).toMatchObject({
      ...{ step: 7, keptStep: 5 },
      message: expect.stringContaining('the weights of the last good checkpoint, after step 5:'),
    });
    expect(saved.logits).toEqual((await trained(false, { maxSteps: 5 })).logits);
  });

  it('takes no step with gradients that are not finite', async () => {
    const graph = toyGraph({ layers: 1 });
    const batch = batchOf([5, 9, 3], 2);
    const program = await sealed(graph, randomWeights(graph, 1), true);
    const sgd = { kind: 'sgd', momentum: 0.9, nesterov: false } as const;
    const trainer = new (engine().Trainer)(program, { optimizer: sgd, groups: [] });
    const before = graph.weights.map(({ name }) => program.store.readWeight(name));
    // Finite numbers, whose products with the weights are not.
    const targets = new Float32Array(9).fill(3e38);
    const loss = { kind: 'external', output: 'logits', weight: 1, targets } as const;
    const options = { learningRate: 1, maxGradNorm: 1, dropoutSeed: null };
    const { gradNorm } = await trainStep(trainer, batch, [loss], options);
    expect(Number.isFinite(gradNorm)).toBe(false);
    expect(trainer.state().steps).toBe(0);
    expect(graph.weights.map(({ name }) => program.store.readWeight(name))).toEqual(before);
    trainer.dispose();
    program.dispose();
  });
});
