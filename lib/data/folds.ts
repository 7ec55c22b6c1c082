/**
 * Rows in folds, for cross-validation: each row is held out once.
 *
 * The rule: nothing here changes a row; results depend on the rows, the options and the seed alone.
 */
import { rangeMistake } from '../core/errors.js';
import { SeededRandom, shuffled } from '../core/random.js';
import {
  countLabels,
  type GroupBy,
  groupRows,
  labelNote,
  labelsOfRow,
  placeGroups,
} from './groups.js';

/** How `foldRows` divides rows. */
export interface FoldOptions<R = object> {
  /** Number of folds, from 2. Default: 5. */
  readonly folds?: number;
  /** Seed of the choice: the same seed gives the same folds. Default: 42. */
  readonly seed?: number;
  /** Gives every fold the same share of every label (`label`, or `labels`). Default: true. */
  readonly stratified?: boolean;
  /** Keeps rows of a group in one fold. Default: each row is on its own. */
  readonly groupBy?: GroupBy<R>;
}

/** One fold: the rows that are held out, and all others. */
export interface Fold<R> {
  readonly train: readonly R[];
  readonly held: readonly R[];
  /** Indices of the held-out rows, in increasing order. */
  readonly indices: readonly number[];
}

/** The folds, and what they cannot have. */
export interface Folds<R> {
  readonly folds: readonly Fold<R>[];
  /** Labels whose rows are all in one fold: where they are held out, none is left to train on. */
  readonly notes: readonly string[];
}

/** Throws RangeError for fewer rows, or groups, than folds. */
export function foldRows<R extends object>(
  rows: readonly R[],
  options: FoldOptions<R> = {},
): Folds<R> {
  const { folds: count = 5, seed = 42, stratified = true, groupBy } = options;
  if (!Number.isSafeInteger(count) || count < 2) {
    throw rangeMistake('folds', 'a whole number from 2', count);
  }
  const groups = groupRows(rows, groupBy);
  if (groups.length < count) {
    const what = groupBy === undefined ? 'rows' : 'groups of rows';
    throw rangeMistake('folds', `at most the number of ${what} (${groups.length})`, count);
  }
  const random = new SeededRandom(seed);
  const isPlain = groups.every(({ rows: own, counts }) => own.length === 1 && counts.size === 1);
  const known = stratified ? groups : groups.map((group) => ({ ...group, counts: NONE }));
  const parts = isPlain
    ? dealt(rows, stratified, count, random)
    : placeGroups(known, new Array<number>(count).fill(1 / count), random);
  const partOf = new Array<number>(rows.length).fill(0);
  groups.forEach((group, i) => {
    for (const row of group.rows) partOf[row] = parts[i] ?? 0;
  });
  const folds = Array.from(
    { length: count },
    (_, fold): Fold<R> => ({
      train: rows.filter((_row, i) => partOf[i] !== fold),
      held: rows.filter((_row, i) => partOf[i] === fold),
      indices: [...rows.keys()].filter((i) => partOf[i] === fold),
    }),
  );
  const all = countLabels(rows);
  const alone = folds.flatMap(({ held }) =>
    [...countLabels(held)].filter(([label, own]) => own === all.get(label)).map(([label]) => label),
  );
  const note = labelNote(
    alone,
    'labels whose rows are all in one fold, so that no model is trained on them when they are held out',
  );
  return { folds, notes: note === null ? [] : [note] };
}

const NONE: ReadonlyMap<string, number> = new Map([['', 1]]);

/** The part of each row: the rows of each label are dealt out in turn, so that parts differ by one of each. */
function dealt(
  rows: readonly object[],
  stratified: boolean,
  count: number,
  random: SeededRandom,
): number[] {
  const byLabel = new Map<string, number[]>();
  rows.forEach((row, i) => {
    const label = stratified ? (labelsOfRow(row)[0] ?? '') : '';
    const own = byLabel.get(label);
    if (own) own.push(i);
    else byLabel.set(label, [i]);
  });
  const order = [...byLabel.values()].flatMap((own) => shuffled(own, random));
  const parts = rows.map(() => 0);
  order.forEach((row, turn) => {
    parts[row] = turn % count;
  });
  return parts;
}
