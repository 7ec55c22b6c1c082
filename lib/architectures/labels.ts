/**
 * Chooses the head for a request: the checkpoint's own, perhaps with the caller's labels, or a new one.
 *
 * A trained head is never dropped silently: `labels` renames its classes, and only `newHead` replaces it. If there is no
 * trained head, `labels` is enough to get a new one.
 */

import { rangeMistake, SinterError } from '../core/errors.js';
import type { JsonObject } from '../core/json.js';
import type {
  Checkpoint,
  ClassificationProblem,
  GraphRequest,
  ModelHead,
} from '../graph/checkpoint.js';
import { withoutClassifierSettings } from '../graph/classifier-settings.js';
import { TASKS } from '../graph/tasks.js';
import type { ConfigReader } from './config-reader.js';
import type { FoundHead, HeadState } from './head-weights.js';
import { storedLabels } from './stored-labels.js';

const PROBLEMS: Readonly<Record<string, ClassificationProblem>> = {
  single_label_classification: 'single_label_classification',
  multi_label_classification: 'multi_label_classification',
  regression: 'regression',
};

/** Number of names that a message shows. */
const SHOWN_NAMES = 8;

export interface ChosenHead extends ModelHead {
  readonly state: HeadState;
}

export function chooseHead(
  checkpoint: Checkpoint,
  reader: ConfigReader,
  request: GraphRequest,
  found: FoundHead,
): ChosenHead {
  const { task } = request;
  if (task === 'embedding') return { task, labels: null, problem: null, state: 'none' };
  const { rows } = found;
  if (request.newHead !== true && rows === null) checkMissing(checkpoint, reader, request, found);
  const state = request.newHead === true || rows === null ? 'new' : 'trained';
  if (!TASKS[task].labelled) {
    return { task, labels: null, problem: null, state };
  }
  const problem = task === 'classification' ? problemOf(reader, request, state) : null;
  if (state === 'trained') {
    const own = (count: number) => storedLabels(reader, count);
    return { task, labels: namesOf(request, rows ?? 0, own), problem, state };
  }
  const labels = request.labels ?? (rows === null ? undefined : storedLabels(reader, rows));
  if (labels === undefined) throw rangeMistake('labels', 'given for a new head', undefined);
  const least = task === 'classification' && problem !== 'single_label_classification' ? 1 : 2;
  if (labels.length < least || new Set(labels).size !== labels.length) {
    const what =
      least === 1 ? 'one name or several different ones' : 'at least two different names';
    throw rangeMistake('labels', what, labels);
  }
  return { task, labels, problem, state };
}

/** Throws if a checkpoint without a trained head for the task may not get a new one unasked. */
function checkMissing(
  { path }: Checkpoint,
  reader: ConfigReader,
  { task, labels }: GraphRequest,
  { missing, other }: FoundHead,
): void {
  const details = { details: { file: path } };
  if (missing !== null) {
    throw new SinterError(
      'CORRUPT_MODEL',
      `${path}: config.json is of a model for ${task}, but tensor ${missing} is missing; newHead: true adds an untrained head`,
      details,
    );
  }
  if (other !== null) {
    throw new SinterError(
      'UNSUPPORTED_MODEL',
      `${path}: its trained head is for ${other}, no trained head is for ${task}; newHead: true leaves it out for an untrained one`,
      details,
    );
  }
  const { labelled } = TASKS[task];
  if (labelled && labels !== undefined) return;
  const ask = labelled ? 'give labels to add a new one' : 'newHead: true adds an untrained one';
  // A cross-encoder has one score and no labels.
  const ofOneScore = task === 'classification' ? ', or newHead: true to a CrossEncoder' : '';
  const what = task === 'classification' ? 'no trained classifier' : `no trained head for ${task}`;
  throw reader.unsupported(`task: ${what}; ${ask}${ofOneScore}`);
}

/**
 * The names of a trained head's `rows` classes: the caller's, else its own. Throws RangeError if the number of the caller's
 * names is wrong, or if one of them is the head's own name for another class: that would change the meaning of the head's
 * results.
 */
function namesOf(
  { labels: wanted }: GraphRequest,
  rows: number,
  own: (rows: number) => readonly string[],
): readonly string[] {
  if (wanted === undefined) return own(rows);
  if (wanted.length !== rows) {
    throw new RangeError(
      `labels must be as many as the classes of the trained head (head has ${rows} classes, got ${wanted.length} labels: ` +
        `${list(wanted)}); newHead: true adds an untrained head instead`,
    );
  }
  if (new Set(wanted).size !== wanted.length) {
    throw rangeMistake('labels', 'different names', list(wanted));
  }
  const names = readable(own, rows);
  const moved = wanted.findIndex((name, i) => isAnother(names, name, i));
  if (moved < 0) return wanted;
  throw new RangeError(
    `labels must not name a class of the trained head by what config.json calls another: its order is ${list(names)}, ` +
      `got ${list(wanted)}; newHead: true adds an untrained head instead`,
  );
}

/** The head's own names, or none if they cannot be read: then the caller's names replace them unchecked. */
function readable(own: (rows: number) => readonly string[], rows: number): readonly string[] {
  try {
    return own(rows);
  } catch (error) {
    if (error instanceof SinterError) return [];
    throw error;
  }
}

/** Whether `name` is the head's own name for a class other than `place`, ignoring case. */
function isAnother(names: readonly string[], name: string, place: number): boolean {
  const plain = (text: string | undefined) => text?.normalize('NFKC').trim().toLowerCase();
  if (names.includes(name)) return names[place] !== name;
  return names.some((other) => plain(other) === plain(name)) && plain(names[place]) !== plain(name);
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN_NAMES).map((name) => JSON.stringify(name));
  return names.length > SHOWN_NAMES ? `${shown.join(', ')}, ...` : shown.join(', ');
}

/**
 * problem_type of a trained head; if config.json has none, the caller's choice. The default of single label is that of
 * transformers' pipeline.
 */
function problemOf(
  reader: ConfigReader,
  { problem: wanted = 'single_label_classification' }: GraphRequest,
  state: HeadState,
): ClassificationProblem {
  return state === 'new' ? wanted : reader.choice('problem_type', PROBLEMS, wanted);
}

/**
 * The config with the problem type of a new head, which does not inherit the old one's. A trained head whose config.json has
 * no problem_type gets the caller's.
 */
export function withProblem(
  config: JsonObject,
  state: HeadState,
  problem: ClassificationProblem | null,
  request: GraphRequest,
): JsonObject {
  const silent = (config.problem_type ?? null) === null;
  if (state !== 'new' && !(silent && request.problem !== undefined)) return config;
  const own = state === 'new' ? withoutClassifierSettings(config) : config;
  const { problem_type: _, ...rest } = own;
  return problem === null ? rest : { ...rest, problem_type: problem };
}
