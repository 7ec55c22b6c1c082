// Measures one number of threads: both engines live in this process and take turns. Sends one message to its parent.
import { readWorkload } from '../support/arguments.mjs';
import { idealSeconds, load, measurePeaks } from '../support/machine.mjs';
import {
  exportForms,
  loadEncoders,
  prepareFolder,
  readConfig,
  tokenize,
} from '../support/model.mjs';
import { openSession, ortRunner } from '../support/onnx-runtime.mjs';
import { cosines } from '../support/output.mjs';
import { activeIsa, sinterRunner } from '../support/sinter.mjs';
import { interleave, summarize, timeOnce } from '../support/timing.mjs';
import { measureTexts } from './texts.mjs';

/** Texts of the warm-up pass of a setting. */
const WARMUP_TEXTS = 32;

/** Settings that go on to the measured rounds: one pass alone says too little on a machine with neighbours. */
const FINALISTS = 3;

/** One pass of every file and batch size after a short warm-up; [{ name, path, size, ms }], fastest first. */
async function trySettings(files, batch, hidden, options) {
  const warmup = firstTexts(batch, WARMUP_TEXTS);
  const tried = [];
  for (const { name, path } of files) {
    const session = await openSession(path, options.threads);
    for (const size of options.batches) {
      await ortRunner(session, warmup, hidden, size)();
      const { ms } = await timeOnce(ortRunner(session, batch, hidden, size));
      tried.push({ name, path, size, ms: Number(ms.toFixed(2)) });
    }
    await session.release();
  }
  return tried.sort((a, b) => a.ms - b.ms);
}

/** Ours and the finalists of theirs, interleaved. The finalist with the best median is theirs. */
async function compete(ours, tried, batch, hidden, { threads, rounds }) {
  const finalists = [];
  for (const setting of tried.slice(0, FINALISTS)) {
    const session = await openSession(setting.path, threads);
    finalists.push({ ...setting, session, run: ortRunner(session, batch, hidden, setting.size) });
  }
  const times = await interleave([ours, ...finalists.map(({ run }) => run)], rounds);
  const [own, ...theirs] = times.map(summarize);
  const medians = theirs.map(({ medianMs }) => medianMs);
  const winner = medians.indexOf(Math.min(...medians));
  for (const [i, { session }] of finalists.entries()) if (i !== winner) await session.release();
  return { own, best: { ...finalists[winner], summary: theirs[winner] } };
}

function firstTexts({ ids, offsets, lengths }, count) {
  return { ids, offsets: offsets.subarray(0, count + 1), lengths: lengths.slice(0, count) };
}

async function measureOne(workload, precision, context) {
  const { encoders, files, config, peaks, options } = context;
  const { threads, tokenBudget } = options;
  const hidden = config.hidden_size;
  const batch = await tokenize(encoders.f32, workload.texts, workload.maxTokens);
  const ours = sinterRunner(encoders[precision], batch, hidden, tokenBudget);
  const tried = await trySettings(files[precision], batch, hidden, options);
  const { own, best } = await compete(ours, tried, batch, hidden, options);
  const agreement = await agree(precision, encoders, batch, best.run, hidden);
  const texts = await measureTexts(workload, precision, best, batch, context);
  await best.session.release();
  const perSecond = (ms) => (1000 * batch.tokens) / ms;
  const shape = {
    layers: config.num_hidden_layers,
    hidden,
    intermediate: config.intermediate_size,
  };
  const ideal = peaks && idealSeconds(shape, batch.lengths, precision, peaks, threads);
  return {
    workload: workload.name,
    precision,
    texts,
    sequences: batch.lengths.length,
    tokens: batch.tokens,
    sinter: { ...own, tokensPerSecond: perSecond(own.medianMs) },
    onnxruntime: {
      ...best.summary,
      tokensPerSecond: perSecond(best.summary.medianMs),
      file: best.name,
      batch: best.size,
      tried: tried.map(({ name, size, ms }) => ({ file: name, batch: size, ms })),
    },
    ratio: best.summary.medianMs / own.medianMs,
    peakShare: ideal && (1000 * ideal) / own.medianMs,
    agreement,
    load: load(),
  };
}

/** Ours against theirs at the same precision, and both against our f32. */
async function agree(precision, encoders, batch, theirRun, hidden) {
  const own = await sinterRunner(encoders[precision], batch, hidden)();
  const theirs = (await theirRun()).slice();
  const pairs = { 'sinter and onnxruntime': cosines(own, theirs, hidden) };
  if (precision === 'f32') return pairs;
  const reference = await sinterRunner(encoders.f32, batch, hidden)();
  return {
    ...pairs,
    'sinter and its f32': cosines(own, reference, hidden),
    'onnxruntime and f32': cosines(theirs, reference, hidden),
  };
}

async function main() {
  const options = JSON.parse(process.argv[2]);
  const { folder, model, remove } = prepareFolder();
  try {
    const encoders = await loadEncoders(model, options.precisions, options.threads);
    const isa = activeIsa();
    const peaks = measurePeaks(isa);
    const files = {};
    for (const precision of options.precisions) {
      const made = await exportForms(encoders[precision], precision, folder, options.quick);
      files[precision] = [...made, ...options.peers.filter((peer) => peer.precision === precision)];
    }
    const context = { encoders, files, config: readConfig(model), peaks, options, folder };
    const results = [];
    for (const name of options.workloads) {
      for (const precision of options.precisions) {
        console.error(`${name}, ${precision}, ${options.threads} thread(s)`);
        results.push(await measureOne(readWorkload(name), precision, context));
      }
    }
    for (const encoder of Object.values(encoders)) await encoder.dispose();
    process.send({ isa, peaks, results });
  } finally {
    remove();
  }
  process.disconnect();
}

await main();
