// Milliseconds of `embed` with one short text: alone, and while another call embeds many texts.
import { setTimeout as sleep } from 'node:timers/promises';
import { readWorkload } from '../support/arguments.mjs';
import { answer, loadEncoder, options, quantile } from './input.mjs';

const BULK = options.quick ? 1000 : 10_000;
const PAUSE_MS = 25;

/** Sends requests with a pause between them until `done` returns true. */
async function requests(encoder, texts, done) {
  const times = [];
  for (let i = 0; !done(i); i++) {
    await sleep(PAUSE_MS);
    const start = performance.now();
    await encoder.embed([texts[i % texts.length]]);
    times.push(performance.now() - start);
  }
  const [p50, p99, max] = [0.5, 0.99, 1].map((p) => quantile(times, p));
  return { p50, p99, max, requests: times.length };
}

const { texts } = readWorkload('short_en');
const encoder = await loadEncoder();
await encoder.embed(texts.slice(0, 8));
const alone = await requests(encoder, texts, (i) => i >= (options.quick ? 20 : 200));
let over = false;
const bulk = encoder
  .embed(Array.from({ length: BULK }, (_, i) => texts[i % texts.length]))
  .finally(() => {
    over = true;
  });
const behindBulk = await requests(encoder, texts, () => over);
await bulk;
await encoder.dispose();
answer({ alone, behindBulk });
