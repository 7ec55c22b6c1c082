/**
 * Applies the merges of BPE to a few symbols, in the order of the `tokenizers` package.
 *
 * The pair of the lowest rank comes first, of equal ranks the first in the text. A waiting pair whose parts have changed
 * meanwhile is still merged if the new parts make the same token.
 */

export interface Merge {
  readonly rank: number;
  /** The token that is made. */
  readonly made: number;
}

interface Waiting extends Merge {
  readonly at: number;
}

/** The tokens that merging leaves of `symbols`. */
export function mergeAll(
  symbols: readonly number[],
  find: (left: number, right: number) => Merge | undefined,
): number[] {
  const parts = [...symbols];
  const before = parts.map((_, i) => i - 1);
  const after = parts.map((_, i) => i + 1);
  const gone = parts.map(() => false);
  const waiting: Waiting[] = [];
  const wait = (at: number) => {
    const [left, right] = [parts[at], parts[after[at] ?? parts.length]];
    const merge = left === undefined || right === undefined ? undefined : find(left, right);
    if (merge !== undefined) waiting.push({ ...merge, at });
  };
  for (const at of parts.keys()) wait(at);
  while (waiting.length > 0) {
    const { at, made } = next(waiting);
    const right = after[at] as number;
    if (gone[at] || right >= parts.length) continue;
    if (find(parts[at] as number, parts[right] as number)?.made !== made) continue;
    parts[at] = made;
    gone[right] = true;
    after[at] = after[right] as number;
    if ((after[at] as number) < parts.length) before[after[at] as number] = at;
    if ((before[at] as number) >= 0) wait(before[at] as number);
    wait(at);
  }
  return parts.filter((_, at) => !gone[at]);
}

function next(waiting: Waiting[]): Waiting {
  let first = 0;
  for (let i = 1; i < waiting.length; i++) {
    const [a, b] = [waiting[i] as Waiting, waiting[first] as Waiting];
    if (a.rank < b.rank || (a.rank === b.rank && a.at < b.at)) first = i;
  }
  const [found] = waiting.splice(first, 1);
  return found as Waiting;
}
