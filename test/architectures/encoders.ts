/**
 * The reference encoders: every fixture's folder and the task that it is for.
 *
 * The larger half is read from ../shared, which a plain checkout lacks.
 */

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Task } from '../../lib/graph/checkpoint.js';

/** All fixtures of ../shared/fixtures/encoders, in the order of its README, and those that only this repository has. */
export const ENCODERS: Readonly<Record<string, Task>> = {
  bert: 'embedding',
  'bert-seqcls': 'classification',
  'bert-multilabel': 'classification',
  'bert-regression': 'classification',
  'bert-tokencls': 'token-classification',
  'bert-qa': 'question-answering',
  'bert-qa-nopad': 'question-answering',
  'bert-mlm': 'masked-lm',
  'bert-gelu-new': 'classification',
  'bert-relu': 'classification',
  'distilbert-seqcls': 'classification',
  'roberta-seqcls': 'classification',
  mpnet: 'embedding',
  albert: 'embedding',
  'electra-seqcls': 'classification',
  modernbert: 'embedding',
  'xlm-roberta': 'embedding',
  'deberta-v2-seqcls': 'classification',
  'ernie-seqcls': 'classification',
};

/** The folder of a fixture; null when only ../shared has it and that is missing. */
export function encoderFolder(name: string): string | null {
  const places = [`../fixtures/encoders/${name}`, `../../../shared/fixtures/encoders/${name}`];
  const folders = places.map((place) => fileURLToPath(new URL(place, import.meta.url)));
  return folders.find((folder) => existsSync(folder)) ?? null;
}
