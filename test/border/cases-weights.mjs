// Weights written in wrong ways, the life of a program, and methods called on the wrong things.
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

const fresh = (trainable = false) => made(graph(), trainable);
const bytes = (count) => new Uint8Array(count);
const write = (...args) => fresh().store.writeWeight(...args);
const quantized = () => {
  const g = graph();
  g.weights.find((w) => w.name === 'scores.weight').dtype = 's8';
  return made(g);
};
/** A program whose weight `name` has `value` at element 3; its seal must fail and name the weight. */
const spoiled = async (name, value) => {
  const program = fresh();
  fill(program, graph(), (weight, values) => {
    if (weight === name) values[3] = value;
  });
  await program.seal();
};
/** A program with an s8 weight, sealed with these bytes of scales. */
const sealedScales = async (scales) => {
  const program = quantized();
  fill(program, { weights: graph().weights.filter((w) => w.name !== 'scores.weight') });
  program.store.writeWeight('scores.weight', 0, 's8', bytes(24));
  program.store.writeWeight('scores.weight', 0, 'f32', scales, 'scale');
  await program.seal();
};
const run = (program) => program.run(batch(), [output()], options());

export const weightCases = [
  ['writeWeight without arguments', 'INTERNAL', () => write()],
  ['writeWeight of an unknown weight', 'INTERNAL', () => write('nothing', 0, 'f32', bytes(4))],
  [
    'writeWeight of nothing to an unknown weight',
    'INTERNAL',
    () => write('nothing', 0, 'f32', bytes(0)),
  ],
  [
    'writeWeight with a symbol for a name',
    'INTERNAL',
    () => write(Symbol('x'), 0, 'f32', bytes(4)),
  ],
  ['writeWeight at -1', 'INTERNAL', () => write('query', -1, 'f32', bytes(4))],
  ['writeWeight at -2^63', 'INTERNAL', () => write('query', -(2 ** 63), 'f32', bytes(4))],
  ['writeWeight at 2^63', 'INTERNAL', () => write('query', 2 ** 63, 'f32', bytes(4))],
  ['writeWeight out of order', 'INTERNAL', () => write('query', 1, 'f32', bytes(4))],
  [
    'writeWeight twice at 0',
    'INTERNAL',
    () => {
      const program = fresh();
      program.store.writeWeight('query', 0, 'f32', bytes(4));
      program.store.writeWeight('query', 0, 'f32', bytes(4));
    },
  ],
  ['writeWeight too many', 'INTERNAL', () => write('query', 0, 'f32', bytes(4 * 65))],
  ['writeWeight far too many', 'INTERNAL', () => write('query', 0, 'bf16', bytes(1 << 22))],
  ['writeWeight of half an element', 'INTERNAL', () => write('query', 0, 'f32', bytes(6))],
  ['writeWeight of an unknown dtype', 'INTERNAL', () => write('query', 0, 'f64', bytes(8))],
  ['writeWeight of s8 to f32', 'INTERNAL', () => write('query', 0, 's8', bytes(8))],
  [
    'writeWeight of f32 to s8',
    'INTERNAL',
    () => quantized().store.writeWeight('scores.weight', 0, 'f32', bytes(8)),
  ],
  [
    'writeWeight of a Float32Array',
    'INTERNAL',
    () => write('query', 0, 'f32', new Float32Array(1)),
  ],
  [
    'writeWeight of a DataView',
    'INTERNAL',
    () => write('query', 0, 'f32', new DataView(new ArrayBuffer(4))),
  ],
  ['writeWeight of an ArrayBuffer', 'INTERNAL', () => write('query', 0, 'f32', new ArrayBuffer(4))],
  ['writeWeight of a Proxy', 'INTERNAL', () => write('query', 0, 'f32', new Proxy(bytes(4), {}))],
  ['writeWeight of odd addresses', 'fine', () => write('query', 0, 'f16', bytes(9).subarray(1))],
  [
    'writeWeight of shared memory',
    'fine',
    () => write('query', 0, 'f32', new Uint8Array(new SharedArrayBuffer(8))),
  ],
  [
    'writeWeight of transferred bytes, then seal',
    'INTERNAL',
    async () => {
      const program = fresh();
      const gone = bytes(256);
      structuredClone(gone, { transfer: [gone.buffer] });
      program.store.writeWeight('query', 0, 'f32', gone);
      await program.seal();
    },
  ],
  [
    'writeWeight after seal',
    'INTERNAL',
    async () => (await sealedProgram()).store.writeWeight('query', 0, 'f32', bytes(4)),
  ],
  [
    'writeWeight while sealing',
    'INTERNAL',
    () => {
      const program = fresh();
      fill(program);
      program.seal();
      program.store.writeWeight('query', 64, 'f32', bytes(4));
    },
  ],
  ['scales of an f32 weight', 'INTERNAL', () => write('query', 0, 'f32', bytes(32), 'scale')],
  ['scales too few at seal', 'INTERNAL', () => sealedScales(bytes(8))],
  ['scales too many', 'INTERNAL', () => sealedScales(bytes(16))],
  [
    'scales that are codes',
    'INTERNAL',
    () => quantized().store.writeWeight('scores.weight', 0, 's8', bytes(3), 'scale'),
  ],
  ['scales missing at seal', 'INTERNAL', () => sealedScales(bytes(0))],
  ['all scales at seal', 'fine', () => sealedScales(bytes(12))],
  ['a part that is no string', 'INTERNAL', () => write('query', 0, 'f32', bytes(4), 1)],
  [
    'a scale that is infinite',
    'CORRUPT_MODEL scores.weight',
    () => sealedScales(new Uint8Array(Float32Array.of(1, 1, Infinity).buffer)),
  ],
  ['seal of nothing', 'INTERNAL', () => fresh().seal()],
  ['seal twice', 'INTERNAL', async () => (await sealedProgram()).seal()],
  [
    'seal while sealing',
    'INTERNAL',
    () => {
      const program = fresh();
      fill(program);
      program.seal();
      return program.seal();
    },
  ],
  ['NaN in a matrix', 'CORRUPT_MODEL query', () => spoiled('query', Number.NaN)],
  [
    'infinity in a vector',
    'CORRUPT_MODEL norm.bias',
    () => spoiled('norm.bias', Number.POSITIVE_INFINITY),
  ],
  [
    '-infinity in a table',
    'CORRUPT_MODEL positions',
    () => spoiled('positions', Number.NEGATIVE_INFINITY),
  ],
  [
    'run after a seal that failed',
    'INTERNAL',
    async () => {
      const program = fresh();
      await program.seal().catch(() => {});
      await run(program);
    },
  ],
  [
    'writeWeight after a seal that failed',
    'INTERNAL',
    async () => {
      const program = fresh();
      await program.seal().catch(() => {});
      program.store.writeWeight('query', 0, 'f32', bytes(4));
    },
  ],
  ['run before seal', 'INTERNAL', () => run(fresh())],
  [
    'run while sealing: an error or a result',
    'fine',
    async () => {
      const program = fresh();
      fill(program);
      const sealing = program.seal();
      try {
        await run(program);
      } catch (error) {
        if (error.code !== 'INTERNAL') throw error;
      }
      await sealing;
    },
  ],
  ['readWeight before seal', 'INTERNAL', () => fresh().store.readWeight('query')],
  [
    'readWeight of an unknown weight',
    'INTERNAL',
    async () => (await sealedProgram()).store.readWeight('x'),
  ],
  ['readWeight without a name', 'INTERNAL', async () => (await sealedProgram()).store.readWeight()],
  [
    'run after dispose',
    'DISPOSED',
    async () => {
      const program = await sealedProgram();
      program.dispose();
      await run(program);
    },
  ],
  [
    'readWeight after dispose of the program',
    'fine',
    async () => {
      const program = await sealedProgram();
      program.dispose();
      program.store.readWeight('query');
    },
  ],
  [
    'readWeight after dispose of the store',
    'DISPOSED',
    async () => {
      const program = await sealedProgram();
      program.store.dispose();
      program.store.readWeight('query');
    },
  ],
  [
    'residentBytes after dispose',
    'DISPOSED',
    () => {
      const program = fresh();
      program.dispose();
      program.residentBytes();
    },
  ],
  [
    'dispose twice',
    'fine',
    () => {
      const program = fresh();
      program.dispose();
      program.dispose();
    },
  ],
  [
    'run on a plain object',
    'TypeError',
    () => border.Program.prototype.run.call({}, batch(), [output()], options()),
  ],
  ['run on null', 'TypeError', () => border.Program.prototype.run.call(null)],
  [
    'run on the prototype',
    'TypeError',
    () => border.Program.prototype.run(batch(), [output()], options()),
  ],
  [
    'run on Object.create(program)',
    'TypeError',
    async () => Object.create(await sealedProgram()).run(batch(), [output()], options()),
  ],
  [
    'run on a Proxy of a program',
    'TypeError',
    async () => run(new Proxy(await sealedProgram(), {})),
  ],
  [
    'run on a trainer',
    'TypeError',
    async () => {
      const trainer = new border.Trainer(await sealedProgram(true), settings());
      return border.Program.prototype.run.call(trainer, batch(), [output()], options());
    },
  ],
  [
    'step on a program',
    'TypeError',
    async () =>
      border.Trainer.prototype.step.call(await sealedProgram(true), batch(), loss(), stepOptions()),
  ],
  [
    'dispose on a trainer',
    'TypeError',
    async () =>
      border.Program.prototype.dispose.call(
        new border.Trainer(await sealedProgram(true), settings()),
      ),
  ],
  [
    'a program with the methods of a trainer',
    'TypeError',
    () => {
      const odd = Reflect.construct(
        border.Program,
        [graph(), new border.Store(graph().weights), { trainable: true }],
        border.Trainer,
      );
      return odd.accumulate(batch(), [loss()], stepOptions());
    },
  ],
  [
    'run on a subclass',
    'fine',
    async () => {
      class Sub extends border.Program {}
      const program = new Sub(graph(), new border.Store(graph().weights), { trainable: false });
      fill(program);
      await program.seal();
      await run(program);
    },
  ],
];
