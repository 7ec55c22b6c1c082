// One worker thread of a stress run: loads a model of its own and embeds until it has done its rounds or is terminated.
import { parentPort, workerData } from 'node:worker_threads';
import { loadEncoder, rowsAre, TEXTS } from './models.mjs';
import { randomOf } from './tally.mjs';

const { seed, known, rounds, leave } = workerData;
const random = randomOf(seed);
const encoder = await loadEncoder();
const batcher = encoder.batch({ maxWaitMs: 0 });
for (let round = 0; round < rounds; round++) {
  const picked = Array.from({ length: 1 + random.below(80) }, () => random.below(TEXTS.length));
  const texts = picked.map((i) => TEXTS[i]);
  const running = Promise.all([encoder.embed(texts), batcher.run(TEXTS[3])]);
  parentPort.postMessage({ begun: round });
  const [matrix, vector] = await running;
  const fault =
    rowsAre(known, picked)(matrix) ?? rowsAre(known, [3])({ rows: 1, row: () => vector });
  parentPort.postMessage({ fault });
}
// Otherwise the thread ends with the model alive and a call under way.
if (leave) void encoder.embed(TEXTS);
else await encoder.dispose();
