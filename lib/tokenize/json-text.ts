/**
 * The text of a JSON file that was read from outside and changed.
 *
 * A vocabulary of a million tokens takes a second to write, so that a value that was written is not written again: values are
 * never changed in place.
 */

import { SinterError } from '../core/errors.js';
import type { JsonObject } from '../core/json.js';

const written = new WeakMap<JsonObject, string>();

/** Throws CORRUPT_MODEL for what is nested deeper than it can be written. */
export function jsonText(value: JsonObject, file: string, indent?: number): string {
  const known = indent === undefined ? written.get(value) : undefined;
  if (known !== undefined) return known;
  try {
    const text = JSON.stringify(value, null, indent);
    if (indent === undefined) written.set(value, text);
    return text;
  } catch (cause) {
    throw new SinterError('CORRUPT_MODEL', `${file}: nested too deep`, {
      details: { file },
      cause,
    });
  }
}
