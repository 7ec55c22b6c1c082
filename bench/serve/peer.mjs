// The peer: fastify in front of transformers.js, one process, as people put an encoder behind HTTP in Node. `batchMs` above 0 collects the
// requests of so many milliseconds into one call of the pipeline; the better of both counts.
import { join } from 'node:path';
import fastify from 'fastify';
import { openPipeline } from '../support/pipelines.mjs';

const { models, precision, threads, batchMs } = JSON.parse(process.argv[2]);
const folder = join(models.folder, `peer-${precision}-${batchMs}`);
const pipeline = await openPipeline(
  join(models.folder, 'int8'),
  models.onnx[precision],
  folder,
  threads,
);

const waiting = [];
let running = Promise.resolve();

async function flush() {
  const some = waiting.splice(0, 32);
  if (some.length === 0) return;
  const vectors = await pipeline.vectors(some.map(({ text }) => text));
  for (const [i, { resolve }] of some.entries()) resolve(vectors[i]);
}

function embed(text) {
  if (batchMs === 0) {
    const own = running.then(async () => (await pipeline.vectors([text]))[0]);
    running = own;
    return own;
  }
  return new Promise((resolve) => {
    waiting.push({ text, resolve });
    if (waiting.length > 1) return;
    setTimeout(() => {
      running = running.then(async () => {
        while (waiting.length > 0) await flush();
      });
    }, batchMs);
  });
}

const app = fastify();
app.post('/embed', async ({ body }) => [await embed(body.inputs)]);
await app.listen({ port: 0, host: '127.0.0.1' });
process.send({ port: app.server.address().port });
process.on('disconnect', () => process.exit(0));
