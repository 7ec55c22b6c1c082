// Measures the latency of one number of threads. Sends one message to its parent: a list of results.
import { setTimeout as sleep } from 'node:timers/promises';
import { readWorkload } from '../support/arguments.mjs';
import {
  exportForms,
  loadEncoders,
  prepareFolder,
  readConfig,
  tokenize,
} from '../support/model.mjs';
import { openSession, ortRunner } from '../support/onnx-runtime.mjs';
import { sinterRunner } from '../support/sinter.mjs';
import { median } from '../support/timing.mjs';

/** Calls in a row of one engine: what a caller that keeps asking sees. */
const BLOCK = 20;

/** Median milliseconds of each candidate over `calls` calls in alternating blocks; the first call of a block warms up. */
async function medians(candidates, calls) {
  const times = candidates.map(() => []);
  for (let block = 0; block * BLOCK < calls; block++) {
    for (const [i, run] of candidates.entries()) {
      await sleep(20);
      await run();
      for (let call = 0; call < BLOCK; call++) {
        const start = performance.now();
        await run();
        times[i].push(performance.now() - start);
      }
    }
  }
  return times.map(median);
}

/** One text of `length` tokens, cut out of a longer one. */
async function oneText(encoder, length) {
  const { texts } = readWorkload('equal128_en');
  const joined = texts.join(' ');
  const batch = await tokenize(encoder, [joined], length);
  if (batch.tokens !== length) throw new RangeError(`--length ${length} is over the model's limit`);
  return batch;
}

/** The file that is fastest for this text, of all forms. */
async function measureOne(encoder, precision, batch, files, config, options) {
  const { threads, calls } = options;
  const sessions = [];
  for (const { name, path } of files) {
    const session = await openSession(path, threads);
    sessions.push({ name, session, run: ortRunner(session, batch, config.hidden_size, 1) });
  }
  const ours = sinterRunner(encoder, batch, config.hidden_size);
  const all = [ours, ...sessions.map(({ run }) => run)];
  const [sinterMs, ...theirs] = await medians(all, calls);
  for (const { session } of sessions) await session.release();
  const best = theirs.indexOf(Math.min(...theirs));
  const tried = sessions.map(({ name }, i) => ({ file: name, ms: theirs[i] }));
  const result = { onnxruntimeMs: theirs[best], file: sessions[best].name, tried };
  return { length: batch.tokens, precision, threads, sinterMs, ...result };
}

async function main() {
  const options = JSON.parse(process.argv[2]);
  const { folder, model, remove } = prepareFolder();
  try {
    const config = readConfig(model);
    const encoders = await loadEncoders(model, options.precisions, options.threads);
    const results = [];
    for (const precision of options.precisions) {
      const encoder = encoders[precision];
      const files = await exportForms(encoder, precision, folder, false);
      for (const length of options.lengths) {
        const batch = await oneText(encoders.f32, length);
        results.push(await measureOne(encoder, precision, batch, files, config, options));
      }
    }
    for (const encoder of Object.values(encoders)) await encoder.dispose();
    process.send(results);
  } finally {
    remove();
  }
  process.disconnect();
}

await main();
