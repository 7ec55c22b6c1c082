// Loads and runs every folder that `families.py make DIR` has written, compares the outputs with those of transformers, and
// writes each model again for `families.py check DIR`: with its head, and as a bare encoder.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { graphFromCheckpoint, savedConfig } from '../../dist/architectures/index.js';
import { readHfFolder } from '../../dist/formats/hf-folder.js';
import { openSafetensors } from '../../dist/formats/safetensors.js';
import { writeSafetensors } from '../../dist/formats/safetensors-writer.js';
import { ensureLanes } from '../../dist/native/lanes.js';
import { outputWidth, runBatch } from '../../dist/runtime/forward.js';
import { buildProgram, bytesOf } from '../../dist/runtime/program.js';

const TOLERANCE = 1e-5;

const [root] = process.argv.slice(2);
if (root === undefined) throw new RangeError('usage: node bench/peers/families.mjs DIR');
ensureLanes('families', 2);

/** The rows of all tokens that are not padding, back to back. */
function unpadded(rows, lengths) {
  return Int32Array.from(rows.flatMap((row, i) => row.slice(0, lengths[i])));
}

async function openModel(path, task) {
  const folder = await readHfFolder(path);
  const model = graphFromCheckpoint(folder, { task });
  const valuesOf = (name) => folder.weights.readFloats(model.sources.get(name));
  const program = await buildProgram(model.graph, { trainable: false }, async (made, { name }) => {
    made.writeWeight(name, 0, 'f32', bytesOf(await valuesOf(name)));
  });
  return { folder, model, program, valuesOf };
}

/** Output name -> flat values of every output of the graph. */
async function runAll({ model: { graph }, program }, { lengths, input_ids, token_type_ids }) {
  const offsets = new Int32Array(lengths.length + 1);
  for (const [i, length] of lengths.entries()) offsets[i + 1] = offsets[i] + length;
  const segments = token_type_ids ? unpadded(token_type_ids, lengths) : null;
  const batch = { ids: unpadded(input_ids, lengths), segments, offsets };
  const found = new Map();
  for (const name of Object.keys(graph.outputs)) {
    const isSequence = name === 'pooled' || (name === 'logits' && graph.nodes.some(isPooling));
    const rows = isSequence ? lengths.length : batch.ids.length;
    const width = outputWidth(graph, name);
    const data = new Float32Array(rows * width);
    await runBatch(program, batch, name, data, { where: 'families', signal: undefined });
    found.set(name, { data, shape: [rows, width] });
  }
  return found;
}

const isPooling = ({ op }) => op === 'pool';

/** The largest difference to the stored outputs, relative to the largest number of each output. */
async function compare(path, found, lengths) {
  const stored = await openSafetensors(join(path, 'outputs.safetensors'));
  let worst = 0;
  for (const [name, { shape }] of stored.tensors) {
    const ours = found.get(name)?.data ?? new Float32Array(0);
    const padded = await stored.readFloats(name);
    const width = shape.at(-1) ?? 1;
    const row = (shape[1] ?? 1) * width;
    const theirs =
      shape.length < 3
        ? padded
        : lengths.flatMap((n, i) => [...padded.subarray(i * row, i * row + n * width)]);
    if (ours.length !== theirs.length) throw new Error(`${path}: no output ${name} of that size`);
    const largest = theirs.reduce((max, value) => Math.max(max, Math.abs(value)), 1);
    theirs.forEach((value, i) => {
      worst = Math.max(worst, Math.abs(value - ours[i]) / largest);
    });
  }
  await stored.close();
  return worst;
}

async function write(path, { model, valuesOf }, found) {
  const { config, names } = savedConfig(model.graph, model.config, model);
  const weights = model.graph.weights.map(({ name, shape }) => {
    return { name: names.get(name) ?? name, shape, dtype: 'F32', data: () => valuesOf(name) };
  });
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'config.json'), JSON.stringify(config));
  await writeSafetensors(join(path, 'model.safetensors'), weights);
  const outputs = [...found].map(([name, value]) => ({ name, dtype: 'F32', ...value }));
  await writeSafetensors(join(path, 'outputs.safetensors'), outputs);
}

rmSync(join(root, 'written'), { recursive: true, force: true });
const names = readdirSync(join(root, 'made')).sort();
let worst = 0;
const failed = [];
for (const name of names) {
  const path = join(root, 'made', name);
  const batch = JSON.parse(readFileSync(join(path, 'batch.json'), 'utf8'));
  for (const task of new Set([batch.task, 'embedding'])) {
    const open = await openModel(path, task);
    const found = await runAll(open, batch);
    if (task === batch.task) {
      const difference = await compare(path, found, batch.lengths);
      worst = Math.max(worst, difference);
      if (!(difference < TOLERANCE))
        failed.push(`${name} differs by ${difference.toExponential(1)}`);
    }
    const suffix = task === batch.task ? '' : '.encoder';
    await write(join(root, 'written', name + suffix), open, found);
    open.program.dispose();
    await open.folder.close();
  }
}
for (const line of failed) console.log(line);
console.log(`${names.length - failed.length} of ${names.length} folders of transformers agree`);
console.log(`largest difference ${worst.toExponential(1)} of the largest output`);
process.exitCode = failed.length > 0 ? 1 : 0;
