/**
 * The families and heads that exports are tested with: the fixtures, and folders made of config.json, drawn weights and
 * another family's tokenizer for families that have none.
 */

import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { familyGraph } from '../../lib/architectures/index.js';
import type { JsonObject } from '../../lib/core/json.js';
import { writeSafetensors } from '../../lib/formats/safetensors-writer.js';
import type { GraphRequest, Task } from '../../lib/graph/checkpoint.js';
import { encoderFolder } from '../architectures/encoders.js';
import { FAMILIES } from '../architectures/parameters.js';
import { drawnWeights } from './toys.js';

const FIXTURES = 'test/fixtures/encoders';

export const MATRIX_FAMILIES: readonly string[] = [
  'bert',
  'distilbert-seqcls',
  'roberta-seqcls',
  'xlm-roberta',
  'mpnet',
  'electra-seqcls',
  'ernie',
  'albert',
  'modernbert',
  'deberta-v2-seqcls',
  'camembert',
  'nomic_bert',
];

/** Heads that a family has; all unless it is named here. */
export const HEADS: Readonly<Record<string, readonly Task[]>> = {
  nomic_bert: ['embedding', 'classification'],
};

const LABELS = ['a', 'b', 'c'];
export const REQUESTS: Readonly<Record<Task, GraphRequest>> = {
  embedding: { task: 'embedding', pooling: ['mean'], normalize: true },
  classification: { task: 'classification', labels: LABELS, newHead: true },
  'token-classification': { task: 'token-classification', labels: LABELS, newHead: true },
  'question-answering': { task: 'question-answering', newHead: true },
  'masked-lm': { task: 'masked-lm', newHead: true },
};
export const TASKS = Object.keys(REQUESTS) as Task[];

/**
 * Families without a fixture of their own; they take the tokenizer and the texts of another. The fixture of ERNIE has rows that
 * are never read, which no ONNX file gives back.
 */
const MADE = { camembert: 'roberta-seqcls', nomic_bert: 'bert', ernie: 'ernie-seqcls' } as const;
type Made = keyof typeof MADE;

function isMade(name: string): name is Made {
  return Object.hasOwn(MADE, name);
}

/** The fixture with the texts of a family; null when only ../shared has it and that is missing. */
export function fixtureOf(name: string): string | null {
  return encoderFolder(isMade(name) ? MADE[name] : name);
}

/** The folder of the family's model, which `makeFolders(scratch)` writes. */
export function familyFolder(scratch: string, name: string): string | null {
  return isMade(name) ? join(scratch, name) : encoderFolder(name);
}

/** Writes the folders of families without a fixture into `scratch`. */
export async function makeFolders(scratch: string): Promise<void> {
  for (const name of Object.keys(MADE)) if (isMade(name)) await makeFolder(scratch, name);
}

async function makeFolder(scratch: string, name: Made): Promise<void> {
  const folder = join(scratch, name);
  await mkdir(folder);
  const tokenizer = join(FIXTURES, MADE[name]);
  for (const file of ['tokenizer.json', 'tokenizer_config.json']) {
    await cp(join(tokenizer, file), join(folder, file));
  }
  const config = await configOf(name);
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  const graph = familyGraph(config, { task: 'embedding' });
  const weights = [...drawnWeights(graph, 8, 0.35)].map(([weight, data]) => ({
    name: weight,
    dtype: 'F32' as const,
    shape: graph.weights.find((spec) => spec.name === weight)?.shape ?? [],
    data,
  }));
  await writeSafetensors(join(folder, 'model.safetensors'), weights);
}

async function configOf(name: Made): Promise<JsonObject> {
  if (name === 'nomic_bert') return FAMILIES.nomic?.config ?? {};
  const text = await readFile(join(FIXTURES, MADE[name], 'config.json'), 'utf8');
  const { architectures: _, ...config } = JSON.parse(text) as JsonObject;
  if (name === 'ernie')
    return { ...config, task_type_vocab_size: 1, architectures: ['ErnieModel'] };
  return { ...config, model_type: 'camembert', architectures: ['CamembertModel'] };
}
