// Prints one hash per result of a program that the parent has written to the folder `argv[2]`: { isa, lanes, hashes }.
// Lanes come from `argv[3]`, the level from SINTER_ISA.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { termOf, trainStep } from '../../border/step.mjs';
import { border } from './model.mjs';

const folder = process.argv[2];
const {
  graph,
  s8,
  batch: lists,
  width,
  labels,
} = JSON.parse(readFileSync(join(folder, 'model.json'), 'utf8'));
const values = new Float32Array(new Uint8Array(readFileSync(join(folder, 'weights.bin'))).buffer);
border.startLanes(Number(process.argv[3]));

const batch = {
  ids: Int32Array.from(lists.ids),
  offsets: Int32Array.from(lists.offsets),
  segments: Int32Array.from(lists.segments),
};
const hash = (data) =>
  createHash('sha256').update(new Uint8Array(data.buffer)).digest('hex').slice(0, 16);

async function made(from, trainable) {
  const floats = from.weights.map((spec) => ({ ...spec, dtype: 'f32' }));
  const store = new border.Store(floats);
  const written = new border.Program({ ...from, weights: floats }, store, { trainable });
  let at = 0;
  for (const { name, shape } of floats) {
    const size = shape.reduce((a, b) => a * b, 1);
    store.writeWeight(name, 0, 'f32', new Uint8Array(values.slice(at, at + size).buffer));
    at += size;
  }
  await written.seal();
  if (trainable) return written;
  // The s8 weights of the graph are made from the floats.
  const derived = from.weights.map((spec) => ({ ...spec, from: { store, name: spec.name } }));
  const program = new border.Program(from, new border.Store(derived), { trainable });
  await program.seal();
  return program;
}

async function outputs(program, tokenBudget) {
  const data = new Float32Array(batch.ids.length * width);
  const jobId = border.nextJobId();
  await program.run(batch, [{ name: 'hidden', data }], { jobId, tokenBudget });
  return hash(data);
}

async function trained() {
  const program = await made(graph, true);
  const optimizer = { kind: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
  const settings = { optimizer, groups: [] };
  const trainer = new border.Trainer(program, settings);
  const loss = termOf('cross_entropy', Int32Array.from(labels));
  const losses = [];
  for (let i = 0; i < 3; i++) {
    const jobId = border.nextJobId();
    const options = { jobId, learningRate: 1e-3, maxGradNorm: 1, dropoutSeed: i };
    const result = await trainStep(border, trainer, batch, [loss], options);
    losses.push(result.loss, result.gradNorm);
  }
  return hash(
    Float64Array.from([
      ...losses,
      ...graph.weights.flatMap(({ name }) => [...program.store.readWeight(name)]),
    ]),
  );
}

const f32 = await made(graph, false);
const int8 = await made(s8, false);
const hashes = {
  f32: await outputs(f32, 512),
  s8: await outputs(int8, 512),
  f32Small: await outputs(f32, 40),
  s8Small: await outputs(int8, 40),
  trained: await trained(),
};
process.stdout.write(
  JSON.stringify({ active: border.isa().active, lanes: border.lanes(), hashes }),
);
