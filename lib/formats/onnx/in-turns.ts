/**
 * Loops over the numbers of a weight in slices, with a turn of the event loop after each.
 *
 * A slice takes about a millisecond, however large the weight is.
 */

import { setImmediate as turn } from 'node:timers/promises';

export type Numbers = Float32Array | Uint16Array | Int8Array | Uint8Array;

/** Numbers of a slice. */
const NUMBERS_PER_TURN = 1 << 16;

/** Calls work(begin, end) for slices of `count` rows of `width` numbers. */
export async function forRows(
  count: number,
  width: number,
  work: (begin: number, end: number) => void,
): Promise<void> {
  const step = Math.max(1, Math.floor(NUMBERS_PER_TURN / Math.max(1, width)));
  for (let begin = 0; begin < count; begin += step) {
    if (begin > 0) await turn();
    work(begin, Math.min(count, begin + step));
  }
}

/** Rows of `from` that are copied together: enough to fill the cache lines of `to`. */
const STRIP = 16;

/** Writes `from` [rows, width] into `to` as [width, rows]. */
export async function transpose<T extends Numbers>(
  from: Numbers,
  to: T,
  rows: number,
  width: number,
): Promise<T> {
  await forRows(Math.ceil(rows / STRIP), STRIP * width, (begin, end) => {
    for (let strip = begin; strip < end; strip++) {
      const [first, last] = [strip * STRIP, Math.min(rows, (strip + 1) * STRIP)];
      for (let column = 0; column < width; column++) {
        let at = column * rows + first;
        for (let row = first; row < last; row++) to[at++] = from[row * width + column] as number;
      }
    }
  });
  return to;
}

/** to[i] = change(from[i]). */
export async function changed<T extends Numbers>(
  from: Numbers,
  to: T,
  change: (value: number) => number,
): Promise<T> {
  await forRows(from.length, 1, (begin, end) => {
    for (let i = begin; i < end; i++) to[i] = change(from[i] as number);
  });
  return to;
}
