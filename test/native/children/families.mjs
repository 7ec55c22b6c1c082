// Prints one hash per result of the programs that the parent has written to the file `argv[2]`: { active, lanes, hashes }.
// Lanes come from `argv[3]`, the level from SINTER_ISA.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { border } from '../../border/small.mjs';
import { trainStep } from '../../border/step.mjs';

const { models, batch: lists } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
border.startLanes(Number(process.argv[3]));

const batch = {
  ids: Int32Array.from(lists.ids),
  offsets: Int32Array.from(lists.offsets),
  segments: null,
  selected: Int32Array.from(lists.selected),
};
const hash = (data) =>
  createHash('sha256').update(new Uint8Array(data.buffer)).digest('hex').slice(0, 16);

async function made(graph, weights, trainable) {
  const floats = graph.weights.map((spec) => ({ ...spec, dtype: 'f32' }));
  const store = new border.Store(floats);
  const written = new border.Program({ ...graph, weights: floats }, store, { trainable });
  for (const { name } of floats) {
    const values = Float32Array.from(weights[name]);
    store.writeWeight(name, 0, 'f32', new Uint8Array(values.buffer));
  }
  await written.seal();
  if (trainable) return written;
  // The s8 weights of the graph are made from the floats.
  const derived = graph.weights.map((spec) => ({ ...spec, from: { store, name: spec.name } }));
  const program = new border.Program(graph, new border.Store(derived), { trainable });
  await program.seal();
  return program;
}

/** The batch, with features where the model reads some. */
const batchFor = ({ features }) => ({
  ...batch,
  ...(features && { features: Float32Array.from(features) }),
});

async function logits(program, model, tokenBudget) {
  const { size } = model;
  const data = new Float32Array(size);
  const jobId = border.nextJobId();
  await program.run(batchFor(model), [{ name: 'logits', data }], { jobId, tokenBudget });
  return hash(data);
}

/** Three steps with dropout: losses, norms and all weights. */
async function trained(model) {
  const { graph, weights } = model;
  const program = await made(graph, weights, true);
  const optimizer = { kind: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
  const groups = [{ weights: ['up.weight'], learningRateFactor: 1, weightDecay: 0.01 }];
  const settings = { optimizer, groups };
  const trainer = new border.Trainer(program, settings);
  const numbers = [];
  for (let i = 0; i < 3; i++) {
    const jobId = border.nextJobId();
    const options = { jobId, learningRate: 1e-3, maxGradNorm: 1, dropoutSeed: i };
    const result = await trainStep(border, trainer, batchFor(model), [typed(model.loss)], options);
    numbers.push(result.loss, result.gradNorm);
  }
  for (const { name } of graph.weights) numbers.push(...program.store.readWeight(name));
  return hash(Float64Array.from(numbers));
}

const typed = ({ isFloat, targets, settings, lists, ...term }) => ({
  ...term,
  ...(lists && { lists: Int32Array.from(lists) }),
  targets: isFloat ? Float32Array.from(targets) : Int32Array.from(targets),
  settings: Object.fromEntries(
    settings.map(([key, value]) => [key, value.floats ? Float32Array.from(value.floats) : value]),
  ),
});

const hashes = {};
for (const model of models) {
  const { name, graph, s8, weights } = model;
  const f32 = await made(graph, weights, false);
  const int8 = await made(s8, weights, false);
  hashes[`${name} f32`] = await logits(f32, model, 512);
  hashes[`${name} f32 cut`] = await logits(f32, model, 40);
  hashes[`${name} s8`] = await logits(int8, model, 512);
  hashes[`${name} s8 cut`] = await logits(int8, model, 40);
  hashes[`${name} trained`] = await trained(model);
}
process.stdout.write(
  JSON.stringify({ active: border.isa().active, lanes: border.lanes(), hashes }),
);
