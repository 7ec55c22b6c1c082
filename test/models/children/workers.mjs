// Loads a model, embeds and ends, in several worker threads at once and one after the other.

import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { Encoder } from '../../../dist/index.js';

const path = fileURLToPath(new URL('../../fixtures/encoders/bert', import.meta.url));

/** Some workers end with a model that was never disposed, or in the middle of a call. */
async function work(ending) {
  const encoder = await Encoder.load(path, { pooling: 'mean', lanes: 2 });
  const vectors = await encoder.embed(['the people', 'the united states']);
  const sum = vectors.data.reduce((a, b) => a + b, 0);
  if (ending === 'dispose') await encoder.dispose();
  if (ending === 'running') {
    const many = Array.from({ length: 20_000 }, () => 'the people of the united states');
    void encoder.embed(many);
  }
  return sum;
}

async function run(ending) {
  const worker = new Worker(new URL(import.meta.url), { workerData: ending });
  // On a busy machine the message and the end of the thread are told in one turn of the event loop: whoever listens for the end
  // only after the message waits for ever.
  const ended = new Promise((resolve) => worker.once('exit', resolve));
  const sum = await new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`a worker ended with code ${code}, no sum`)));
  });
  await (ending === 'running' ? worker.terminate() : ended);
  return sum;
}

if (isMainThread) {
  const expected = await work('dispose');
  const sums = [];
  for (let round = 0; round < 3; round++) {
    sums.push(...(await Promise.all(['dispose', 'leave', 'running'].map(run))));
  }
  console.log(JSON.stringify({ expected, sums }));
} else {
  parentPort.postMessage(await work(workerData));
}
