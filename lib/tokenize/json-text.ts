/**
 * The text of a JSON file that was read from outside and changed.
 */

import { SinterError } from '../core/errors.js';
import type { JsonValue } from '../core/json.js';

/** Throws CORRUPT_MODEL for what is nested deeper than it can be written. */
export function jsonText(value: JsonValue, file: string, indent?: number): string {
  try {
    return JSON.stringify(value, null, indent);
  } catch (cause) {
    throw new SinterError('CORRUPT_MODEL', `${file}: nested too deep`, {
      details: { file },
      cause,
    });
  }
}
