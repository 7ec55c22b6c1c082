/**
 * `sinter train --calibrate`: fits a temperature, and for several labels thresholds, on the held-out rows.
 */
import { SinterError } from '../core/errors.js';
import { formatPercent } from '../core/units.js';
import { Classifier } from '../models/classifier.js';
import type { CalibrationReport } from '../models/fit-classifier.js';
import { usageMistake } from './arguments.js';
import type { Console } from './context.js';

/** Throws where there are no rows to fit on, or no probabilities. */
export function checkCalibrate(options: {
  readonly calibrate?: boolean;
  readonly task: string;
  readonly eval?: string;
  readonly holdOut?: number;
}): void {
  if (options.calibrate !== true) return;
  if (options.eval === undefined && options.holdOut === undefined) {
    throw usageMistake('--calibrate needs rows that were not trained on: --eval or --hold-out');
  }
  if (options.task === 'classification' || options.task === 'multi-label') return;
  throw usageMistake(`--calibrate is for classifiers, not for ${options.task}`);
}

/** Calibrates the model in place and says what came of it; undefined where nothing was fitted. */
export async function calibrate(
  model: unknown,
  held: Iterable<unknown>,
  out: Console,
): Promise<CalibrationReport | undefined> {
  if (!(model instanceof Classifier)) return undefined;
  const { signal } = out;
  const rows = held as Iterable<never>;
  let report: CalibrationReport | undefined;
  try {
    report = await model.calibrate(rows, { signal });
    const { temperature, before, after } = report;
    const errors = [before, after].map((scores) => formatPercent(scores.calibrationError));
    out.say(`temperature ${temperature.toFixed(3)}: calibration error ${errors.join(' -> ')}`);
  } catch (error) {
    // The trained model is worth keeping as it is.
    if (!(error instanceof SinterError) || error.code !== 'INVALID_DATA') throw error;
    out.warn(`not calibrated: ${error.message.replace(/^calibrate: /, '')}`);
  }
  if (model.problem !== 'multi_label_classification') return report;
  const fitted = await model.fitThresholds(rows, { signal });
  const scores = [fitted.before, fitted.after].map(({ macroF1 }) => formatPercent(macroF1));
  out.say(`thresholds of ${model.labels.length} labels: macro F1 ${scores.join(' -> ')}`);
  return report;
}
