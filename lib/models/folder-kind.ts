/**
 * The kind of the model in a folder, from its files and what its user says of it.
 *
 * The rule: files decide; a user's word counts where they leave something open, and is a mistake where it contradicts them.
 */
import type { FolderTask } from '../tasks/folder-task.js';
import { KINDS, type Kind, kindOf } from './kinds.js';

/**
 * Whether a trained head can learn from rows of the task, or be measured on them. Where config.json leaves the problem open, the
 * user's task decides.
 */
export function fits(task: Kind, { task: own, problem, stated, labels }: FolderTask): boolean {
  const kind = KINDS[task];
  if (own !== kind.task) return false;
  if (own !== 'classification') return true;
  if (task === 'pairs') return labels?.length === 1;
  if (task === 'classification') {
    return problem === 'single_label_classification' && labels?.length !== 1;
  }
  return !stated || problem === kind.problem;
}

/** The kind by the files; null for a model without a head; `unknown` for one score that config.json does not explain. */
export function ownKind(found: FolderTask): Kind | 'unknown' | null {
  const kind = kindOf(found);
  return kind === 'classification' && found.labels?.length === 1 ? 'unknown' : kind;
}
