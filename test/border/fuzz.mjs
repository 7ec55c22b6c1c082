// Spoils valid graphs and calls at random for `argv[2]` rounds and runs what is accepted. Every refusal must carry a
// code. Prints { accepted, refused, failures } and the seed of a round before it runs, so that a crash can be repeated.
import { writeSync } from 'node:fs';
import {
  batch,
  border,
  FEATURES,
  featuredGraph,
  fill,
  graph,
  loss,
  made,
  newerGraph,
  options,
  settings,
  stepOptions,
  step as takeStep,
} from './small.mjs';
import { termOf } from './step.mjs';

const [rounds, firstSeed] = [Number(process.argv[2]), Number(process.argv[3] ?? 1)];
const CODES = new Set(border.errorCodes());

function generator(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const STRINGS = [
  '',
  'x',
  'sum',
  'qkv',
  'query',
  'tokens',
  'norm.bias',
  'table',
  'distances',
  'gated',
  'picked',
  'f32',
  's8',
  'f16',
  'scale',
  'position',
  'token',
  'cls',
  'max',
  'gelu',
  'relu',
  'none',
];
const NUMBERS = [
  0,
  1,
  2,
  3,
  4,
  7,
  8,
  16,
  24,
  -1,
  0.5,
  1e9,
  2 ** 31,
  2 ** 53,
  Number.NaN,
  Number.POSITIVE_INFINITY,
];

function value(draw) {
  switch (draw(6)) {
    case 0:
      return STRINGS[draw(STRINGS.length)];
    case 1:
      return [null, undefined, true, {}, [], new Int32Array(2), new Float32Array(2)][draw(7)];
    default:
      return NUMBERS[draw(NUMBERS.length)];
  }
}

/** Every place in a plain value: [holder, key]. */
function places(holder, list = []) {
  for (const key of Object.keys(holder)) {
    list.push([holder, key]);
    const inner = holder[key];
    if (typeof inner === 'object' && inner !== null && !ArrayBuffer.isView(inner))
      places(inner, list);
  }
  return list;
}

function spoil(target, draw) {
  const list = places(target);
  for (let times = draw(3); times >= 0; times--) {
    const [holder, key] = list[draw(list.length)];
    const [other, from] = list[draw(list.length)];
    const kind = draw(4);
    if (kind === 0)
      holder[key] = other[from]; // a valid value in a wrong place
    else if (kind === 1) delete holder[key];
    else holder[key] = value(draw);
  }
  return target;
}

function outputFor(name, texts) {
  const sizes = { logits: [3, 3], embedding: [3, 8], hidden: [7, 8], words: [3, 2] };
  const width = sizes[name] ?? [1, 1];
  return { name, data: new Float32Array(width[0] * width[1] * texts) };
}

/** The batch with three selected tokens. */
const selecting = () => ({ ...batch(), selected: Int32Array.of(0, 3, 6) });

/** A loss that fits one of the outputs. */
function anyLoss(number) {
  if (number === 0) return loss();
  if (number === 1) return termOf('bce', new Float32Array(9));
  if (number === 2) return termOf('mse', new Float32Array(9));
  if (number === 3) return termOf('external', new Float32Array(6), 'words');
  if (number === 4) return termOf('in_batch_negatives', Int32Array.of(1));
  return termOf('span', Int32Array.of(0, 1, -1, 0, 3, 3)); // refused unless logits are pairs
}

/** A graph, a run and a step that read features. */
async function featuredRound(draw) {
  const given = draw(2) === 0 ? featuredGraph() : spoil(featuredGraph(), draw);
  const program = made(given, true);
  fill(program, given);
  await program.seal();
  const features = new Float32Array(3 * FEATURES).fill(0.5);
  const call = {
    batch: { ...batch(), features },
    outputs: [outputFor('logits', 1)],
    options: options(),
  };
  if (draw(2) === 1) spoil(call, draw);
  await program.run(call.batch, call.outputs, call.options);
  const trainer = new border.Trainer(program, settings());
  const step = { batch: { ...batch(), features }, loss: loss(), options: stepOptions() };
  if (draw(2) === 1) spoil(step, draw);
  await trainer.step(step.batch, step.loss, step.options);
}

async function round(draw) {
  if (draw(8) === 0) return featuredRound(draw);
  const trainable = draw(2) === 1;
  const newer = draw(2) === 1;
  const right = newer ? newerGraph() : graph();
  const given = draw(2) === 0 ? right : spoil(right, draw);
  const program = made(given, trainable);
  fill(program, given);
  await program.seal();
  const call = {
    batch: selecting(),
    outputs: [outputFor(['logits', 'embedding', 'hidden', 'words'][draw(newer ? 4 : 3)], 1)],
    options: options(),
  };
  if (draw(2) === 1) spoil(call, draw);
  await program.run(call.batch, call.outputs, call.options);
  if (!trainable) return;
  const trainer = new border.Trainer(program, settings());
  const step = { batch: selecting(), loss: anyLoss(draw(newer ? 6 : 3)), options: stepOptions() };
  if (draw(2) === 1) spoil(step, draw);
  await takeStep(trainer, step.batch, step.loss, step.options);
  for (const { name } of given.weights) trainer.readGradient(name);
}

border.startLanes(2);
const result = { accepted: 0, refused: 0, failures: [] };
for (let seed = firstSeed; seed < firstSeed + rounds; seed++) {
  writeSync(2, `${seed}\n`);
  try {
    await round(generator(seed));
    result.accepted++;
  } catch (error) {
    // fill() itself stumbles over some spoiled graphs: a TypeError or RangeError of JavaScript.
    const known =
      CODES.has(error.code) || error instanceof TypeError || error instanceof RangeError;
    if (known) result.refused++;
    else result.failures.push(`${seed}: ${error}`);
  }
}
process.stdout.write(JSON.stringify(result));
