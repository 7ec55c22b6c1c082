/**
 * Saves a training at intervals and resumes it, only with the same rows and settings: the resumed run ends with the same
 * bits as a run without interruption.
 */

import { SinterError } from '../core/errors.js';
import { isJsonObject } from '../core/json.js';
import type { NativeTrainer } from '../native/native.js';
import { readCheckpoint, writeCheckpoint } from './checkpoint.js';
import type { TrainingProgress } from './progress.js';
import type { TrainSettings } from './train-options.js';

export { TrainingProgress } from './progress.js';

export interface CheckpointPlan {
  /** The file; each save replaces it. */
  readonly path: string;
  /** Steps between two saves. */
  readonly everySteps: number;
  /** true: continues from the state in the file, which must exist. */
  readonly resume: boolean;
}

/** Settings and data of a training; a resumed run must have the same ones. */
export interface TrainingSubject {
  readonly settings: TrainSettings;
  readonly rows: number;
  readonly tokens: number;
}

export class Checkpoints {
  private readonly plan: CheckpointPlan;

  constructor(plan: CheckpointPlan) {
    this.plan = plan;
  }

  async save(
    trainer: NativeTrainer,
    progress: TrainingProgress,
    subject: TrainingSubject,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { path, everySteps } = this.plan;
    if (progress.steps % everySteps !== 0) return;
    const extra = { subject: JSON.stringify(subject), progress: progress.toJson() };
    await writeCheckpoint(path, trainer, extra, signal);
  }

  async resume(
    trainer: NativeTrainer,
    progress: TrainingProgress,
    subject: TrainingSubject,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { path, resume } = this.plan;
    if (!resume) return;
    const { extra } = await readCheckpoint(path, trainer, signal);
    if (extra.subject !== JSON.stringify(subject))
      throw new SinterError(
        'INVALID_DATA',
        `${path}: is of a training with other rows or options`,
        {
          details: { file: path },
        },
      );
    const saved = extra.progress;
    if (!isJsonObject(saved))
      throw new SinterError('CORRUPT_MODEL', `${path}: progress must be an object`, {
        details: { file: path },
      });
    progress.restore(saved, path);
  }
}
