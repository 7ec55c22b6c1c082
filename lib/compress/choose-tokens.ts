/**
 * Chooses the tokens that a smaller vocabulary keeps, from how often each occurs.
 *
 * A token stays together with all that it is made of, so what is left can make it from the letters up.
 */

import { rangeMistake } from '../core/errors.js';

export interface TokenChoice {
  /** How often each id occurs. */
  readonly counts: Float64Array;
  /** Ids that stay however often they occur. */
  readonly always: Iterable<number>;
  /** The id and those of the tokens that it is made of. */
  readonly withParts: (id: number) => readonly number[];
  readonly minCount: number;
  /** Most ids below `vectors` that stay. */
  readonly maxTokens: number;
  /** Rows of the token table; ids from here on have none and cost none. */
  readonly vectors: number;
}

/**
 * The ids that stay. Where not all tokens that occur fit, those that occur most often stay, of equal ones the lower id. Throws
 * RangeError, with `where`, if not even those fit that must stay.
 */
export function chooseTokens(where: string, choice: TokenChoice): Set<number> {
  const { counts, always, withParts, minCount, maxTokens, vectors } = choice;
  const kept = new Set<number>();
  let rows = 0;
  const add = (ids: readonly number[]) => {
    for (const id of ids) {
      if (kept.has(id)) continue;
      kept.add(id);
      if (id < vectors) rows++;
    }
  };
  for (const id of always) add(withParts(id));
  if (rows > maxTokens) {
    throw rangeMistake(
      `${where}: maxTokens`,
      `at least ${rows}, the tokens that always stay`,
      maxTokens,
    );
  }
  for (const id of byCount(counts, minCount)) {
    if (kept.has(id)) continue;
    const ids = withParts(id);
    const more = ids.filter((part) => part < vectors && !kept.has(part)).length;
    if (rows + more <= maxTokens) add(ids);
  }
  return kept;
}

/** The ids that occur at least `minCount` times, the most frequent first, of equal ones the lower id. */
function* byCount(counts: Float64Array, minCount: number): Iterable<number> {
  const { length } = counts;
  const most = counts.reduce((a, b) => Math.max(a, b), 0);
  const often = [...counts.keys()].filter((id) => (counts[id] ?? 0) >= minCount);
  // One number for both, because numbers without a comparison are sorted many times as fast.
  const keys = Float64Array.from(often, (id) => (most - (counts[id] ?? 0)) * length + id).sort();
  for (const key of keys) yield key % length;
}
