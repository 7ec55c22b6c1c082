/**
 * Makes models/all-MiniLM-L6-v2 from the published checkpoint: weights rounded from f32 to f16,
 * files copied.
 *
 * Deterministic: the same source gives the same bytes, and the sha256 of every file is printed.
 * Usage (after `npm run build`): node scripts/make-embedded-model.mjs [source folder] [target
 * folder]
 */

import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { f32ToF16 } from '../dist/formats/float16.js';
import { openSafetensors } from '../dist/formats/safetensors.js';
import { writeSafetensors } from '../dist/formats/safetensors-writer.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const name = 'all-MiniLM-L6-v2';
const source = process.argv[2] ?? join(root, '..', 'shared', 'models', name);
const target = process.argv[3] ?? join(root, 'models', name);

/** Copied byte for byte. vocab.txt is left out: tokenizer.json holds the same vocabulary. */
const COPIED = [
  'config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'modules.json',
  'sentence_bert_config.json',
  'config_sentence_transformers.json',
  '1_Pooling/config.json',
];

/** position_ids, the integers 0..511, which every reader can make. */
const LEFT_OUT = new Set(['embeddings.position_ids']);

async function writeWeights() {
  const checkpoint = await openSafetensors(join(source, 'model.safetensors'));
  try {
    const entries = [];
    for (const [tensor, { dtype, shape }] of checkpoint.tensors) {
      if (LEFT_OUT.has(tensor)) continue;
      if (dtype !== 'F32') throw new Error(`${tensor}: expected F32, got ${dtype}`);
      const data = async () => f32ToF16(await checkpoint.readFloats(tensor));
      entries.push({ name: tensor, dtype: 'F16', shape, data });
    }
    await writeSafetensors(join(target, 'model.safetensors'), entries, checkpoint.metadata);
  } finally {
    await checkpoint.close();
  }
}

await mkdir(join(target, '1_Pooling'), { recursive: true });
for (const file of COPIED) await copyFile(join(source, file), join(target, file));
await writeWeights();
for (const file of ['model.safetensors', ...COPIED]) {
  const digest = createHash('sha256')
    .update(await readFile(join(target, file)))
    .digest('hex');
  console.log(`${digest}  ${file}`);
}
