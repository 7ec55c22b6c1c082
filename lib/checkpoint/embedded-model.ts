/**
 * The model inside the package, which `load` takes where no path is given.
 *
 * The rule: records of a training have its name, since its path is another one on every machine.
 */

import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

export const EMBEDDED_MODEL = fileURLToPath(
  new URL('../../models/all-MiniLM-L6-v2', import.meta.url),
);

/** What it is called in records. */
export const EMBEDDED_NAME = basename(EMBEDDED_MODEL);
