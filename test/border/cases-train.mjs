// Trainers made and stepped in wrong ways.
// A case is [name, expected, action]; see cases-graph.mjs.
import {
  batch,
  border,
  fill,
  graph,
  loss,
  made,
  options,
  output,
  sealedProgram,
  settings,
  stepOptions,
} from './small.mjs';

const trainerOf = async (changes = {}) =>
  new border.Trainer(await sealedProgram(true), { ...settings(), ...changes });
const step = async (lossChanges = {}, more = {}, batchChanges = {}) =>
  (await trainerOf()).step(
    { ...batch(), ...batchChanges },
    { ...loss(), ...lossChanges },
    { ...stepOptions(), ...more },
  );
const external = (changes = {}) =>
  step({ kind: 'external', output: 'logits', gradient: new Float32Array(9), ...changes });
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
      Object.defineProperty(own, 'beta1', {
        get() {
          program.dispose();
          return 0.9;
        },
      });
      new border.Trainer(program, own);
    },
  ],
  ['settings missing', 'INTERNAL', async () => new border.Trainer(await sealedProgram(true))],
  ['beta1 a string', 'INTERNAL', () => trainerOf({ beta1: '0.9' })],
  ['decayed a string', 'INTERNAL', () => trainerOf({ decayed: 'query' })],
  ['decayed numbers', 'INTERNAL', () => trainerOf({ decayed: [1] })],
  ['loss unknown', 'INTERNAL', () => step({ kind: 'hinge' })],
  ['labels too few', 'INTERNAL', () => step({ labels: ints(0, 1) })],
  ['labels too many', 'INTERNAL', () => step({ labels: ints(0, 1, 2, 0) })],
  ['label 3', 'INTERNAL', () => step({ labels: ints(0, 1, 3) })],
  ['label -2', 'INTERNAL', () => step({ labels: ints(0, 1, -2) })],
  ['labels of floats', 'INTERNAL', () => step({ labels: new Float32Array(3) })],
  ['all labels ignored', 'fine', () => step({ labels: ints(-1, -1, -1) })],
  [
    'labels made wild during',
    'fine',
    async () => {
      const trainer = await trainerOf();
      const one = loss();
      const running = trainer.step(batch(), one, stepOptions());
      one.labels.fill(2 ** 30);
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
      await new border.Trainer(program, settings()).step(batch(), loss(), stepOptions());
    },
  ],
  ['external', 'fine', () => external()],
  [
    'external for every token',
    'fine',
    () => external({ output: 'hidden', gradient: new Float32Array(56) }),
  ],
  ['external output unknown', 'INTERNAL', () => external({ output: 'nothing' })],
  ['external gradient too short', 'INTERNAL', () => external({ gradient: new Float32Array(8) })],
  ['external gradient of doubles', 'INTERNAL', () => external({ gradient: new Float64Array(9) })],
  [
    'external gradient transferred before',
    'INTERNAL',
    () => {
      const gradient = new Float32Array(9);
      structuredClone(gradient, { transfer: [gradient.buffer] });
      return external({ gradient });
    },
  ],
  [
    'external gradient transferred during',
    'fine',
    async () => {
      const trainer = await trainerOf();
      const gradient = new Float32Array(9);
      const one = { kind: 'external', output: 'logits', gradient };
      const running = trainer.step(batch(), one, stepOptions());
      structuredClone(gradient, { transfer: [gradient.buffer] });
      globalThis.gc?.();
      await running;
    },
  ],
  ['learningRate missing', 'INTERNAL', () => step({}, { learningRate: undefined })],
  ['update a number', 'INTERNAL', () => step({}, { update: 1 })],
  ['dropoutSeed a string', 'INTERNAL', () => step({}, { dropoutSeed: '7' })],
  ['dropoutSeed missing', 'INTERNAL', () => step({}, { dropoutSeed: undefined })],
  ['jobId missing', 'INTERNAL', () => step({}, { jobId: undefined })],
  ['a wild id', 'INTERNAL', () => step({}, {}, { ids: new Int32Array(7).fill(99) })],
  [
    'no texts',
    'fine',
    () => step({ labels: ints() }, {}, { ids: ints(), offsets: ints(0), segments: null }),
  ],
  [
    'readGradient of an unknown weight',
    'INTERNAL',
    async () => (await trainerOf()).readGradient('x'),
  ],
  ['readGradient before a step', 'fine', async () => (await trainerOf()).readGradient('query')],
  [
    'readGradient during a step',
    'INTERNAL',
    async () => {
      const trainer = await trainerOf();
      const running = trainer.step(batch(), loss(), stepOptions());
      try {
        trainer.readGradient('query');
      } finally {
        await running;
      }
    },
  ],
  [
    'readWeight during a step',
    'INTERNAL',
    async () => {
      const program = await sealedProgram(true);
      const running = new border.Trainer(program, settings()).step(batch(), loss(), stepOptions());
      try {
        program.store.readWeight('query');
      } finally {
        await running;
      }
    },
  ],
  [
    'readWeight after a step',
    'fine',
    async () => {
      const program = await sealedProgram(true);
      await new border.Trainer(program, settings()).step(batch(), loss(), stepOptions());
      program.store.readWeight('query');
    },
  ],
  [
    'step after dispose',
    'DISPOSED',
    async () => {
      const trainer = await trainerOf();
      trainer.dispose();
      await trainer.step(batch(), loss(), stepOptions());
    },
  ],
  [
    'dispose of trainer and program during a step',
    'fine',
    async () => {
      const program = await sealedProgram(true);
      const trainer = new border.Trainer(program, settings());
      const running = trainer.step(batch(), loss(), stepOptions());
      trainer.dispose();
      program.dispose();
      await running;
    },
  ],
  [
    'a program that is trained and run at once',
    'fine',
    async () => {
      const program = await sealedProgram(true);
      const [one, two] = [
        new border.Trainer(program, settings()),
        new border.Trainer(program, settings()),
      ];
      await Promise.all([
        one.step(batch(), loss(), stepOptions()),
        program.run(batch(), [output()], options()),
        two.step(batch(), loss(), stepOptions()),
        program.run(batch(), [output()], options()),
      ]);
    },
  ],
];
