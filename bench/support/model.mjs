// The model that both sides run: the embedded encoder with its length limit lifted to all its positions, as the
// workloads have texts of up to 512 tokens. Its ONNX files are what the product exports.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Encoder } from '../../dist/index.js';

const EMBEDDED = fileURLToPath(new URL('../../models/all-MiniLM-L6-v2', import.meta.url));

/**
 * Every form of the file that users of ONNX Runtime could take; the fastest one counts. Signed weights are only right
 * where the CPU has VNNI; the cosines in the results show it.
 */
const FORMS = {
  f32: [
    { name: 'opset 17', options: { opset: 17 } },
    { name: 'opset 20', options: { opset: 20 } },
  ],
  int8: [
    { name: 'uint8, token', options: { weights: 'uint8', activations: 'token' } },
    { name: 'uint8, tensor', options: { weights: 'uint8', activations: 'tensor' } },
    { name: 'int8, token', options: { weights: 'int8', activations: 'token' } },
    { name: 'int8, tensor', options: { weights: 'int8', activations: 'tensor' } },
    {
      name: 'int8, tensor, opset 20',
      options: { weights: 'int8', activations: 'tensor', opset: 20 },
    },
  ],
};

/** A new temporary folder with the model; `remove` deletes it. */
export function prepareFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'sinter-bench-'));
  const model = join(folder, 'model');
  cpSync(EMBEDDED, model, { recursive: true });
  const file = join(model, 'sentence_bert_config.json');
  const settings = JSON.parse(readFileSync(file, 'utf8'));
  const { max_position_embeddings: positions } = readConfig(model);
  writeFileSync(file, JSON.stringify({ ...settings, max_seq_length: positions }));
  return { folder, model, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** config.json of a model folder. */
export function readConfig(model) {
  return JSON.parse(readFileSync(join(model, 'config.json'), 'utf8'));
}

/** { f32, int8 } of what was asked for; the int8 model is made from the f32 one. */
export async function loadEncoders(model, precisions, lanes) {
  const f32 = await Encoder.load(model, { lanes });
  return { f32, ...(precisions.includes('int8') && { int8: await f32.quantize() }) };
}

/** Writes the files of one precision into `folder`; [{ name, path }]. */
export async function exportForms(encoder, precision, folder, quick) {
  const forms = quick ? FORMS[precision].slice(-1) : FORMS[precision];
  const files = [];
  for (const [i, { name, options }] of forms.entries()) {
    const path = join(folder, `${precision}-${i}.onnx`);
    await encoder.exportOnnx(path, options);
    files.push({ name, path });
  }
  return files;
}

/** The token ids of all texts, and their lengths. */
export async function tokenize(encoder, texts, maxTokens) {
  const batch = await encoder.parts.tokenizer.encode(texts, { maxTokens });
  const lengths = texts.map((_, i) => batch.offsets[i + 1] - batch.offsets[i]);
  return { ids: batch.ids, offsets: batch.offsets, lengths, tokens: batch.ids.length };
}
