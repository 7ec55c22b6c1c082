/**
 * The text of a JSON value that was read from a file and changed.
 *
 * Writing a vocabulary of a million tokens takes a second, so the text of a value is remembered: values are never changed in
 * place.
 */

import { SinterError } from '../core/errors.js';
import type { JsonObject } from '../core/json.js';

const written = new WeakMap<JsonObject, string>();

/** The JSON text. Throws CORRUPT_MODEL for a value that is nested too deep to be written. */
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
