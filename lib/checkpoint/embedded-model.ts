/**
 * The model inside the package, which `load` uses when no path is given.
 *
 * The rule: records of a training hold its name, because its path differs on every machine.
 */

import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

export const EMBEDDED_MODEL = fileURLToPath(
  new URL('../../models/all-MiniLM-L6-v2', import.meta.url),
);

/** Name of the model in records of a training. */
export const EMBEDDED_NAME = basename(EMBEDDED_MODEL);
