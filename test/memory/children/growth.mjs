// node growth.mjs runs|calls|models [folder]: prints what the process holds after 5,000 runs or calls, 10,000, 15,000 and 20,000;
// of models after 200, 300, 400 and 500.

import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Encoder } from '../../../dist/index.js';
import { native } from '../../../dist/native/native.js';

const [what, folder] = process.argv.slice(2);
const path = folder ?? fileURLToPath(new URL('../../fixtures/encoders/bert', import.meta.url));
const load = () => Encoder.load(path, { pooling: 'mean', lanes: 2 });
const text = (i) => `the people of the united states ${'and the people '.repeat(i % 7)}`;

/** Finalizers run between turns of the loop, so one collection is not enough. */
async function sample() {
  for (let i = 0; i < 3; i++) {
    globalThis.gc();
    await setTimeout(10);
  }
  const { rss, external, heapUsed, heapTotal } = process.memoryUsage();
  const resources = process.getActiveResourcesInfo().length;
  // V8 takes 17 MB for young objects at a moment of its own choice, once; what lives in its heap is `heap`.
  const outside = rss - heapTotal;
  return { outside, external, heap: heapUsed, resources, weights: native().weightBytes() };
}

/** Calls with one text and with several, some of them refused or cancelled. */
async function calls(encoder, count) {
  for (let i = 0; i < count; i++) {
    const texts = Array.from({ length: 1 + (i % 4) }, (_, j) => text(i + j));
    const controller = new AbortController();
    const running = encoder.embed(texts, { signal: controller.signal });
    if (i % 10 === 3) controller.abort();
    if (i % 10 === 7) await encoder.embed([i]).catch(() => {});
    await running.catch(() => {});
  }
}

/** Runs of the native program alone, on the same tokens. */
async function runs(encoder, count) {
  const tokens = await encoder.parts.tokenizer.encode([text(1), text(6)], { maxTokens: 64 });
  const batch = { ids: tokens.ids, offsets: tokens.offsets, segments: null };
  for (let i = 0; i < count; i++) {
    const data = new Float32Array(2 * encoder.dimensions);
    const options = { jobId: native().nextJobId(), tokenBudget: 512 };
    await encoder.use('runs', (program) =>
      program.run(batch, [{ name: 'embedding', data }], options),
    );
  }
}

async function models(count) {
  for (let i = 0; i < count; i++) {
    const encoder = await load();
    const small = await encoder.quantize();
    await Promise.all([encoder.embed([text(i)]), small.embed([text(i)])]);
    await encoder.dispose();
    if (i % 2 === 0) await small.dispose(); // the collector must end the others
    if (i % 10 === 9) await sample();
  }
}

async function main() {
  if (what === 'models') {
    await models(200);
    const samples = [await sample()];
    for (let i = 0; i < 3; i++) {
      await models(100);
      samples.push(await sample());
    }
    return samples;
  }
  const encoder = await load();
  const repeat = what === 'runs' ? runs : calls;
  const samples = [];
  for (let i = 0; i < 4; i++) {
    await repeat(encoder, 5000);
    samples.push(await sample());
  }
  await encoder.dispose();
  return samples;
}

console.log(JSON.stringify(await main()));
