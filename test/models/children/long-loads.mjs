// Loads of models with a vocabulary of 30,522 words: { name: longest turn of the event loop }, in milliseconds that the JavaScript
// thread ran. argv: a folder to work in; SINTER_CACHE is in it.
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Encoder, OnnxModel } from '../../../dist/index.js';
import { longestTurn } from './thread-time.mjs';

const work = process.argv[2];
const minilm = fileURLToPath(new URL('../../../models/all-MiniLM-L6-v2', import.meta.url));

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
  const { longest, result: model } = await longestTurn(load);
  found[name] = { longest, cached: model.report?.cached };
  await model.dispose();
};
await measure('folder', () => Encoder.load(minilm));
await measure('onnx, first', () => Encoder.load(file, { pooling: 'mean' }));
await measure('onnx, cached', () => Encoder.load(file, { pooling: 'mean' }));
await measure('onnx model, first', () => OnnxModel.load(file, { cache: false }));
await measure('onnx model, cached', () => OnnxModel.load(file));
process.stdout.write(JSON.stringify(found));
