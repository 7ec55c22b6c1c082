/**
 * Trains with a progress bar: time left, loss, learning rate, tokens per second, and a line per epoch.
 */

import { formatNumber } from '../core/units.js';
import type { Rows } from '../train/collect-rows.js';
import type { TrainAdvice } from '../train/train-advice.js';
import type { TrainOptions } from '../train/train-options.js';
import type {
  EpochProgress,
  EvaluationRecord,
  StepProgress,
  TrainPhase,
  TrainReport,
} from '../train/train-report.js';
import type { Console } from './context.js';
import { scoreText } from './head-tasks.js';
import { flagOf } from './option-names.js';
import { stepsOf } from './train-control.js';
import type { TrainRows } from './train-rows.js';

/** A model that can be trained on rows. */
export interface Learner<Row, S> {
  train(rows: Rows<Row>, options: object): Promise<TrainReport<S>>;
}

export interface TrainSetup<Row> extends TrainOptions {
  readonly epochs: number;
  readonly batchSize: number;
  readonly eval: readonly Row[] | null;
}

/** Advice that names the flags to try. */
function adviceText({ message, options }: TrainAdvice): string {
  const flags = Object.entries(options).map(([name, value]) => `${flagOf(name)} ${value}`);
  return `${message}; try ${flags.join(' ')}`;
}

/** Weight of a new step in the shown loss, an exponential moving average. */
const SMOOTHING = 0.05;

/** Trains `model` in place. Ctrl+C cancels it. */
export async function trainWithProgress<Row, S extends object>(
  model: Learner<Row, S>,
  { rows, count }: Pick<TrainRows<Row>, 'rows' | 'count'>,
  setup: TrainSetup<Row>,
  out: Console,
): Promise<TrainReport<S>> {
  const { eval: held, ...options } = setup;
  const expected = stepsOf(count, setup);
  let progress = out.progress('training', expected);
  let current: TrainPhase | undefined;
  let shown: number | undefined;
  try {
    const report = await model.train(rows, {
      ...options,
      ...(held !== null && { eval: held }),
      signal: out.signal,
      onStep: ({ step, totalSteps, loss, learningRate, tokensPerSecond, phase }: StepProgress) => {
        // Batches without duplicates may be more, and a phase has its own steps.
        if (step === 1 && (totalSteps !== expected || phase !== current)) {
          if (current !== undefined) progress.finish();
          const what = phase === 'embedding' ? 'training the encoder on pairs' : 'training';
          progress = out.progress(what, totalSteps);
          current = phase;
          shown = undefined;
        }
        shown = shown === undefined ? loss : shown + SMOOTHING * (loss - shown);
        const rate = `lr ${learningRate === 0 ? 0 : learningRate.toExponential(1)}`;
        const speed = `${formatNumber(tokensPerSecond)} tokens/s`;
        progress.update(step, [`loss ${shown.toFixed(3)}`, rate, speed].join(', '));
      },
      onEvaluation: ({ step, scores }: EvaluationRecord<S>) => {
        if (setup.evalSteps === undefined) return;
        progress.log(`  step ${step}: held out: ${scoreText(scores)}`);
      },
      onEpoch: ({ epoch, totalEpochs, trainLoss, eval: scores }: EpochProgress<S>) => {
        const isShown = scores !== null && setup.evalSteps === undefined;
        const tested = isShown ? `, held out: ${scoreText(scores)}` : '';
        progress.log(`  epoch ${epoch}/${totalEpochs}: loss ${trainLoss.toFixed(3)}${tested}`);
      },
    });
    const { stoppedEarly, diverged, steps: taken } = report;
    if (diverged !== null) {
      out.warn(diverged.message.replace(/^train: /, ''));
    } else if (stoppedEarly) {
      const count = setup.earlyStoppingPatience;
      const what = count === 1 ? 'evaluation was' : 'evaluations were';
      progress.log(`  stopped after step ${taken.length}: ${count} ${what} no better`);
    }
    progress.finish();
    for (const advice of report.advice) out.warn(`advice: ${adviceText(advice)}`);
    return report;
  } catch (error) {
    progress.stop();
    throw error;
  }
}
