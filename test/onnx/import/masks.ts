/**
 * Masks of com.microsoft's attention operators.
 */

import { type Next, upTo } from './agree.js';
import { whole } from './random-tensors.js';
import { tensor } from './write-model.js';

/** A mask of one of the forms of com.microsoft's attention, some key always allowed. */
export function msMask(form: number, b: number, s: number, next: Next) {
  const length = () => 1 + upTo(next, s - 1);
  if (form === 0) return null;
  if (form === 1) return tensor('int32', [b], Array.from({ length: b }, length));
  const rows = form === 2 ? [b, s] : [b, s, s];
  const mask = whole('int32', rows, 0, 1, next);
  for (let i = 0; i < mask.data.length; i += s) mask.data[i] = 1;
  return mask;
}
