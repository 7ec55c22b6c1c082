/** The options of a training that is saved on the way, to go on after an interruption. */

import { type KnownOptions, readOptions } from '../core/options.js';

export interface CheckpointOptions {
  /**
   * A folder for checkpoints, made if it is missing: `checkpoint-STEP.safetensors`, each with the whole state of the training.
   * Default: nothing is saved.
   */
  readonly saveTo?: string;
  /** Steps between two checkpoints. Default: one after each epoch. */
  readonly saveEvery?: number;
  /** The newest checkpoints that stay; older ones are removed. Default: 1. */
  readonly saveTotalLimit?: number;
  /**
   * true: goes on from the newest checkpoint in `saveTo`, and ends with the same bits as a training without interruption; a
   * folder without one starts from the beginning. false: a folder that has checkpoints is refused. Default: false.
   */
  readonly resume?: boolean;
}

export const CHECKPOINT_OPTIONS = {
  saveTo: true,
  saveEvery: true,
  saveTotalLimit: true,
  resume: true,
} as const;

/** Where and when a training is saved. */
export interface CheckpointPlan {
  readonly folder: string;
  /** Steps between two checkpoints; 0: one after each epoch. */
  readonly everySteps: number;
  readonly limit: number;
  readonly resume: boolean;
}

/** Checks the options of saving; undefined without `saveTo`, which the others need. */
export function readCheckpointOptions<T extends CheckpointOptions>(
  where: string,
  options: T,
  known: KnownOptions<T>,
): CheckpointPlan | undefined {
  const read = readOptions<CheckpointOptions>(where, options, known as never);
  const folder = read.text('saveTo', undefined);
  const plan = {
    everySteps: read.count('saveEvery', 0),
    limit: read.count('saveTotalLimit', 1),
    resume: read.boolean('resume', false),
  };
  if (folder !== undefined) return { folder, ...plan };
  const name = Object.keys(CHECKPOINT_OPTIONS).find(
    (option) =>
      ![undefined, false].includes(options[option as keyof CheckpointOptions] as undefined),
  );
  if (name !== undefined) throw new RangeError(`${where}: ${name} needs saveTo, a folder`);
  return undefined;
}
