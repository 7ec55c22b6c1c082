// Everything at once for a while: clients, aborts, disposals, worker threads, training, full queues. It ends with code 0
// when every result had the right bits, every promise settled and memory stayed flat.
//
//   node test/stress/run.mjs [--seconds 60] [--seed N] [--json]

import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { cast } from './actors.mjs';
import { knownVectors, loadEncoder } from './models.mjs';
import { randomOf, sleep, Tally } from './tally.mjs';

/** Growth of the resident set from a third of the run to its end that is still called flat. */
const MAX_GROWTH_MB = 48;
/** How long calls that have begun may take after the end of the run. */
const PATIENCE_MS = 30_000;

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc');

async function residentMb() {
  for (let i = 0; i < 3; i++) {
    gc();
    await sleep(20);
  }
  return process.memoryUsage.rss() / 2 ** 20;
}

async function stress(seconds, seed) {
  const tally = new Tally();
  const encoder = await loadEncoder();
  const quantized = await encoder.quantize();
  const known = await knownVectors(encoder);
  const models = [
    { encoder, known },
    { encoder: quantized, known: await knownVectors(quantized) },
  ];
  const end = performance.now() + 1000 * seconds;
  const over = () => performance.now() >= end || tally.faults.length > 0;
  const batcher = encoder.batch({ maxQueue: 100 });
  const world = { tally, encoder, models, known, batcher, over };
  const actors = cast(world, randomOf(seed)).map((start) =>
    start().catch((error) => tally.fault(`an actor failed: ${error?.stack ?? error}`)),
  );
  await sleep((1000 * seconds) / 3);
  const early = await residentMb();
  const patience = new AbortController();
  const late = sleep(Math.max(0, end - performance.now()) + PATIENCE_MS);
  const settled = Promise.all(actors).then(() => patience.abort());
  await Promise.race([settled, late]);
  const { open } = tally;
  if (!patience.signal.aborted) tally.fault(`not settled: ${open.join(', ') || 'an actor'}`);
  else await Promise.all([encoder.dispose(), quantized.dispose()]);
  const growthMb = (await residentMb()) - early;
  return { tally, growthMb, metrics: batcher.metrics() };
}

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const seconds = Number(values.seconds);
const seed = Number(values.seed ?? Date.now() % 2 ** 32);
if (!(seconds > 0) || !Number.isSafeInteger(seed))
  throw new RangeError('--seconds and --seed must be numbers');
const { tally, growthMb, metrics } = await stress(seconds, seed);
// A sanitizer keeps freed memory.
const sanitized = (process.env.LD_PRELOAD ?? '').includes('san');
if (!sanitized && growthMb > MAX_GROWTH_MB)
  tally.fault(`memory grew by ${growthMb.toFixed(0)} MiB`);
const report = { seconds, seed, ends: tally.ends, growthMb, faults: tally.faults };
if (values.json) {
  console.log(JSON.stringify(report));
} else {
  const { p50, p99 } = metrics.queueMs.interactive;
  console.log(`seed ${seed}, ${seconds} s, lanes ${(100 * metrics.laneUse).toFixed(0)} % busy`);
  console.log(
    Object.entries(tally.ends)
      .map(([end, n]) => `${end} ${n}`)
      .join(', '),
  );
  console.log(
    `queue ${p50.toFixed(1)} ms (p99 ${p99.toFixed(1)}), memory ${growthMb.toFixed(1)} MiB`,
  );
  for (const fault of tally.faults) console.error(fault);
}
process.exit(tally.faults.length > 0 ? 1 : 0);
