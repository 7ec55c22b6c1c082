// Measures the latency of one number of threads. Sends one message to its parent: a list of results.
import { setTimeout as sleep } from 'node:timers/promises';
import { readWorkload } from '../support/arguments.mjs';
import { Contestants } from '../support/contestants.mjs';
import { tokenize, withModels } from '../support/model.mjs';
import { openSession, ortRunner } from '../support/onnx-runtime.mjs';
import { sinterRunner } from '../support/sinter.mjs';
import { median } from '../support/timing.mjs';

/** Consecutive calls of one engine, as a caller makes them who keeps asking. */
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

/** Measures one text; ONNX Runtime counts with the file that is fastest for it. */
async function measureOne(encoder, precision, batch, files, { config, options }) {
  const { threads, calls } = options;
  const sessions = [];
  for (const { name, path } of files) {
    const session = await openSession(path, threads);
    sessions.push({ name, session, run: ortRunner(session, batch, config.hidden_size, 1) });
  }
  const all = [sinterRunner(encoder, batch), ...sessions.map(({ run }) => run)];
  const [sinterMs, ...theirs] = await medians(all, calls);
  for (const { session } of sessions) await session.release();
  const best = theirs.indexOf(Math.min(...theirs));
  const tried = sessions.map(({ name }, i) => ({ file: name, ms: theirs[i] }));
  const result = { onnxruntimeMs: theirs[best], file: sessions[best].name, tried };
  return { length: batch.tokens, precision, threads, sinterMs, ...result };
}

async function measureAll(context) {
  const { encoders, isa, options } = context;
  const contestants = await Contestants.prepare(context);
  contestants.end();
  const results = [];
  for (const precision of options.precisions) {
    const files = contestants.files.filter(
      (file) => file.engine === 'onnxruntime' && file.precision === precision,
    );
    for (const length of options.lengths) {
      const batch = await oneText(encoders.f32, length);
      results.push(await measureOne(encoders[precision], precision, batch, files, context));
    }
  }
  return { isa, results };
}

process.send(await withModels(JSON.parse(process.argv[2]), measureAll));
process.disconnect();
