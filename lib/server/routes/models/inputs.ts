/**
 * Inputs of our own routes.
 *
 * The rule: an empty text is a text, as in the library; an empty list of ids or of inputs is a mistake.
 */
import { RequestFailure } from '../../handling.js';
import type { Inputs } from '../inputs.js';

/** Throws RequestFailure `empty` if there is no input, or one with no ids. */
export function refuseNone({ field, method, list }: Inputs): void {
  if (list.length === 0) {
    throw new RequestFailure('empty', `${field} must not be empty`, { param: field });
  }
  const index = list.findIndex((input) => typeof input !== 'string' && input.length === 0);
  if (index < 0) return;
  const param = method === 'single' ? field : `${field}[${index}]`;
  throw new RequestFailure('empty', `${param} must not be empty`, { param });
}
