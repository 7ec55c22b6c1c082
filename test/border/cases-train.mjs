// Trainers made and stepped in wrong ways.
// A case is [name, expected, action]; see cases-graph.mjs.
import {
  batch,
  border,
  fill,
  graph,
  loss,
  made,
  sealedProgram,
  settings,
  stepOptions,
  step as takeStep,
} from './small.mjs';
import { termOf } from './step.mjs';

export const trainerOf = async (changes = {}) =>
  new border.Trainer(await sealedProgram(true), { ...settings(), ...changes });
const step = async (lossChanges = {}, more = {}, batchChanges = {}) =>
  takeStep(
    await trainerOf(),
    { ...batch(), ...batchChanges },
    { ...loss(), ...lossChanges },
    { ...stepOptions(), ...more },
  );
const external = (changes = {}) =>
  step({ kind: 'external', targets: new Float32Array(9), ...changes });
const optimizer = (changes) => trainerOf({ optimizer: { ...settings().optimizer, ...changes } });
const groups = (changes) => trainerOf({ groups: [{ ...settings().groups[0], ...changes }] });
const settingsOfTrainer = () => settings();
const ints = (...values) => Int32Array.of(...values);

export const trainCases = [
  ['Trainer without arguments', 'INTERNAL', () => new border.Trainer()],
  ['Trainer of an object', 'INTERNAL', () => new border.Trainer({}, settings())],
  [
    'Trainer of a look-alike',
    'INTERNAL',
    () => new border.Trainer(new (class Program {})(), settings()),
  ],
  [
    'Trainer of a trainer',
    'INTERNAL',
    async () => new border.Trainer(await trainerOf(), settings()),
  ],
  [
    'Trainer of a Proxy',
    'INTERNAL',
    async () => new border.Trainer(new Proxy(await sealedProgram(true), {}), settings()),
  ],
  [
    'Trainer of Object.create(program)',
    'INTERNAL',
    async () => new border.Trainer(Object.create(await sealedProgram(true)), settings()),
  ],
  [
    'Trainer of an unsealed program',
    'INTERNAL',
    () => new border.Trainer(made(graph(), true), settings()),
  ],
  [
    'Trainer of a program for inference',
    'INTERNAL',
    async () => new border.Trainer(await sealedProgram(), settings()),
  ],
  [
    'Trainer of a disposed program',
    'DISPOSED',
    async () => {
      const program = await sealedProgram(true);
      program.dispose();
      new border.Trainer(program, settings());
    },
  ],
  [
    'Trainer of a program that the settings dispose',
    'DISPOSED',
    async () => {
      const program = await sealedProgram(true);
      const own = settings();
      Object.defineProperty(own.optimizer, 'beta1', {
        get() {
          program.dispose();
          return 0.9;
        },
      });
      new border.Trainer(program, own);
    },
  ],
  ['settings missing', 'INTERNAL', async () => new border.Trainer(await sealedProgram(true))],
  ['beta1 a string', 'INTERNAL', () => optimizer({ beta1: '0.9' })],
  ['optimizer unknown', 'INTERNAL', () => optimizer({ kind: 'adagrad' })],
  ['optimizer missing', 'INTERNAL', () => trainerOf({ optimizer: undefined })],
  ['nesterov a number', 'INTERNAL', () => optimizer({ kind: 'sgd', nesterov: 1 })],
  ['sgd', 'fine', () => optimizer({ kind: 'sgd', momentum: 0.9, nesterov: true })],
  ['adam', 'fine', () => optimizer({ kind: 'adam' })],
  ['lamb', 'fine', () => optimizer({ kind: 'lamb' })],
  ['lion', 'fine', () => optimizer({ kind: 'lion' })],
  ['trustRatio a number', 'INTERNAL', () => groups({ trustRatio: 1 })],
  ['averageDecay a text', 'INTERNAL', () => trainerOf({ averageDecay: '0.9' })],
  ['averageDecay not a number', 'fine', () => trainerOf({ averageDecay: Number.NaN })],
  ['keeps a number', 'INTERNAL', () => trainerOf({ keeps: 1 })],
  ['groups missing', 'INTERNAL', () => trainerOf({ groups: undefined })],
  ['a group without weights', 'INTERNAL', () => groups({ weights: undefined })],
  ['weights of a group a string', 'INTERNAL', () => groups({ weights: 'query' })],
  ['weights of a group numbers', 'INTERNAL', () => groups({ weights: [1] })],
  ['a weight of a group unknown', 'INTERNAL', () => groups({ weights: ['x'] })],
  ['a weight in a group twice', 'INTERNAL', () => groups({ weights: ['query', 'query'] })],
  ['weightDecay missing', 'INTERNAL', () => groups({ weightDecay: undefined })],
  ['learningRateFactor missing', 'INTERNAL', () => groups({ learningRateFactor: undefined })],
  ['loss unknown', 'INTERNAL', () => step({ kind: 'hinge' })],
  ['labels too few', 'INTERNAL', () => step({ targets: ints(0, 1) })],
  ['labels too many', 'INTERNAL', () => step({ targets: ints(0, 1, 2, 0) })],
  ['label 3', 'INTERNAL', () => step({ targets: ints(0, 1, 3) })],
  ['label -2', 'INTERNAL', () => step({ targets: ints(0, 1, -2) })],
  ['labels of floats', 'INTERNAL', () => step({ targets: new Float32Array(3) })],
  ['all labels ignored', 'fine', () => step({ targets: ints(-1, -1, -1) })],
  [
    'labels made wild during',
    'fine',
    async () => {
      const trainer = await trainerOf();
      const one = loss();
      const running = takeStep(trainer, batch(), one, stepOptions());
      one.targets.fill(2 ** 30);
      await running;
    },
  ],
  [
    'cross entropy without logits',
    'INTERNAL',
    async () => {
      const g = graph();
      delete g.outputs.logits;
      const program = made(g, true);
      fill(program, g);
      await program.seal();
      await takeStep(new border.Trainer(program, settings()), batch(), loss(), stepOptions());
    },
  ],
  ['external', 'fine', () => external()],
  [
    'external for every token',
    'fine',
    () => external({ output: 'hidden', targets: new Float32Array(56) }),
  ],
  ['external output unknown', 'INTERNAL', () => external({ output: 'nothing' })],
  ['external gradient too short', 'INTERNAL', () => external({ targets: new Float32Array(8) })],
  ['external gradient of doubles', 'INTERNAL', () => external({ targets: new Float64Array(9) })],
  [
    'external gradient transferred before',
    'INTERNAL',
    () => {
      const gradient = new Float32Array(9);
      structuredClone(gradient, { transfer: [gradient.buffer] });
      return external({ targets: gradient });
    },
  ],
  [
    'external gradient transferred during',
    'fine',
    async () => {
      const trainer = await trainerOf();
      const gradient = new Float32Array(9);
      const one = termOf('external', gradient);
      const running = takeStep(trainer, batch(), one, stepOptions());
      structuredClone(gradient, { transfer: [gradient.buffer] });
      globalThis.gc?.();
      await running;
    },
  ],
  ['learningRate missing', 'INTERNAL', () => step({}, { learningRate: undefined })],
  ['maxGradNorm a string', 'INTERNAL', () => step({}, { maxGradNorm: '1' })],
  ['sliceTokens 0', 'INTERNAL', () => step({}, { sliceTokens: 0 })],
  ['sliceTokens 1', 'fine', () => step({}, { sliceTokens: 1 })],
  ['weight missing', 'INTERNAL', () => step({ weight: undefined })],
  ['weight no number', 'INTERNAL', () => step({ weight: Number.NaN })],
  ['output missing', 'INTERNAL', () => step({ output: undefined })],
  ['settings empty', 'fine', () => step({ settings: {} })],
  ['settings null', 'INTERNAL', () => step({ settings: null })],
  ['settings a number', 'INTERNAL', () => step({ settings: 1 })],
  ['labelSmoothing', 'fine', () => step({ settings: { labelSmoothing: 0.1 } })],
  ['labelSmoothing 2', 'INTERNAL', () => step({ settings: { labelSmoothing: 2 } })],
  ['labelSmoothing NaN', 'INTERNAL', () => step({ settings: { labelSmoothing: Number.NaN } })],
  ['labelSmoothing a string', 'INTERNAL', () => step({ settings: { labelSmoothing: '0' } })],
  ['temperature 0', 'INTERNAL', () => step({ settings: { temperature: 0 } })],
  [
    'temperature infinite',
    'INTERNAL',
    () => step({ settings: { temperature: Number.POSITIVE_INFINITY } }),
  ],
  ['gamma -1', 'INTERNAL', () => step({ settings: { gamma: -1 } })],
  ['delta -1', 'INTERNAL', () => step({ settings: { delta: -1 } })],
  ['beta NaN', 'INTERNAL', () => step({ settings: { beta: Number.NaN } })],
  ['alpha 2', 'INTERNAL', () => step({ settings: { alpha: 2 } })],
  ['classWeights', 'fine', () => step({ settings: { classWeights: new Float32Array(3) } })],
  [
    'classWeights too few',
    'INTERNAL',
    () => step({ settings: { classWeights: new Float32Array(2) } }),
  ],
  ['classWeights an array', 'INTERNAL', () => step({ settings: { classWeights: [1, 1, 1] } })],
  [
    'classWeights negative',
    'INTERNAL',
    () => step({ settings: { classWeights: Float32Array.of(1, -1, 1) } }),
  ],
  [
    'posWeights too many',
    'INTERNAL',
    () => external({ kind: 'bce', settings: { posWeights: new Float32Array(4) } }),
  ],
  [
    'posWeights infinite',
    'INTERNAL',
    () =>
      external({
        kind: 'bce',
        settings: { posWeights: Float32Array.of(1, Number.POSITIVE_INFINITY, 1) },
      }),
  ],
  [
    'posWeights transferred before',
    'fine',
    () => {
      const posWeights = new Float32Array(3);
      structuredClone(posWeights, { transfer: [posWeights.buffer] });
      return external({ kind: 'bce', settings: { posWeights } });
    },
  ],
  [
    'settings that dispose the program',
    'fine',
    async () => {
      const program = await sealedProgram(true);
      const settings = { classWeights: Float32Array.of(1, 1, 1) };
      Object.defineProperty(settings, 'temperature', {
        get() {
          program.dispose();
          return 1;
        },
      });
      const trainer = new border.Trainer(program, settingsOfTrainer());
      await takeStep(trainer, batch(), { ...loss(), settings }, stepOptions());
    },
  ],
  ['targets missing', 'INTERNAL', () => step({ targets: undefined })],
  ['dropoutSeed a string', 'INTERNAL', () => step({}, { dropoutSeed: '7' })],
  ['dropoutSeed missing', 'INTERNAL', () => step({}, { dropoutSeed: undefined })],
  ['jobId missing', 'INTERNAL', () => step({}, { jobId: undefined })],
  ['a wild id', 'INTERNAL', () => step({}, {}, { ids: new Int32Array(7).fill(99) })],
  [
    'no texts',
    'fine',
    () => step({ targets: ints() }, {}, { ids: ints(), offsets: ints(0), segments: null }),
  ],
];
