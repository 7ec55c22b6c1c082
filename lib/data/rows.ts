/**
 * Work on rows in memory: listing labels, checking that test labels are known, and splitting.
 *
 * The rule: nothing here changes a row; results depend on the rows, the options and the seed alone.
 */
import { rangeMistake, SinterError, typeMistake } from '../core/errors.js';
import { SeededRandom, shuffled } from '../core/random.js';
import { countLabels, type GroupBy, groupRows, labelNote, placeGroups } from './groups.js';
import { knownSpelling, showLabels } from './label-variants.js';
import { dataProblem } from './problem.js';
import type { FileRow, TextRow } from './types.js';

/** A row from memory or from a file. */
export type AnyRow = TextRow & Partial<Pick<FileRow, 'file' | 'line'>>;

function labelOf(row: AnyRow, index: number): string {
  const label: unknown = row.label;
  if (typeof label === 'string') return label;
  if (label === undefined && row.file !== undefined && row.line !== undefined) {
    throw dataProblem(row.file, 'the row has no label', { line: row.line });
  }
  throw typeMistake(`rows[${index}].label`, 'a string', label);
}

/** Every label once, in code point order. A row without label is INVALID_DATA (or TypeError in memory). */
export function collectLabels(rows: Iterable<AnyRow>): string[] {
  const labels = new Set<string>();
  let index = 0;
  for (const row of rows) labels.add(labelOf(row, index++));
  // Compares in code point order, which is the byte order of UTF-8.
  return [...labels].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** One row for each label of `test` that is not in `known`: the first row that has it. */
function unknownLabels(known: ReadonlySet<string>, test: Iterable<AnyRow>): AnyRow[] {
  const firstSeen = new Map<string, AnyRow>();
  let index = 0;
  for (const row of test) {
    const label = labelOf(row, index++);
    if (!known.has(label) && !firstSeen.has(label)) firstSeen.set(label, row);
  }
  return [...firstSeen.values()];
}

/**
 * Throws INVALID_DATA when a label occurs in the test rows only: the model could never be right there.
 * The message names up to five such labels with their places. `train` may be a list of labels; `owner` says whose
 * the labels are.
 */
export function checkLabels(
  train: Iterable<AnyRow> | readonly string[],
  test: Iterable<AnyRow>,
  owner: 'training rows' | 'model' = 'training rows',
): void {
  const known = new Set<string>();
  let index = 0;
  for (const one of train) known.add(typeof one === 'string' ? one : labelOf(one, index++));
  const unknown = unknownLabels(known, test);
  const [first] = unknown;
  if (first === undefined) return;
  const shown = unknown.slice(0, 5).map(({ line, label = '' }) => {
    const near = knownSpelling(label, known);
    const [own, other] = showLabels(near === undefined ? [label] : [label, near]);
    const about = [
      ...(line === undefined ? [] : [`line ${line}`]),
      ...(near === undefined ? [] : [`${owner === 'model' ? 'it has' : 'they have'} ${other}`]),
    ];
    return `${own}${about.length > 0 ? ` (${about.join('; ')})` : ''}`;
  });
  const more = unknown.length > shown.length ? ` and ${unknown.length - shown.length} more` : '';
  const whose = owner === 'model' ? 'the model does' : 'the training rows do';
  const message = `labels that ${whose} not have: ${shown.join(', ')}${more}`;
  if (first.file !== undefined && first.line !== undefined) {
    throw dataProblem(first.file, message, { line: first.line, column: 'label' });
  }
  throw new SinterError('INVALID_DATA', `test rows: ${message}`);
}

/** How `splitRows` divides rows. */
export interface SplitOptions<R = TextRow> {
  /** Seed of the choice: the same seed holds out the same rows. */
  readonly seed: number;
  /** Share of rows to hold out, above 0 and below 1. */
  readonly fraction: number;
  /** Hold out the same share of every label. Default: true when every row has a label. */
  readonly stratified?: boolean;
  /**
   * Keeps rows of a group on one side, as texts of one author or near duplicates must be; the shares are then as near as the
   * groups allow. Default: each row is on its own.
   */
  readonly groupBy?: GroupBy<R>;
}

/** Rows on both sides. */
export interface Split<R> {
  readonly train: R[];
  readonly held: R[];
  /** Labels that one side has no row of; left out if there are none. */
  readonly notes?: readonly string[];
}

/** Numbers of rows to hold out of each group: shares of the total, rounded by largest remainder. */
function heldCounts(sizes: readonly number[], fraction: number): number[] {
  const total = sizes.reduce((a, b) => a + b, 0);
  const exact = sizes.map((size) => size * fraction);
  const held = exact.map(Math.floor);
  let missing = Math.round(total * fraction) - held.reduce((a, b) => a + b, 0);
  const byRemainder = exact.map((value, i) => ({ i, remainder: value - Math.floor(value) }));
  byRemainder.sort((x, y) => y.remainder - x.remainder || x.i - y.i);
  for (const { i } of byRemainder) {
    // Every label keeps at least one row in `train`.
    if (missing <= 0 || (held[i] ?? 0) + 1 >= (sizes[i] ?? 0)) continue;
    held[i] = (held[i] ?? 0) + 1;
    missing -= 1;
  }
  return held;
}

/**
 * Splits rows into those to train on and those held out, both shuffled. Stratified, every label with two rows
 * or more keeps its share within one row, and every label stays in `train`. With `groupBy` neither is sure, and `notes` tells.
 */
export function splitRows<R extends TextRow>(
  rows: readonly R[],
  options: SplitOptions<R>,
): Split<R> {
  const { fraction, seed, groupBy } = options;
  if (!(fraction > 0 && fraction < 1)) {
    throw rangeMistake('fraction', 'above 0 and below 1', fraction);
  }
  const random = new SeededRandom(seed);
  const stratified = options.stratified ?? rows.every((row) => row.label !== undefined);
  if (groupBy !== undefined) return splitGroups(rows, { ...options, groupBy, stratified }, random);
  if (!stratified) {
    const order = shuffled(rows, random);
    const count = Math.min(Math.round(rows.length * fraction), Math.max(0, rows.length - 1));
    return { train: order.slice(count), held: order.slice(0, count) };
  }
  const groups = new Map<string, R[]>();
  rows.forEach((row, i) => {
    const label = labelOf(row, i);
    const group = groups.get(label);
    if (group) group.push(row);
    else groups.set(label, [row]);
  });
  const lists = [...groups.values()].map((group) => shuffled(group, random));
  const counts = heldCounts(
    lists.map((list) => list.length),
    fraction,
  );
  const train = lists.flatMap((list, i) => list.slice(counts[i] ?? 0));
  const held = lists.flatMap((list, i) => list.slice(0, counts[i] ?? 0));
  return noted(shuffled(train, random), shuffled(held, random));
}

function splitGroups<R extends TextRow>(
  rows: readonly R[],
  { groupBy, stratified, fraction }: SplitOptions<R> & { readonly groupBy: GroupBy<R> },
  random: SeededRandom,
): Split<R> {
  const groups = groupRows(rows, groupBy);
  if (groups.length < 2) throw rangeMistake('groupBy', 'of at least two groups', groups.length);
  const known = stratified ? groups : groups.map((group) => ({ ...group, counts: new Map() }));
  const parts = placeGroups(known, [1 - fraction, fraction], random);
  // Both sides need a group: of the held-out rows the smallest will do.
  const sizes = groups.map((group) => group.rows.length);
  if (!parts.includes(1)) parts[sizes.indexOf(Math.min(...sizes))] = 1;
  if (!parts.includes(0)) parts[sizes.indexOf(Math.max(...sizes))] = 0;
  const side = (part: number) =>
    groups
      .filter((_, i) => parts[i] === part)
      .flatMap((group) => group.rows.map((i) => rows[i] as R));
  return noted(shuffled(side(0), random), shuffled(side(1), random));
}

/** The split with notes on labels that are on one side only. */
function noted<R extends TextRow>(train: R[], held: R[]): Split<R> {
  const [known, tested] = [countLabels(train), countLabels(held)];
  const notes = [
    labelNote(
      [...tested.keys()].filter((label) => !known.has(label)),
      'labels with held-out rows only, which the model cannot learn',
    ),
    labelNote(
      [...known.keys()].filter((label) => !tested.has(label)),
      'labels without a held-out row, whose scores stay unknown',
    ),
  ].filter((note) => note !== null);
  return { train, held, ...(notes.length > 0 && { notes }) };
}
