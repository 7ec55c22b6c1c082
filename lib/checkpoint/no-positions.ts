/**
 * The option of models that are fed their positions, given for one that is not.
 */

import { rangeMistake } from '../core/errors.js';

/** RangeError for a first position of a model whose graph has no input of positions: nothing would begin there. */
export function checkNoPositions(
  where: string,
  path: string,
  firstPosition: number | undefined,
): void {
  if (firstPosition === undefined) return;
  const what = `left out: ${path} has no input of positions`;
  throw rangeMistake(`${where}: firstPosition (--first-position)`, what, firstPosition);
}
