/**
 * The model inside the package, which `load` uses when no path is given.
 *
 * The rule: records of a training hold its name, because its path differs on every machine.
 */

import { basename } from 'node:path';
import { packageFile } from '../core/package-files.js';

export const EMBEDDED_MODEL = packageFile('models/all-MiniLM-L6-v2');

/** Name of the model in records of a training. */
export const EMBEDDED_NAME = basename(EMBEDDED_MODEL);
