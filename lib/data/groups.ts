/**
 * Sharing rows out to parts so that rows of a group stay together and every part has its share of each label.
 *
 * The rule: groups are placed one by one, those that are hardest to place first, each where it fits best; nothing is searched.
 */
import { typeMistake } from '../core/errors.js';
import { type SeededRandom, shuffled } from '../core/random.js';

/** Tells which rows belong together: texts of one author, of one conversation, near duplicates. */
export type GroupBy<R> = (row: R, index: number) => string | number;

/** Rows that stay together, by their indices, and how many of them have each label. */
export interface RowGroup {
  readonly rows: readonly number[];
  readonly counts: ReadonlyMap<string, number>;
}

/** The labels of a row: of `labels` all, of `label` the one; a row without any has the label ''. */
export function labelsOfRow(row: object): readonly string[] {
  const { label, labels } = row as { readonly label?: unknown; readonly labels?: unknown };
  if (typeof label === 'string') return [label];
  if (!Array.isArray(labels)) return [''];
  const own = labels.filter((one): one is string => typeof one === 'string');
  return own.length === 0 ? [''] : own;
}

/** Number of rows with each label. */
export function countLabels(rows: readonly object[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const row of rows)
    for (const label of labelsOfRow(row)) counts.set(label, (counts.get(label) ?? 0) + 1);
  return counts;
}

/** The groups of rows; without `groupBy` each row is one. Throws TypeError if it gives neither text nor number. */
export function groupRows<R extends object>(
  rows: readonly R[],
  groupBy: GroupBy<R> | undefined,
): RowGroup[] {
  const members = new Map<string | number, number[]>();
  rows.forEach((row, i) => {
    const key = groupBy === undefined ? i : groupBy(row, i);
    if (typeof key !== 'string' && typeof key !== 'number')
      throw typeMistake(`groupBy of rows[${i}]`, 'a text or a number', key);
    const own = members.get(key);
    if (own) own.push(i);
    else members.set(key, [i]);
  });
  return [...members.values()].map((own) => ({
    rows: own,
    counts: countLabels(own.map((i) => rows[i] as R)),
  }));
}

/**
 * The part of each group. `shares` of the parts add up to 1; a group goes where the shares of its labels, and of all rows,
 * come nearest to what they should be.
 */
export function placeGroups(
  groups: readonly RowGroup[],
  shares: readonly number[],
  random: SeededRandom,
): number[] {
  const totals = new Map<string, number>();
  for (const { counts } of groups)
    for (const [label, count] of counts) totals.set(label, (totals.get(label) ?? 0) + count);
  const all = groups.reduce((sum, { rows }) => sum + rows.length, 0);
  const held = shares.map(() => ({ rows: 0, counts: new Map<string, number>() }));
  // Large shares of a label are hard to place.
  const weight = ({ counts }: RowGroup) =>
    Math.max(...[...counts].map(([label, count]) => count / (totals.get(label) ?? 1)));
  const order = shuffled([...groups.keys()], random).sort(
    (a, b) => weight(groups[b] as RowGroup) - weight(groups[a] as RowGroup),
  );
  const parts = groups.map(() => 0);
  for (const at of order) {
    const { rows, counts } = groups[at] as RowGroup;
    const costs = held.map((part, i) => {
      const over = (has: number, more: number, total: number) =>
        ((has + more) / total) ** 2 / (shares[i] ?? 1) - (has / total) ** 2 / (shares[i] ?? 1);
      const ofLabels = [...counts].map(([label, count]) =>
        over(part.counts.get(label) ?? 0, count, totals.get(label) ?? 1),
      );
      return ofLabels.reduce((a, b) => a + b, 0) + over(part.rows, rows.length, all);
    });
    const best = costs.indexOf(Math.min(...costs));
    parts[at] = best;
    const part = held[best];
    if (part === undefined) continue;
    part.rows += rows.length;
    for (const [label, count] of counts)
      part.counts.set(label, (part.counts.get(label) ?? 0) + count);
  }
  return parts;
}

const SHOWN = 5;

/** A sentence about labels; null if there are none. */
export function labelNote(labels: Iterable<string>, what: string): string | null {
  const names = [...labels]
    .filter((label) => label !== '')
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  if (names.length === 0) return null;
  const shown = names.slice(0, SHOWN).map((label) => JSON.stringify(label));
  const more = names.length > SHOWN ? ` and ${names.length - SHOWN} more` : '';
  return `${what}: ${shown.join(', ')}${more}`;
}
