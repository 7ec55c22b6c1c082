/** The temperature that fits logits best, against the value that torch's L-BFGS found. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { Matrix } from '../../lib/core/matrix.js';
import { fitTemperature } from '../../lib/tasks/text-classification/calibration.js';

// The fit stops where its bounds are a billionth apart.
it('fits the temperature of the fixture', () => {
  const { calibration } = JSON.parse(
    readFileSync(new URL('../fixtures/compression/statistics.json', import.meta.url), 'utf8'),
  );
  const logits: number[][] = calibration.logits;
  const matrix = new Matrix(Float32Array.from(logits.flat()), logits.length, 4);
  const labels = Int32Array.from(calibration.labels as number[]);
  const temperature = fitTemperature(matrix, labels, 'classes');
  expect(Math.abs(temperature - calibration.best_temperature)).toBeLessThan(1e-8);
});
