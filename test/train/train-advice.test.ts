// What a training says of itself: trainings that went wrong for a known reason, and one that went well.
import { describe, expect, it } from 'vitest';
import { Classifier } from '../../lib/index.js';
import { TINY } from '../cli/support.js';

const rows = Array.from({ length: 32 }, (_, i) => {
  const label = i % 2 === 0 ? 'people' : 'states';
  return { text: `the ${label} of war`, label };
});
const LABELS = { labels: ['people', 'states'], newHead: true } as const;
const codes = (report: { readonly advice: readonly { readonly code: string }[] }) =>
  report.advice.map(({ code }) => code);

describe('train gives advice', () => {
  it('of a warm-up that is longer than the training, and of a loss that stayed', async () => {
    await using model = await Classifier.load(TINY, LABELS);
    const report = await model.train(rows, { epochs: 3, batchSize: 8, warmup: 500 });
    expect(codes(report)).toEqual(['WARMUP_TOO_LONG', 'FEW_STEPS']);
    const [warmup, steps] = report.advice;
    expect(warmup).toMatchObject({
      message: 'the learning rate still rose in the last of 12 steps: the warm-up takes 500',
      options: { warmup: 0.1 },
    });
    expect(steps?.options).toEqual({ epochs: 20, learningRate: 3e-4 });
  });

  it('of more steps by the option that decides their number', async () => {
    await using model = await Classifier.load(TINY, LABELS);
    const report = await model.train(rows, { maxSteps: 12, batchSize: 8 });
    expect(codes(report)).toEqual(['FEW_STEPS']);
    expect(report.advice[0]?.options).toEqual({ maxSteps: 240, learningRate: 3e-4 });
  });

  it('of a label that no held-out row got, however good the accuracy looks', async () => {
    await using model = await Classifier.load(TINY, LABELS);
    const common = rows.filter(({ label }) => label === 'people');
    const rare = { text: 'the union was war', label: 'states' };
    const report = await model.train(common, { eval: [...common, rare], learningRate: 5e-3 });
    expect(report.epochs.at(-1)?.eval?.accuracy).toBeGreaterThan(0.9);
    expect(report.advice.find(({ code }) => code === 'LABELS_MISSED')?.message).toContain(
      '1 of 2 labels were found in no held-out row ("states")',
    );
  });

  it('of nothing where all is well, and following it is enough', async () => {
    await using model = await Classifier.load(TINY, LABELS);
    const options = { eval: rows, batchSize: 8, epochs: 20, learningRate: 5e-3 };
    const report = await model.train(rows, options);
    expect(report.epochs.at(-1)?.eval?.accuracy).toBe(1);
    expect(report.advice).toEqual([]);
  });
});
