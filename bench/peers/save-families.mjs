// Saves every encoder fixture, the first of each family with every head, as a model folder and as a folder of ONNX files, with
// Sinter's outputs for its batch.
//
//   node peers/save-families.mjs FIXTURES OUT       then       python peers/load_families.py OUT
//
// OUT/NAME/model (config.json, model.safetensors, tokenizer), OUT/NAME/onnx, OUT/NAME/expected.json; for embedding models
// OUT/NAME/sentence with the files of sentence-transformers too.

import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const lib = new URL('../../dist/', import.meta.url);
const { Encoder } = await import(new URL('index.js', lib));
const { loadModel } = await import(new URL('checkpoint/load-model.js', lib));
const { saveModel } = await import(new URL('checkpoint/save-model.js', lib));
const { exportOnnxFolder } = await import(new URL('checkpoint/export-folder.js', lib));
const { outputWidth, runBatch } = await import(new URL('runtime/forward.js', lib));
const { validateGraph } = await import(new URL('graph/validate.js', lib));

const TASKS = [
  ['ForSequenceClassification', 'classification'],
  ['ForTokenClassification', 'token-classification'],
  ['ForQuestionAnswering', 'question-answering'],
  ['ForMaskedLM', 'masked-lm'],
];
const NEW_HEADS = {
  embedding: { task: 'embedding' },
  classification: { task: 'classification', labels: ['a', 'b', 'c'], newHead: true },
  'token-classification': {
    task: 'token-classification',
    labels: ['a', 'b', 'c', 'd'],
    newHead: true,
  },
  'question-answering': { task: 'question-answering', newHead: true },
  'masked-lm': { task: 'masked-lm', newHead: true },
};
const TEXTS = [
  'the state of the union',
  'a text',
  'peace, and jobs for all the people of the world',
];

const [fixtures = '', out = ''] = process.argv.slice(2);
const seen = new Set();
for (const name of (await readdir(fixtures)).sort()) {
  const folder = join(fixtures, name);
  if (!existsSync(join(folder, 'golden.json'))) continue;
  const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'));
  const found = TASKS.find(([suffix]) => config.architectures[0].endsWith(suffix));
  const own = found?.[1] ?? 'embedding';
  // The first fixture of a family gets every head, with random weights where it has none.
  const tasks = seen.has(config.model_type) ? [own] : Object.keys(NEW_HEADS);
  seen.add(config.model_type);
  for (const task of tasks) {
    const target = join(out, `${name}-${task}`);
    await mkdir(target, { recursive: true });
    const request = task === own ? { task } : NEW_HEADS[task];
    const { model_type: family } = config;
    const expected = { name, family, task, ...(await saveOne(folder, target, request)) };
    await writeFile(join(target, 'expected.json'), JSON.stringify(expected));
    console.log(name, task);
  }
}

async function saveOne(folder, target, request) {
  const settings = { lanes: undefined, signal: undefined, seed: 1 };
  const parts = await loadModel('save', folder, request, settings);
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
  if (request.task !== 'embedding')
    return { batch: golden.batch, lengths: golden.lengths, outputs, texts };
  const encoder = await Encoder.load(folder, { pooling: 'mean', normalize: true });
  await encoder.save(join(target, 'sentence'), { overwrite: true });
  const vectors = await encoder.embed(TEXTS);
  await encoder.dispose();
  const rows = TEXTS.map((text, i) => ({ text, vector: [...vectors.row(i)] }));
  return { batch: golden.batch, lengths: golden.lengths, outputs, texts: rows };
}

/** Each output for the batch of golden.json without padding, flat. */
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
