/** The options of a training that writes its numbers to files while it runs. They change no bit of the result. */

import { type KnownOptions, readOptions } from '../core/options.js';

export interface LogOptions {
  /**
   * A file that gets a line of JSON for every step and every evaluation, with the field names of `Trainer` in transformers:
   * `loss`, `grad_norm`, `learning_rate`, `epoch`, `step`, `eval_loss` ..., `train_runtime`. Each line is written at once. The
   * file must be new, except with `resume`: then its lines after the checkpoint are removed. Default: none.
   */
  readonly logTo?: string;
  /**
   * A folder for event files of TensorBoard with the same numbers, by the tags of `Trainer`: `train/loss`, `eval/loss` .... It must have no
   * event files yet, except with `resume`: then a new file voids the steps after the checkpoint. Default: none.
   */
  readonly tensorboard?: string;
  /** Steps from one log of the training loss to the next; the loss is their mean. Default: 1. */
  readonly loggingSteps?: number;
}

export const LOG_OPTIONS = { logTo: true, tensorboard: true, loggingSteps: true } as const;

/** Where and when a training is logged. */
export interface LogPlan {
  readonly file: string | undefined;
  readonly folder: string | undefined;
  readonly everySteps: number;
}

/** Checks the options of logs; undefined where there are none. */
export function readLogOptions<T extends LogOptions>(
  where: string,
  options: T,
  known: KnownOptions<T>,
): LogPlan | undefined {
  const read = readOptions<LogOptions>(where, options, known as never);
  const file = read.text('logTo', undefined);
  const folder = read.text('tensorboard', undefined);
  const everySteps = read.count('loggingSteps', undefined);
  if (file !== undefined || folder !== undefined)
    return { file, folder, everySteps: everySteps ?? 1 };
  if (everySteps === undefined) return undefined;
  throw new RangeError(`${where}: loggingSteps needs logTo or tensorboard`);
}
