// What a program of a user does with the package: embeds, trains, exports to ONNX and reads that again (in a worker of the package), saves, uses a
// worker thread of its own, serves over HTTP. Prints one line of JSON with what must be equal on every runtime.
//
//   RUNTIME use.mjs PACKAGE FOLDER      PACKAGE: what is imported, such as a path of dist/bundle/index.js. FOLDER: an empty one.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';

const [, , entry, folder] = process.argv;
const model = join(import.meta.dirname, '../../models/all-MiniLM-L6-v2');
const { Classifier, createServer, Encoder } = await import(pathToFileURL(entry).href);

const TEXTS = ['The weather is lovely today.', 'Das Wetter ist heute schön.', '今天天气很好'];
const hash = ({ buffer, byteOffset, byteLength }) =>
  createHash('sha256')
    .update(new Uint8Array(buffer, byteOffset, byteLength))
    .digest('hex')
    .slice(0, 16);
const vectors = async (encoder) => hash((await encoder.embed(TEXTS)).data);

const encoder = await Encoder.load();
const found = { embed: await vectors(encoder) };

const int8 = await encoder.quantize();
found.int8 = await vectors(int8);
await int8.save(join(folder, 'int8'));
const again = await Encoder.load(join(folder, 'int8'));
found.saved = await vectors(again);

const rows = Array.from({ length: 16 }, (_, i) =>
  i % 2 === 0
    ? { text: `a good film, number ${i}`, label: 'positive' }
    : { text: `a bad film, number ${i}`, label: 'negative' },
);
const classifier = await Classifier.load(model, { labels: ['negative', 'positive'], seed: 1 });
await classifier.train(rows, { epochs: 2, batchSize: 8, seed: 1 });
found.trained = hash((await classifier.logits(TEXTS)).data);

await encoder.exportOnnx(join(folder, 'model.onnx'));
const imported = await Encoder.load(join(folder, 'model.onnx'));
found.onnx = await vectors(imported);

const thread = new Worker(
  `const { workerData, parentPort } = require('node:worker_threads');
  import(workerData).then(async ({ Encoder }) => {
    const encoder = await Encoder.load();
    const { data } = await encoder.embed(['a text']);
    encoder.dispose();
    parentPort.postMessage(data.length);
  });`,
  { eval: true, workerData: pathToFileURL(entry).href },
);
found.thread = await new Promise((resolve, reject) => {
  thread.on('message', resolve);
  thread.on('error', reject);
});

const server = await createServer({ minilm: encoder }, { logLevel: 'silent', port: 0 });
const url = await server.listen();
const response = await fetch(`${url}/v1/embeddings`, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ model: 'minilm', input: TEXTS }),
});
const { data } = await response.json();
found.served = [response.status, data?.length];
await server.close();

for (const one of [int8, again, classifier, imported]) one.dispose();
console.log(JSON.stringify(found));
