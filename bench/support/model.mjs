// The model that all engines run: the embedded encoder with its length limit lifted to all its positions, because the workloads
// have texts of up to 512 tokens. The ONNX files are exports of it.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Encoder } from '../../dist/index.js';
import { tokenRunner } from '../../dist/models/token-runner.js';
import { measurePeaks } from './machine.mjs';
import { activeIsa } from './sinter.mjs';

const EMBEDDED = fileURLToPath(new URL('../../models/all-MiniLM-L6-v2', import.meta.url));

/**
 * Every form of the ONNX file that users of ONNX Runtime could choose; the fastest one counts. Signed weights are exact only
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

/** Makes a temporary folder with the model; `remove` deletes it. */
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

/** Reads config.json of a model folder. */
export function readConfig(model) {
  return JSON.parse(readFileSync(join(model, 'config.json'), 'utf8'));
}

/** { f32, int8 }: the encoders of the precisions asked for. The int8 one is quantized from the f32 one. */
export async function loadEncoders(model, precisions, lanes) {
  const f32 = await Encoder.load(model, { lanes });
  return { f32, ...(precisions.includes('int8') && { int8: await f32.quantize() }) };
}

/** Writes the files of one precision into `folder`. Returns [{ name, path }]. */
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
  const batch = await tokenRunner(encoder, 'embedding').tokenize(texts, maxTokens);
  const lengths = texts.map((_, i) => batch.offsets[i + 1] - batch.offsets[i]);
  return { ...batch, lengths, tokens: batch.ids.length };
}

/**
 * The texts, cut after their last token where they are over the workload's limit, because `embed` cuts at the model's limit
 * only.
 */
export async function cutTexts(encoder, { texts, maxTokens }) {
  if (maxTokens >= encoder.maxTokens) return texts;
  const cut = [];
  for (const text of texts) {
    const { ends } = await encoder.tokenize(text);
    // Two of the tokens are special, and the end of the last one is 0.
    cut.push(ends.length > maxTokens ? text.slice(0, ends[maxTokens - 2]) : text);
  }
  return cut;
}

/**
 * Calls `work` with { folder, model, encoders, config, isa, peaks, options }: the models of the precisions that `options`
 * names, loaded once. Frees and removes everything afterwards.
 */
export async function withModels(options, work) {
  const { folder, model, remove } = prepareFolder();
  try {
    const encoders = await loadEncoders(model, options.precisions, options.threads);
    const isa = activeIsa();
    if (options.isa !== undefined && isa !== options.isa) {
      throw new RangeError(`--isa must be a level of this CPU, got ${options.isa}: ${isa} runs`);
    }
    const config = readConfig(model);
    const shared = { folder, model, encoders, config, isa, peaks: measurePeaks(isa), options };
    const result = await work(shared);
    for (const encoder of Object.values(encoders)) await encoder.dispose();
    return result;
  } finally {
    remove();
  }
}
