// Loads of models with a vocabulary of 30,522 words: { name: longest turn of the event loop }, in milliseconds that the JavaScript
// thread ran. argv: a folder to work in; SINTER_CACHE is in it.
import { readFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Encoder, OnnxModel } from '../../../dist/index.js';

const work = process.argv[2];
const minilm = fileURLToPath(new URL('../../../models/all-MiniLM-L6-v2', import.meta.url));

/** Milliseconds that the main thread has run. */
const ran = () => Number(readFileSync('/proc/self/schedstat', 'latin1').split(' ')[0]) / 1e6;

async function longestTurn(load) {
  let longest = 0;
  let last = ran();
  let over = false;
  const look = () => {
    const now = ran();
    longest = Math.max(longest, now - last);
    last = now;
    if (!over) setImmediate(look);
  };
  setImmediate(look);
  const model = await load();
  over = true;
  look();
  const { cached } = model.report ?? {};
  await model.dispose();
  return { longest, cached };
}

const file = join(work, 'onnx', 'model.onnx');
const encoder = await Encoder.load(minilm);
const int8 = await encoder.quantize({ equalize: false });
await int8.exportOnnx(file, { precision: 'int8' });
await int8.dispose();
await encoder.dispose();
for (const name of ['tokenizer.json', 'config.json']) {
  await cp(join(minilm, name), join(work, 'onnx', name));
}

const found = {};
const measure = async (name, load) => {
  found[name] = await longestTurn(load);
};
await measure('folder', () => Encoder.load(minilm));
await measure('onnx, first', () => Encoder.load(file, { pooling: 'mean' }));
await measure('onnx, cached', () => Encoder.load(file, { pooling: 'mean' }));
await measure('onnx model, first', () => OnnxModel.load(file, { cache: false }));
await measure('onnx model, cached', () => OnnxModel.load(file));
process.stdout.write(JSON.stringify(found));
