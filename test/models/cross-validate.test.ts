/** Cross-validation: each prediction is that of the model which was not trained on the row. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from 'vitest';
import { foldRows } from '../../lib/data/index.js';
import { crossValidate } from '../../lib/models/cross-validate.js';
import { Encoder } from '../../lib/models/encoder.js';

const folder = fileURLToPath(new URL('../fixtures/encoders/bert', import.meta.url));
const rows = Array.from({ length: 24 }, (_, i) => ({
  ...{ text: `the ${i % 2 ? 'people' : 'states'} ${i % 5}`, label: i % 2 ? 'us' : 'them' },
}));
const train = { epochs: 2, batchSize: 8, learningRate: 3e-3 } as const;

let encoder: Encoder;
beforeAll(async () => {
  encoder = await Encoder.load(folder, { pooling: 'mean' });
});
afterAll(() => encoder.dispose());

const make = () => encoder.classifier({ labels: ['us', 'them'], seed: 3 });

describe('crossValidate', () => {
  it('is a training, an evaluation and a prediction for each fold', async () => {
    const seen: number[] = [];
    const found = await crossValidate(rows, {
      ...{ make, train, folds: 3, seed: 5 },
      onFold: (_, index) => void seen.push(index),
    });
    expectTypeOf(found.predictions[0]?.label).toEqualTypeOf<'us' | 'them' | undefined>();
    expect(seen).toEqual([0, 1, 2]);
    expect(found.predictions).toHaveLength(24);
    expect(found.notes).toEqual([]);
    const { folds } = foldRows(rows, { folds: 3, seed: 5 });
    for (const [i, fold] of folds.entries()) {
      await using model = await make();
      const report = await model.train([...fold.train], train);
      expect(found.folds[i]?.report.steps).toEqual(report.steps);
      expect(found.folds[i]?.evaluation).toEqual(await model.evaluate([...fold.held]));
      const predicted = await model.predict(fold.held.map(({ text }) => text));
      expect(fold.indices.map((row) => found.predictions[row])).toEqual(predicted);
    }
    const accuracies = found.folds.map(({ evaluation }) => evaluation.accuracy);
    const mean = accuracies.reduce((a, b) => a + b) / 3;
    expect(found.scores.accuracy?.mean).toBeCloseTo(mean, 12);
    const squares = accuracies.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    expect(found.scores.accuracy?.deviation).toBeCloseTo(Math.sqrt(squares / 2), 12);
  });

  it('stops when it is aborted, and refuses what it cannot do', async () => {
    const controller = new AbortController();
    const running = crossValidate(rows, {
      ...{ make, train, folds: 3, signal: controller.signal },
      onFold: () => controller.abort(),
    });
    await expect(running).rejects.toMatchObject({ code: 'CANCELLED' });
    await expect(crossValidate(rows, { make, folds: 1 })).rejects.toThrow(
      'crossValidate: folds must be a whole number from 2, got 1',
    );
    await expect(crossValidate(rows, { make: 1 as never })).rejects.toThrow(
      'crossValidate: make must be a function, got 1',
    );
    await expect(crossValidate([], { make })).rejects.toThrow('folds must be at most');
  });
});
