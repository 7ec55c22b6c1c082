/**
 * The sample of the Banking77 data set inside the package: questions of bank customers with 77 intents.
 */

import { packageFile } from '../core/package-files.js';

export const SAMPLE_TRAIN = packageFile('data/banking77/train.csv');
export const SAMPLE_TEST = packageFile('data/banking77/test.csv');
