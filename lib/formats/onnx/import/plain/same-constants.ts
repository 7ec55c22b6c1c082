/**
 * Merges initializers with equal numbers: exporters copy a shared weight for every layer that uses it.
 *
 * Initializers are compared by a small sample first; only those with equal samples are read whole.
 */

import type { Initializer, Numbers } from '../model.js';
import type { Draft } from './draft.js';
import { count } from './rearrange.js';

const SAMPLE = 64;
/**
 * Most initializers with equal samples but different numbers that are compared: more occur only in files made to waste time.
 */
const MAX_COMPARED = 4;

function sample(initializer: Initializer, elements: number): Numbers {
  const length = Math.min(SAMPLE, elements);
  const begin = (elements - length) >> 1;
  const { readRange } = initializer;
  return readRange
    ? readRange(begin, begin + length)
    : initializer.read().data.slice(begin, begin + length);
}

function equal(a: Numbers, b: Numbers): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false;
  return true;
}

/** Merges equal initializers of more than one element into the first of them. Returns the names of the removed ones. */
export function mergeConstants(draft: Draft): string[] {
  const groups = new Map<string, Initializer[]>();
  const merged: string[] = [];
  for (const initializer of draft.initializers.values()) {
    const elements = count(initializer.dims);
    if (elements < 2 || draft.isOutput(initializer.name)) continue;
    const key = `${initializer.dtype} ${initializer.dims} ${sample(initializer, elements).join()}`;
    const group = groups.get(key) ?? [];
    groups.set(key, group);
    const data = group.length === 0 ? null : initializer.read().data;
    const twin = data === null ? undefined : group.find((other) => equal(other.read().data, data));
    if (twin === undefined) {
      if (group.length < MAX_COMPARED) group.push(initializer);
    } else {
      draft.alias(initializer.name, twin.name);
      merged.push(initializer.name);
    }
  }
  if (merged.length > 0) draft.settle();
  return merged;
}
