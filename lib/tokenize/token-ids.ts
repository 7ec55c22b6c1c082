/** Checks token ids that callers hand over. */

import { rangeMistake, typeMistake } from '../core/errors.js';

/** A copy of the ids, each below `vocabulary`. Throws TypeError or RangeError that names `name`[i]. */
export function checkedIds(
  name: string,
  ids: readonly number[] | Int32Array,
  vocabulary: number,
): Int32Array {
  if (!(Array.isArray(ids) || ids instanceof Int32Array)) {
    throw typeMistake(name, 'an array of numbers or an Int32Array', ids);
  }
  const what = `a whole number from 0 to ${vocabulary - 1}, an id of the vocabulary`;
  for (let i = 0; i < ids.length; i++) {
    const id: unknown = ids[i];
    if (typeof id !== 'number') throw typeMistake(`${name}[${i}]`, what, id);
    if (Number.isInteger(id) && id >= 0 && id < vocabulary) continue;
    throw rangeMistake(`${name}[${i}]`, what, id);
  }
  return Int32Array.from(ids);
}
