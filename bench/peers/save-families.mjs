// Saves every encoder fixture as a model folder and as a folder of ONNX files, with what Sinter computes for its batch.
//
//   node peers/save-families.mjs FIXTURES OUT       then       python peers/load_families.py OUT
//
// OUT/NAME/model (config.json, model.safetensors, tokenizer), OUT/NAME/onnx, OUT/NAME/expected.json; embedding models
// have the files of sentence-transformers too.

import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const lib = new URL('../../dist/', import.meta.url);
const { Encoder } = await import(new URL('index.js', lib));
const { loadModel } = await import(new URL('models/load-model.js', lib));
const { saveModel } = await import(new URL('models/save-model.js', lib));
const { exportOnnxFolder } = await import(new URL('models/export-folder.js', lib));
const { outputWidth, runBatch } = await import(new URL('models/forward.js', lib));
const { validateGraph } = await import(new URL('graph/validate.js', lib));

const TASKS = [
  ['ForSequenceClassification', 'classification'],
  ['ForTokenClassification', 'token-classification'],
  ['ForQuestionAnswering', 'question-answering'],
  ['ForMaskedLM', 'masked-lm'],
];
const TEXTS = [
  'the state of the union',
  'a text',
  'peace, and jobs for all the people of the world',
];

const [fixtures = '', out = ''] = process.argv.slice(2);
for (const name of (await readdir(fixtures)).sort()) {
  const folder = join(fixtures, name);
  if (!existsSync(join(folder, 'golden.json'))) continue;
  const { architectures } = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'));
  const found = TASKS.find(([suffix]) => architectures[0].endsWith(suffix));
  const task = found?.[1] ?? 'embedding';
  await mkdir(join(out, name), { recursive: true });
  const expected = { name, task, ...(await saveOne(folder, join(out, name), task)) };
  await writeFile(join(out, name, 'expected.json'), JSON.stringify(expected));
  console.log(name, task);
}

async function saveOne(folder, target, task) {
  const settings = { lanes: undefined, signal: undefined, seed: 1 };
  const parts = await loadModel('save', folder, { task }, settings);
  const golden = JSON.parse(await readFile(join(folder, 'golden.json'), 'utf8'));
  const { outputs, texts } = await parts.program.use('save', async (program) => {
    await saveModel(parts, program, join(target, 'model'), { overwrite: true });
    await exportOnnxFolder(parts, program, join(target, 'onnx'), {
      precisions: ['f32', 'f16', 'q8', 'int8', 'q4', 'qdq'],
      calibration: { texts: TEXTS },
      overwrite: true,
    });
    return { outputs: await run(parts, program, golden), texts: null };
  });
  await parts.program.retire();
  if (task !== 'embedding') return { batch: golden.batch, lengths: golden.lengths, outputs, texts };
  const encoder = await Encoder.load(folder, { pooling: 'mean', normalize: true });
  await encoder.save(join(target, 'sentence'), { overwrite: true });
  const vectors = await encoder.embed(TEXTS);
  await encoder.dispose();
  const rows = TEXTS.map((text, i) => ({ text, vector: [...vectors.row(i)] }));
  return { batch: golden.batch, lengths: golden.lengths, outputs, texts: rows };
}

/** Each output for the golden batch without padding, flat. */
async function run({ graph }, program, { batch, lengths }) {
  const flat = (rows) => Int32Array.from(rows.flatMap((row, i) => row.slice(0, lengths[i])));
  const offsets = Int32Array.from([0, ...lengths]).map((_, i) =>
    lengths.slice(0, i).reduce((a, b) => a + b, 0),
  );
  const segments = graph.segments > 1 && batch.token_type_ids ? flat(batch.token_type_ids) : null;
  const tokens = { ids: flat(batch.input_ids), segments, offsets };
  const shapes = validateGraph(graph);
  const outputs = {};
  for (const name of ['hidden', 'logits']) {
    const value = graph.outputs[name];
    if (value === undefined) continue;
    const rows = shapes.get(value).kind === 'sequence' ? lengths.length : tokens.ids.length;
    const data = new Float32Array(rows * outputWidth(graph, name));
    await runBatch(program, tokens, name, data, { where: 'save', signal: undefined });
    outputs[name] = [...data];
  }
  return outputs;
}
