/**
 * Finds the task of a model from its files, and where they leave it open from --task.
 */
import { resolveModel } from '../hub/resolve.js';
import { fits, ownKind } from '../models/folder-kind.js';
import type { Kind } from '../models/kinds.js';
import { usageMistake } from './arguments.js';

export interface TaskWish {
  /** --task. */
  readonly task?: Kind;
  readonly firstPosition?: number;
}

/** The kind of a model; null for one without a head. A usage mistake where --task does not fit, or is needed. */
export async function taskOfModel(
  model: string,
  { task, firstPosition }: TaskWish,
): Promise<Kind | null> {
  const { folderTask } = await import('../tasks/folder-task.js');
  const found = await folderTask(await resolveModel('--model', model), { firstPosition });
  if (task !== undefined && !fits(task, found)) {
    throw usageMistake(`--task ${task}: ${model} is for ${found.problem ?? found.task}`);
  }
  const own = task ?? ownKind(found);
  if (own !== 'unknown') return own;
  throw usageMistake(
    `${model} gives one score and its config.json does not say what for: give --task pairs, multi-label or regression`,
  );
}
