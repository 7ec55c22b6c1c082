/**
 * A training run with a bar: steps, time left, loss, and a line per epoch.
 */
import { formatPercent } from '../core/units.js';
import type { FileRow } from '../data/index.js';
import type { Classifier } from '../models/classifier.js';
import type { TrainOptions } from '../train/train-options.js';
import type { TrainReport } from '../train/train-report.js';
import type { Console } from './context.js';

export interface TrainSetup extends TrainOptions {
  readonly epochs: number;
  readonly batchSize: number;
  readonly eval: readonly FileRow[] | null;
}

/** The loss shown is an average that forgets with this share per step. */
const SMOOTHING = 0.05;

/** Trains `model` in place. Cancelled by the console's signal. */
export async function trainWithProgress(
  model: Classifier,
  rows: readonly FileRow[],
  setup: TrainSetup,
  out: Console,
): Promise<TrainReport> {
  const { eval: held, ...options } = setup;
  const steps = setup.epochs * Math.ceil(rows.length / setup.batchSize);
  const progress = out.progress('training', steps, 'steps');
  let shown: number | undefined;
  try {
    const report = await model.train(rows, {
      ...options,
      ...(held !== null && { eval: held }),
      signal: out.signal,
      onStep: ({ step, loss }) => {
        shown = shown === undefined ? loss : shown + SMOOTHING * (loss - shown);
        progress.update(step, `loss ${shown.toFixed(3)}`);
      },
      onEpoch: ({ epoch, totalEpochs, trainLoss, eval: scores }) => {
        const tested = scores ? `, accuracy ${formatPercent(scores.accuracy)}` : '';
        progress.log(`  epoch ${epoch}/${totalEpochs}: loss ${trainLoss.toFixed(3)}${tested}`);
      },
    });
    progress.finish();
    return report;
  } catch (error) {
    progress.stop();
    throw error;
  }
}
