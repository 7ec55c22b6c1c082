/** A key of a configuration file, and errors about one: each names file and line. */

import { SinterError } from '../core/errors.js';
import type { JsonValue } from '../core/json.js';

/** A key of the file. */
export interface ConfigEntry {
  readonly key: string;
  readonly value: JsonValue;
  readonly line: number;
}

/** An error about a line of the file. */
export function configError(file: string, line: number, what: string): SinterError {
  return new SinterError('INVALID_DATA', `${file}:${line}: ${what}`, { details: { file, line } });
}
