/**
 * The sample of the Banking77 data set inside the package: questions of bank customers with 77 intents.
 */
import { fileURLToPath } from 'node:url';

function sampleFile(name: string): string {
  return fileURLToPath(new URL(`../../data/banking77/${name}`, import.meta.url));
}

export const SAMPLE_TRAIN = sampleFile('train.csv');
export const SAMPLE_TEST = sampleFile('test.csv');
