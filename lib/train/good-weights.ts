/**
 * Which weights of a training are good, for the case that it diverges later.
 *
 * Weights are good where a loss that was computed with them was finite: those of an evaluation or an epoch, whose end is checked,
 * and those of a checkpoint from which a step was taken.
 */

import type { Checkpoints } from './checkpoints.js';
import type { EvalSettings } from './eval-options.js';
import type { EpochRecord, StepRecord } from './train-report.js';

/** The last good weights of a training. */
export interface GoodWeights {
  /** The step after which they were. */
  readonly step: number;
  /** Where they come from, in words. */
  readonly source: string;
}

/** The source of the best weights, in words. */
export const BEST = 'its best evaluation';

/**
 * Whether a copy of the weights is kept in memory: of the best evaluation for the end of the training, or of the last good weights
 * in case that it diverges. Where checkpoints are on the disk these are the last good ones, and where one epoch is all, nothing
 * comes after it.
 */
export function keepsCopy(
  {
    loadBestModelAtEnd,
    evalSteps,
    epochs,
    maxSteps,
  }: Pick<EvalSettings, 'loadBestModelAtEnd' | 'evalSteps'> & {
    readonly epochs: number;
    readonly maxSteps: number;
  },
  { checkpoints, evaluate }: { readonly checkpoints?: Checkpoints | undefined; evaluate: unknown },
): boolean {
  if (loadBestModelAtEnd) return true;
  const isShort = epochs === 1 && maxSteps === 0 && (evalSteps === 0 || evaluate === undefined);
  return checkpoints === undefined && !isShort;
}

/** Whether the checkpoint after a step is good, in a training that diverged in `step`. */
export function isGoodCheckpoint(
  {
    steps,
    epochs,
  }: { readonly steps: readonly StepRecord[]; readonly epochs: readonly EpochRecord<unknown>[] },
  step: number,
): (saved: number) => boolean {
  const ended = steps.findLast(({ epoch }) => epoch <= epochs.length);
  return (saved) => saved < step - 1 || saved === ended?.step;
}
