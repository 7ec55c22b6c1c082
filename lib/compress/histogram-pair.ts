/**
 * Two counts of numbers in the same bins, few enough to draw.
 *
 * The rule: a bin lies around a multiple of its width, so that 0 is in the middle of one; the width is a power of two, so counts are
 * merged and never split.
 */

import type { NativeCounts } from '../native/compression.js';

/** Bins from `low` to `high`, all of one width. */
export interface SharedBins {
  readonly low: number;
  readonly high: number;
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/** Bins of a pair, at most: enough for the shape of a curve a few hundred points wide. */
export const MOST_BINS = 96;

/** The counts of `before` and `after` in the bins that both need. null where neither has counted anything. */
export function sharedBins(before: NativeCounts, after: NativeCounts): SharedBins | null {
  const both = [before, after].filter(({ width, zeros }) => width > 0 || zeros > 0);
  if (both.length === 0) return null;
  const min = Math.min(...both.map((one) => one.min));
  const max = Math.max(...both.map((one) => one.max));
  // At least twice the width of a counted bin: the edges of bins around multiples lie in the middle between two multiples.
  let width = 2 * Math.max(...both.map((one) => one.width));
  if (width === 0) width = 1;
  const index = (value: number): number => Math.floor(value / width + 0.5);
  while (index(max) - index(min) + 1 > MOST_BINS) width *= 2;
  const [first, last] = [index(min), index(max)];
  const bins = (counts: NativeCounts): number[] => {
    const found = new Array<number>(last - first + 1).fill(0);
    const add = (value: number, count: number): void => {
      if (count === 0) return;
      const place = Math.min(Math.max(index(value) - first, 0), found.length - 1);
      found[place] = (found[place] ?? 0) + count;
    };
    for (const [i, count] of counts.negative.entries()) add(-(i + 0.5) * counts.width, count);
    for (const [i, count] of counts.positive.entries()) add((i + 0.5) * counts.width, count);
    add(0, counts.zeros);
    return found;
  };
  const [low, high] = [(first - 0.5) * width, (last + 0.5) * width];
  return { low, high, before: bins(before), after: bins(after) };
}
