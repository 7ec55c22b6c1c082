/**
 * The type of labels, and the order in which they are reported.
 *
 * The rule: numbers ascend; strings go by code point (as Python sorts them), not by UTF-16 unit or locale.
 */
import { rangeMistake, typeMistake } from '../core/errors.js';

/** A class label. One data set uses either strings or numbers, never both. */
export type Label = string | number;

/** Compares two strings by code point: negative, zero or positive. */
export function compareCodePoints(a: string, b: string): number {
  let i = 0;
  while (i < a.length && i < b.length) {
    const x = a.codePointAt(i) ?? 0;
    const y = b.codePointAt(i) ?? 0;
    if (x !== y) return x - y;
    i += x > 0xffff ? 2 : 1;
  }
  return a.length - b.length;
}

/** Every distinct label of the given columns, sorted. Throws TypeError if strings and numbers are mixed. */
export function sortedLabels<L extends Label>(...columns: readonly (readonly L[])[]): L[] {
  const distinct = new Set<L>();
  for (const column of columns) for (const label of column) distinct.add(label);
  const labels = [...distinct];
  const kind = typeof labels[0];
  const other = labels.find((label) => typeof label !== kind);
  if (other !== undefined) throw typeMistake('labels', `all of one type (${kind})`, other);
  return labels.sort((a, b) =>
    typeof a === 'number' && typeof b === 'number' ? a - b : compareCodePoints(`${a}`, `${b}`),
  );
}

/** Index of every label in the list. Throws RangeError if a label is listed twice. */
export function labelIndex<L extends Label>(labels: readonly L[]): Map<L, number> {
  const index = new Map<L, number>();
  for (const label of labels) {
    if (index.has(label)) throw rangeMistake('labels', 'free of repetitions', label);
    index.set(label, index.size);
  }
  return index;
}

/** Throws RangeError unless both columns have the same length, at least 1. */
export function checkColumns(truth: ArrayLike<unknown>, predicted: ArrayLike<unknown>): void {
  if (truth.length === 0) throw rangeMistake('truth', 'at least one value', 'none');
  if (truth.length !== predicted.length) {
    throw rangeMistake('predicted', `as long as truth (${truth.length})`, predicted.length);
  }
}
