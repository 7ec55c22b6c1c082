/**
 * Model folders of the families that have no fixture: config.json of the family, drawn weights, another family's tokenizer.
 */

import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { familyGraph } from '../../lib/architectures/index.js';
import type { JsonObject } from '../../lib/core/json.js';
import { writeSafetensors } from '../../lib/formats/safetensors-writer.js';
import { FAMILIES } from '../architectures/parameters.js';
import { drawnWeights } from './toys.js';

const FIXTURES = 'test/fixtures/encoders';

/** Writes the folder `name` into `scratch`; gives its path. */
export async function makeFolder(
  scratch: string,
  name: 'camembert' | 'nomic_bert',
): Promise<string> {
  const folder = join(scratch, name);
  await mkdir(folder);
  const tokenizer = join(FIXTURES, name === 'camembert' ? 'roberta-seqcls' : 'bert');
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
  return folder;
}

async function configOf(name: 'camembert' | 'nomic_bert'): Promise<JsonObject> {
  if (name === 'nomic_bert') return FAMILIES.nomic?.config ?? {};
  const text = await readFile(join(FIXTURES, 'roberta-seqcls', 'config.json'), 'utf8');
  const { architectures: _, ...config } = JSON.parse(text) as JsonObject;
  return { ...config, model_type: 'camembert', architectures: ['CamembertModel'] };
}
