/** The name that somebody may have meant: the nearest one by edits, for messages about names that are not known. */

/** Most edits between a name and what is suggested for it: about a third of its letters. */
const mostEdits = (name: string): number => Math.max(1, Math.floor(name.length / 3));

/** Letters without what names of the same thing are written differently with. */
const plain = (name: string): string => name.replace(/[-_]/g, '').toLowerCase();

const isSnake = (name: string): boolean => name.includes('_');

/** The nearest of `names`; undefined where none is near. Case, hyphens and underscores do not count. */
export function nearestName(name: string, names: Iterable<string>): string | undefined {
  let nearest: string | undefined;
  let least = mostEdits(plain(name)) + 1;
  for (const other of names) {
    const edits = editsBetween(plain(name), plain(other), least);
    // Of names that differ in their style only, the one that is written as this one is.
    const isAlike = (one = '') => isSnake(one) === isSnake(name);
    const isNearer = edits < least || (edits === least && isAlike(other) && !isAlike(nearest));
    if (edits > mostEdits(plain(name)) || !isNearer) continue;
    nearest = other;
    least = edits;
  }
  return nearest;
}

/** Insertions, removals, replacements and swaps of neighbours that make `b` of `a`; more than `limit` is `limit` + 1. */
function editsBetween(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      const changed = (row[j - 1] ?? 0) + Number(!isSame);
      const fewest = Math.min(changed, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      next.push(isSwap ? Math.min(fewest, (before[j - 2] ?? 0) + 1) : fewest);
    }
    [before, row] = [row, next];
  }
  return Math.min(row[b.length] ?? 0, limit + 1);
}
