/**
 * The model inside the package, which `load` takes where no path is given.
 *
 * The rule: records of a training have its name, since its path is another one on every machine.
 */

import { basename } from 'node:path';
import { packageFile } from '../core/package-files.js';

export const EMBEDDED_MODEL = packageFile('models/all-MiniLM-L6-v2');

/** What it is called in records. */
export const EMBEDDED_NAME = basename(EMBEDDED_MODEL);
