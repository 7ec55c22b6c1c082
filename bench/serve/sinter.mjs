// Sinter's server in a process of its own. Messages: 'memory' answers with resident bytes, 'reload' with how long a reload took, 'embed'
// with the texts a second and the milliseconds of one text in this process, without HTTP.
import { createServer, Encoder } from '../../dist/index.js';
import { median } from '../support/timing.mjs';

const { models, precision, threads, texts, server: options = {} } = JSON.parse(process.argv[2]);
const path = precision === 'int8' ? models.int8 : models.f32;
const server = await createServer(
  { minilm: { path } },
  { ...options, lanes: threads, port: 0, host: '127.0.0.1' },
);
const port = Number(new URL(await server.listen()).port);

/** Texts a second of `embed` with many texts, and milliseconds of one with one. */
async function inProcess() {
  const encoder = await Encoder.load(path, { lanes: threads });
  const many = Array.from({ length: 2000 }, (_, i) => texts[i % texts.length]);
  await encoder.embed(many);
  const rates = [];
  for (let round = 0; round < 5; round++) {
    const start = performance.now();
    await encoder.embed(many);
    rates.push((1000 * many.length) / (performance.now() - start));
  }
  const times = [];
  for (let i = 0; i < 400; i++) {
    const start = performance.now();
    await encoder.embed([texts[i % texts.length]]);
    times.push(performance.now() - start);
  }
  await encoder.dispose();
  return { textsPerSecond: median(rates), oneMs: median(times) };
}

const ANSWERS = {
  memory: async () => ({ bytes: process.memoryUsage().rss }),
  reload: async () => {
    const start = performance.now();
    await server.reload('minilm');
    return { ms: performance.now() - start };
  },
  embed: inProcess,
};
process.on('message', async (what) => process.send(await ANSWERS[what]()));
process.on('disconnect', () => process.exit(0));
process.send({ port });
