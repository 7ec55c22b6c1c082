/**
 * Refuses the option `firstPosition` for a model without an input of positions.
 */

import { rangeMistake } from '../core/errors.js';

/** Throws RangeError for a `firstPosition` of such a model, on which it could have no effect. */
export function checkNoPositions(
  where: string,
  path: string,
  firstPosition: number | undefined,
): void {
  if (firstPosition === undefined) return;
  const what = `left out: ${path} has no input of positions`;
  throw rangeMistake(`${where}: firstPosition (--first-position)`, what, firstPosition);
}
