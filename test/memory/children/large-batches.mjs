// node large-batches.mjs rows: prints by how many bytes a training step of so many pairs makes the process grow at most, beyond
// what steps of 32 pairs take.

import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Encoder } from '../../../dist/index.js';

const rows = Number(process.argv[2]);
const path = fileURLToPath(new URL('../../fixtures/encoders/bert', import.meta.url));
const encoder = await Encoder.load(path, { pooling: 'mean', lanes: 2 });
const words =
  'the people of the united states and the nation of the world at war and peace '.repeat(3);
const pairs = Array.from({ length: rows }, (_, i) => ({
  anchor: `${i} ${words}`,
  positive: `${words} ${i}`,
}));

async function peak(batchSize) {
  globalThis.gc();
  await setTimeout(10);
  let most = 0;
  const timer = setInterval(() => {
    most = Math.max(most, process.memoryUsage().rss);
  }, 2);
  const onStep = () => {
    most = Math.max(most, process.memoryUsage().rss);
  };
  await encoder.train(pairs, { batchSize, epochs: 1, learningRate: 1e-5, onStep });
  clearInterval(timer);
  return most;
}

await peak(32);
const small = await peak(32);
const large = await peak(rows);
console.log(JSON.stringify({ small, large, growth: large - small, width: encoder.dimensions }));
await encoder.dispose();
