/**
 * Saves a training at intervals and resumes it, only with the same model, rows and settings: the resumed run ends with the
 * same bits as a run without interruption.
 *
 * A folder has one file per checkpoint, which appears whole or not at all, so a killed process leaves the ones before.
 */

import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SinterError, show } from '../core/errors.js';
import { isJsonObject, type JsonObject } from '../core/json.js';
import { aboutFile } from '../files/index.js';
import type { NativeTrainer } from '../native/training.js';
import { readCheckpoint, writeCheckpoint } from './checkpoint.js';
import type { CheckpointPlan } from './checkpoint-options.js';
import type { TrainingProgress } from './progress.js';
import type { TrainSettings } from './train-options.js';

export { TrainingProgress } from './progress.js';

/** What a training depends on; a resumed run must have the same. */
export interface TrainingSubject {
  readonly settings: TrainSettings;
  /** Digests. `held`: the rows for evaluation, or empty. */
  readonly model: string;
  readonly rows: string;
  readonly held: string;
}

const FILE = /^checkpoint-(\d+)\.safetensors$/;

export class Checkpoints {
  private readonly plan: CheckpointPlan;

  constructor(plan: CheckpointPlan) {
    this.plan = plan;
  }

  /** Whether the training is to go on from a checkpoint, where there is one. */
  get resumes(): boolean {
    return this.plan.resume;
  }

  /** The path of the newest checkpoint; undefined where there is none, or the folder cannot be read. */
  async newest(): Promise<string | undefined> {
    const [name] = await this.files().catch(() => []);
    return name === undefined ? undefined : join(this.plan.folder, name);
  }

  /**
   * Restores the trainer from the newest checkpoint after a step that `isGood`; returns that step, null where there is none that
   * can be read.
   */
  async restoreNewest(
    trainer: NativeTrainer,
    isGood: (step: number) => boolean,
    signal: AbortSignal | undefined,
  ): Promise<number | null> {
    for (const name of await this.files().catch(() => [])) {
      const step = Number(FILE.exec(name)?.[1]);
      if (!isGood(step)) continue;
      try {
        await readCheckpoint(join(this.plan.folder, name), trainer, signal);
        return step;
      } catch (error) {
        if (!(error instanceof SinterError) || error.code === 'CANCELLED') throw error;
      }
    }
    return null;
  }

  /**
   * Makes the folder, and restores the newest checkpoint in it if the plan is to resume. Throws INVALID_DATA if the folder has
   * checkpoints and the plan is not to resume, or if the newest one is of another training.
   */
  async begin(
    trainer: NativeTrainer,
    progress: TrainingProgress,
    subject: TrainingSubject,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { folder, resume } = this.plan;
    await aboutFile(folder, () => mkdir(folder, { recursive: true }));
    const newest = (await this.files())[0];
    if (newest === undefined) return;
    const path = join(folder, newest);
    const details = { file: path };
    if (!resume) {
      const what =
        'holds checkpoints of a training; resume it (resume: true), or name another folder';
      throw new SinterError('INVALID_DATA', `${folder}: ${what}`, { details });
    }
    const { extra, report } = await readCheckpoint(path, trainer, signal, (saved) =>
      checkSubject(path, saved.subject, subject),
    );
    if (!isJsonObject(extra.progress))
      throw new SinterError('CORRUPT_MODEL', `${path}: progress must be an object`, { details });
    await progress.restore(extra.progress, path);
    progress.restoreHistory(new TextDecoder().decode(report), path);
  }

  /** Called after each step. */
  async afterStep(
    trainer: NativeTrainer,
    progress: TrainingProgress,
    subject: TrainingSubject,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { everySteps } = this.plan;
    if (everySteps === 0 || progress.steps % everySteps !== 0) return;
    await this.save(trainer, progress, subject, signal);
  }

  /** Called after each epoch and its evaluation. */
  async afterEpoch(
    trainer: NativeTrainer,
    progress: TrainingProgress,
    subject: TrainingSubject,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (this.plan.everySteps === 0) await this.save(trainer, progress, subject, signal);
  }

  private async save(
    trainer: NativeTrainer,
    progress: TrainingProgress,
    subject: TrainingSubject,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { folder, limit } = this.plan;
    const extra = { subject: { ...subject }, progress: progress.toJson() } as unknown as JsonObject;
    const path = join(folder, `checkpoint-${progress.steps}.safetensors`);
    const report = new TextEncoder().encode(progress.historyText());
    await writeCheckpoint(path, trainer, extra, signal, report);
    for (const old of (await this.files()).slice(limit)) {
      const oldPath = join(folder, old);
      await aboutFile(oldPath, () => rm(oldPath, { force: true }));
    }
  }

  /** Names of the checkpoints in the folder, the newest first. */
  private async files(): Promise<string[]> {
    const { folder } = this.plan;
    const names = await aboutFile(folder, () => readdir(folder));
    const stepOf = (name: string) => Number(FILE.exec(name)?.[1]);
    return names.filter((name) => FILE.test(name)).sort((a, b) => stepOf(b) - stepOf(a));
  }
}

const SUBJECTS = {
  model: 'another model: its layers or its weights before the training differ',
  rows: 'a training with other rows',
  held: 'a training with other held-out rows',
} as const;

/** Throws INVALID_DATA that names what differs. */
function checkSubject(path: string, saved: unknown, subject: TrainingSubject): void {
  const other = (what: string) =>
    new SinterError('INVALID_DATA', `${path}: is of ${what}`, { details: { file: path } });
  const kept = saved as Partial<Record<keyof TrainingSubject, unknown>> | null | undefined;
  const settings = (kept?.settings ?? {}) as Record<string, unknown>;
  const isSame = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
  const changed = Object.entries(subject.settings).find(
    ([name, now]) => !isSame(settings[name], now),
  );
  if (changed !== undefined) {
    const [name, now] = changed;
    throw other(
      `a training with other options: ${name} was ${shown(settings[name])}, not ${shown(now)}`,
    );
  }
  for (const [key, what] of Object.entries(SUBJECTS))
    if (kept?.[key as 'model'] !== subject[key as 'model']) throw other(what);
}

function shown(value: unknown): string {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : show(value);
}
