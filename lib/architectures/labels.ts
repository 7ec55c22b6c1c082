/**
 * Which head a request means: the checkpoint's own with its labels, or a new one with the caller's.
 *
 * A trained head is kept when the caller names the same labels in the same order for the same problem.
 */

import { rangeMistake } from '../core/errors.js';
import type {
  Checkpoint,
  ClassificationProblem,
  GraphRequest,
  ModelHead,
} from '../graph/checkpoint.js';
import type { ConfigReader } from './config-reader.js';
import type { HeadState } from './head-weights.js';

const PROBLEMS: Readonly<Record<string, ClassificationProblem>> = {
  single_label_classification: 'single_label_classification',
  multi_label_classification: 'multi_label_classification',
  regression: 'regression',
};

export interface ChosenHead extends ModelHead {
  readonly state: HeadState;
}

/** `rows`: of the checkpoint's last product for this task; null when it has none. */
export function chooseHead(
  checkpoint: Checkpoint,
  reader: ConfigReader,
  request: GraphRequest,
  rows: number | null,
): ChosenHead {
  const { task } = request;
  if (task === 'embedding') return { task, labels: null, problem: null, state: 'none' };
  if (task === 'question-answering' || task === 'masked-lm') {
    if (rows === null && request.newHead !== true) {
      throw reader.unsupported(`task: no trained head for ${task}; ask for a new one to train it`);
    }
    return { task, labels: null, problem: null, state: rows === null ? 'new' : 'trained' };
  }
  const wanted = request.labels;
  if (wanted !== undefined) return chosenByLabels(checkpoint, reader, request, wanted, rows);
  if (rows === null || rows < 1) {
    throw reader.unsupported('task: no trained classifier; give labels to add a new one');
  }
  const labels = reader.labels(rows);
  return {
    task,
    labels,
    problem: storedProblem(checkpoint, reader, request, rows),
    state: 'trained',
  };
}

function chosenByLabels(
  checkpoint: Checkpoint,
  reader: ConfigReader,
  request: GraphRequest,
  wanted: readonly string[],
  rows: number | null,
): ChosenHead {
  const { task } = request;
  const classify = task === 'classification';
  if (rows === wanted.length && sameNames(reader.labels(rows), wanted)) {
    const problem = storedProblem(checkpoint, reader, request, rows);
    if (!classify || (request.problem ?? problem) === problem) {
      return { task, labels: wanted, problem, state: 'trained' };
    }
  }
  const problem = request.problem ?? 'single_label_classification';
  const least = classify && problem !== 'single_label_classification' ? 1 : 2;
  if (wanted.length < least || new Set(wanted).size !== wanted.length) {
    const what =
      least === 1 ? 'one name or several different ones' : 'at least two different names';
    throw rangeMistake('labels', what, wanted);
  }
  return { task, labels: wanted, problem: classify ? problem : null, state: 'new' };
}

/** problem_type; where it is not stated, as transformers takes it. */
function storedProblem(
  { config }: Checkpoint,
  reader: ConfigReader,
  { task }: GraphRequest,
  rows: number,
): ClassificationProblem | null {
  if (task !== 'classification') return null;
  const fallback = rows === 1 ? 'regression' : 'single_label_classification';
  const problem = reader.choice('problem_type', PROBLEMS, fallback);
  if (problem !== 'single_label_classification' || rows > 1) return problem;
  throw reader.unsupported(
    `classifier: ${rows} labels, problem_type ${String(config.problem_type)}`,
  );
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, i) => name === b[i]);
}
