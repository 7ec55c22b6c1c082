// Requests through `encoder.batch()`: the time of all texts by 64 callers, each of whom waits for its answer, against one
// `embed` of them; and the milliseconds of single requests while another group has a thousand waiting.
import { setTimeout as sleep } from 'node:timers/promises';
import { readWorkload } from '../support/arguments.mjs';
import { interleave, summarize } from '../support/timing.mjs';
import { answer, loadEncoder, options, quantile } from './input.mjs';

const CALLERS = 64;
const WAITING = options.quick ? 200 : 1000;
const SINGLES = options.quick ? 5 : 40;

/** All texts, by callers that each send one after the other. */
async function byCallers(batcher, texts) {
  let next = 0;
  const caller = async () => {
    while (next < texts.length) await batcher.run(texts[next++]);
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
}

/** Milliseconds of single requests while `group` keeps many waiting. */
async function behind(encoder, texts, group) {
  const batcher = encoder.batch({ maxQueue: 10 * WAITING });
  let over = false;
  let sent = 0;
  const refill = () => {
    if (over) return;
    batcher.run(texts[sent++ % texts.length], { group }).then(refill, refill);
  };
  for (let i = 0; i < WAITING; i++) refill();
  await sleep(200);
  const times = [];
  for (let i = 0; i < SINGLES; i++) {
    const start = performance.now();
    await batcher.run(texts[i % texts.length]);
    times.push(performance.now() - start);
    await sleep(5);
  }
  over = true;
  await batcher.dispose();
  return { p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
}

const { texts } = readWorkload('short_en');
const encoder = await loadEncoder();
const batcher = encoder.batch();
await byCallers(batcher, texts.slice(0, 200));
const times = await interleave(
  [() => encoder.embed(texts), () => byCallers(batcher, texts)],
  options.rounds,
);
await batcher.dispose();
const [embed, callers] = times.map(summarize);
const grouped = await behind(encoder, texts, 'other');
const alike = await behind(encoder, texts, '');
await encoder.dispose();
answer({ texts: texts.length, embed, callers, grouped, alike });
