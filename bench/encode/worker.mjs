// Measures one number of threads. The engines take turns: those for Node in this process, those for Python in a child. Sends
// one message to its parent.
import { readWorkload } from '../support/arguments.mjs';
import { Contestants } from '../support/contestants.mjs';
import { idealSeconds, load } from '../support/machine.mjs';
import { tokenize, withModels } from '../support/model.mjs';
import { cosines } from '../support/output.mjs';
import { sinterRunner } from '../support/sinter.mjs';
import { measureTexts } from './texts.mjs';

async function measureOne(workload, precision, contestants, context) {
  const { encoders, config, peaks, options } = context;
  const { threads, tokenBudget, rounds } = options;
  const hidden = config.hidden_size;
  const batch = await tokenize(encoders.f32, workload.texts, workload.maxTokens);
  const ours = sinterRunner(encoders[precision], batch, tokenBudget);
  const { own, peers, close } = await contestants.compete(ours, batch, hidden, precision, rounds);
  const agreement = await agree(precision, encoders, batch, peers, hidden);
  const onnxruntime = peers.find(({ engine }) => engine === 'onnxruntime').setting;
  const texts = await measureTexts(workload, precision, onnxruntime, batch, context);
  await close();
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
    peers: peers.map(({ setting: _, ...peer }) => ({
      ...peer,
      tokensPerSecond: perSecond(peer.medianMs),
      ratio: peer.medianMs / own.medianMs,
      cpuRatio: peer.medianCpuMs / own.medianCpuMs,
    })),
    ratio: peers[0].medianMs / own.medianMs,
    peakShare: ideal && (1000 * ideal) / own.medianMs,
    agreement,
    load: load(),
  };
}

/** Cosines of Sinter with each other engine at the same precision, and of all of them with Sinter's f32 vectors. */
async function agree(precision, encoders, batch, peers, hidden) {
  const own = await sinterRunner(encoders[precision], batch)();
  const reference = await sinterRunner(encoders.f32, batch)();
  const pairs =
    precision === 'f32' ? {} : { 'sinter and its f32': cosines(own, reference, hidden) };
  for (const { engine, setting } of peers) {
    const theirs = await setting.vectors();
    pairs[`${engine} and f32`] = cosines(theirs, reference, hidden);
    if (precision !== 'f32') pairs[`${engine} and sinter`] = cosines(theirs, own, hidden);
  }
  return pairs;
}

async function measureAll(context) {
  const { options, isa, peaks } = context;
  const contestants = await Contestants.prepare(context);
  const results = [];
  try {
    for (const name of options.workloads) {
      for (const precision of options.precisions) {
        console.error(`${name}, ${precision}, ${options.threads} thread(s)`);
        results.push(await measureOne(readWorkload(name), precision, contestants, context));
      }
    }
  } finally {
    contestants.end();
  }
  return { isa, peaks, results };
}

process.send(await withModels(JSON.parse(process.argv[2]), measureAll));
process.disconnect();
