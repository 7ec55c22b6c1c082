// The cost of training with frozen weights: a forward pass, and training steps of the head alone, of the last two layers and of
// everything, on the same batch, in turns; then the peak memory of a process that only runs forward, and of one that only
// trains the head.
//
//   node bench/frozen/run.mjs [--rounds 8] [--slice-tokens 4096]
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { withFloatWeights } from '../../dist/graph/rewrite/tables.js';
import { Encoder } from '../../dist/index.js';
import { native } from '../../dist/native/native.js';
import { deriveProgram } from '../../dist/runtime/program.js';
import { trainStep } from '../../dist/train/step.js';
import { count } from '../support/arguments.mjs';
import { median } from '../support/timing.mjs';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '8' },
    'slice-tokens': { type: 'string', default: '4096' },
    // For a child process: measures this kind alone and prints its peak memory.
    only: { type: 'string' },
  },
});
const rounds = count('--rounds', values.rounds);
const sliceTokens = count('--slice-tokens', values['slice-tokens']);
const { only } = values;
const ADAMW = {
  optimizer: { kind: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
  groups: [],
};

const file = new URL('../../data/banking77/test.csv', import.meta.url);
const lines = readFileSync(file, 'utf8').split('\n').slice(1, 129);
const texts = lines.map((line) => line.slice(0, line.lastIndexOf(',')));
const encoder = await Encoder.load();
const { parts } = await encoder.classifier({ labels: ['a', 'b', 'c'] });
const { ids, offsets } = await parts.tokenizer.encode(texts, { maxTokens: 128, truncate: true });
const batch = { ids, offsets, segments: null };
const graph = withFloatWeights(parts.graph);
const matching = (pattern) => graph.weights.map(({ name }) => name).filter((n) => pattern.test(n));

await parts.program.use('bench', async (program) => {
  const outputs = [{ name: 'logits', data: new Float32Array(3 * texts.length) }];
  const labels = Int32Array.from(texts, (_, i) => i % 3);
  const jobId = () => native().nextJobId();
  const stepper = async (trainable) => {
    const trainer = new (native().Trainer)(
      // Frozen weights keep the storage that they have.
      await deriveProgram(trainable === true ? graph : parts.graph, program.store, { trainable }),
      ADAMW,
    );
    const term = { kind: 'cross_entropy', output: 'logits', weight: 1, targets: labels };
    const settings = { learningRate: 1e-4, maxGradNorm: 1, dropoutSeed: null, sliceTokens };
    return () => trainStep(trainer, batch, [term], settings);
  };
  const makers = {
    forward: () => () => program.run(batch, outputs, { jobId: jobId(), tokenBudget: 512 }),
    head: () => stepper(matching(/^classifier/)),
    'two layers': () => stepper(matching(/layer\.[45]\.|^classifier/)),
    all: () => stepper(true),
  };
  const kinds = {};
  for (const [kind, make] of Object.entries(makers))
    if (only === undefined || only === kind) kinds[kind] = await make();
  const times = Object.fromEntries(Object.keys(kinds).map((kind) => [kind, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const [kind, work] of Object.entries(kinds)) {
      const start = performance.now();
      await work();
      if (round > 0) times[kind].push(performance.now() - start);
    }
  }
  if (only !== undefined) {
    // VmHWM instead of maxRSS: on Linux the maxRSS of a process begins with that of its parent.
    const [, kilobytes] = readFileSync('/proc/self/status', 'utf8').match(/VmHWM:\s+(\d+)/);
    console.log(kilobytes);
    return;
  }
  const ms = Object.fromEntries(Object.entries(times).map(([kind, all]) => [kind, median(all)]));
  for (const [kind, value] of Object.entries(ms)) console.log(`${kind}: ${value.toFixed(0)} ms`);
  console.log(`head / forward: ${(ms.head / ms.forward).toFixed(2)}`);
  console.log(`two layers / all: ${(ms['two layers'] / ms.all).toFixed(2)}`);
  const peak = (kind) => {
    const self = ['--only', kind, '--rounds', '3', '--slice-tokens', `${sliceTokens}`];
    const printed = execFileSync(process.execPath, [process.argv[1], ...self], {
      encoding: 'utf8',
    });
    return Number(printed) / 1024;
  };
  const [forward, head] = [peak('forward'), peak('head')];
  const ratio = (head / forward).toFixed(2);
  console.log(
    `peak memory: forward ${forward.toFixed(0)} MB, head ${head.toFixed(0)} MB, ${ratio}`,
  );
});
