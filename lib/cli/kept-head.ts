/**
 * Decides what `train` does with the head that a model already has: it is trained further where it fits the rows, and never
 * replaced silently.
 */
import { TASKS } from '../graph/tasks.js';
import { resolveModel } from '../hub/resolve.js';
import { fits } from '../models/folder-kind.js';
import { KINDS } from '../models/kinds.js';
import type { HeadTask } from './head-tasks.js';

/** Most names shown in a note. */
const SHOWN_NAMES = 8;

/** How the model for a training is loaded. */
export interface HeadChoice {
  /** Labels of the head; left out for a head without labels, or where they stay as they are. */
  readonly labels?: readonly string[];
  readonly newHead: boolean;
}

export interface HeadWish {
  /** --model. */
  readonly model: string | undefined;
  readonly task: HeadTask | 'classification';
  /** --new-head. */
  readonly newHead: boolean | undefined;
  /** --first-position. */
  readonly firstPosition: number | undefined;
  /** Class names in the rows; null for heads without labels. */
  readonly labels: readonly string[] | null;
}

/** The trained head of the model where it fits the rows, else a new one; `note` then says which head is replaced. */
export async function chooseTrainHead(
  { model, task, newHead, labels, firstPosition }: HeadWish,
  note: (line: string) => void,
): Promise<HeadChoice> {
  const added = { ...(labels && { labels }), newHead: true };
  if (model === undefined) return added;
  const path = await resolveModel('--model', model);
  if (newHead === true) return added;
  const { folderTask } = await import('../tasks/folder-task.js');
  const found = await folderTask(path, { firstPosition });
  if (TASKS[found.task].pretraining && found.task !== KINDS[task].task) return added;
  const instead = 'a new head is trained in its place';
  if (!fits(task, found)) {
    note(`${model} has a trained head for ${found.problem ?? found.task}: ${instead}`);
    return added;
  }
  const own = task === 'regression' ? null : found.labels;
  if (labels === null || own === null) return { newHead: false };
  const unknown = labels.filter((label) => !own.includes(label));
  if (unknown.length === 0) return { labels: own, newHead: false };
  note(
    `${model} has a trained head for ${own.length} labels (${list(own)}) and the rows have others (${list(unknown)}): ${instead}`,
  );
  return added;
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN_NAMES).map((name) => JSON.stringify(name));
  return names.length > SHOWN_NAMES ? `${shown.join(', ')}, ...` : shown.join(', ');
}
