// Writes the input of the other processes of the bench into a new folder, and sends its paths: both precisions as model folders
// and as ONNX files, the texts and their token ids.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Encoder } from '../../dist/index.js';
import { readWorkload } from '../support/arguments.mjs';
import { cutTexts, prepareFolder, tokenize } from '../support/model.mjs';
import { activeIsa } from '../support/sinter.mjs';

const options = JSON.parse(process.argv[2]);
const folder = mkdtempSync(join(tmpdir(), 'sinter-service-'));
const lifted = prepareFolder();
const encoder = await Encoder.load(lifted.model);
const small = await encoder.quantize();

const int8 = join(folder, 'int8');
await small.save(int8);
const onnx = { f32: join(folder, 'f32.onnx'), int8: join(folder, 'int8.onnx') };
await encoder.exportOnnx(onnx.f32, { opset: 17 });
// The fastest form for ONNX Runtime. On a CPU without VNNI it is also inexact.
await small.exportOnnx(onnx.int8, { weights: 'int8', activations: 'tensor' });

const workload = readWorkload(options.workload);
const some = options.quick ? workload.texts.slice(0, 64) : workload.texts;
const texts = await cutTexts(encoder, { ...workload, texts: some });
const batch = await tokenize(encoder, texts, workload.maxTokens);
const input = join(folder, 'input.json');
const { ids, offsets, lengths, tokens } = batch;
writeFileSync(
  input,
  JSON.stringify({ texts, ids: [...ids], offsets: [...offsets], lengths, tokens }),
);
await small.dispose();
await encoder.dispose();
lifted.remove();
process.send({ folder, isa: activeIsa(), input, onnx, int8 });
process.disconnect();
