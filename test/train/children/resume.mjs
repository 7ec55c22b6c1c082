// One training of the small model in the file `argv[2]`, with the plan of its checkpoints in `argv[3]` and
// a step after which it breaks off in `argv[4]` (0: never). Prints a hash of all weights and the losses.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { native } from '../../../dist/native/native.js';
import { Checkpoints } from '../../../dist/train/checkpoints.js';
import { Corpus } from '../../../dist/train/corpus.js';
import { maskedTokens } from '../../../dist/train/objectives.js';
import { runTraining } from '../../../dist/train/train-loop.js';

const { graph, weights, corpus, settings, lanes } = JSON.parse(
  readFileSync(process.argv[2], 'utf8'),
);
const plan = JSON.parse(process.argv[3]);
const last = Number(process.argv[4]);
const { startLanes, Store, Program } = native();
startLanes(lanes[plan.resume ? 1 : 0]);

const store = new Store(graph.weights);
const program = new Program(graph, store, { trainable: true });
for (const [name, values] of Object.entries(weights)) {
  store.writeWeight(name, 0, 'f32', new Uint8Array(Float32Array.from(values).buffer));
}
await program.seal();

const ids = Int32Array.from(corpus.ids);
const offsets = Int32Array.from(corpus.offsets);
const targets = { unit: 'text', width: 0, values: new Int32Array() };
const texts = new Corpus({ ids, offsets, segments: null }, targets);
const vocabulary = graph.vocabulary;
const masks = maskedTokens({ probability: 0.3, maskId: 1, vocabulary, kept: new Set([0]) });
const hooks = {
  onStep({ step }) {
    if (step === last) throw new Error('broken off');
  },
  ...(plan.folder && { checkpoints: new Checkpoints(plan) }),
};
const report = await runTraining(program, graph, texts, masks, settings, hooks).catch((error) => {
  if (error.message !== 'broken off') throw error;
  return { steps: [] };
});
const hash = createHash('sha256');
for (const { name } of graph.weights) hash.update(store.readWeight(name));
const losses = report.steps.map(({ step, loss }) => [step, loss]);
console.log(JSON.stringify({ hash: hash.digest('hex'), losses, epochs: report.epochs }));
