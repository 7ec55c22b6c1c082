// Packing in parts, cancelling it, and tables held in f16. A case is [name, expected, action]; see cases-graph.mjs.
import { batch, border, fill, graph, made, options, output, sealedProgram } from './small.mjs';

const fresh = () => made();
const bytes = (count) => new Uint8Array(count);
const quantized = () => {
  const g = graph();
  g.weights.find((w) => w.name === 'scores.weight').dtype = 's8';
  return made(g);
};
const withHalves = (...names) => {
  const g = graph();
  for (const weight of g.weights) if (names.includes(weight.name)) weight.dtype = 'f16';
  return g;
};
const halved = (...names) => made(withHalves(...names));
/** A program with a table in f16 whose first element is `half`. */
const spoiledHalf = async (half) => {
  const program = halved('segments');
  fill(program, { weights: graph().weights.filter(({ name }) => name !== 'segments') });
  const values = new Uint16Array(16);
  values[0] = half;
  program.store.writeWeight('segments', 0, 'f16', new Uint8Array(values.buffer));
  await program.seal();
  await run(program);
};
const readRows = async (...args) => (await sealedProgram()).store.readRows(...args);
const run = (program) => program.run(batch(), [output()], options());

export const packingCases = [
  ['seal with a job id that is no number', 'INTERNAL', () => fresh().seal('1')],
  ['seal with job id 0', 'INTERNAL', () => fresh().seal(0)],
  ['seal with job id NaN', 'INTERNAL', () => fresh().seal(Number.NaN)],
  [
    'seal cancelled while it runs',
    'CANCELLED',
    async () => {
      // Sealing takes milliseconds, but the system may run all of it before this thread calls cancel. So up to 100 attempts are
      // made, and one cancelled seal is enough.
      const rows = 100_000;
      const g = graph();
      g.vocabulary = rows;
      g.weights.find((w) => w.name === 'tokens').shape[0] = rows;
      for (let attempt = 0; attempt < 100; attempt++) {
        const program = made(g);
        program.store.writeWeight('tokens', 0, 'f32', new Uint8Array(rows * 32));
        fill(program, { weights: g.weights.filter(({ name }) => name !== 'tokens') });
        const id = border.nextJobId();
        const sealing = program.seal(id);
        border.cancel(id);
        await sealing;
      }
    },
  ],
  [
    'pack of nothing, of a part and of all, then seal',
    'fine',
    async () => {
      const program = fresh();
      await program.store.pack();
      fill(program, { weights: graph().weights.slice(0, 6) });
      await program.store.pack();
      fill(program, { weights: graph().weights.slice(6) });
      await program.store.pack(border.nextJobId());
      await program.store.pack();
      await program.seal();
      await run(program);
    },
  ],
  [
    'writeWeight while packing',
    'INTERNAL',
    () => {
      const program = fresh();
      program.store.pack();
      program.store.writeWeight('query', 0, 'f32', bytes(4));
    },
  ],
  [
    'writeWeight of what is packed',
    'INTERNAL',
    async () => {
      const program = fresh();
      fill(program, { weights: graph().weights.slice(0, 1) });
      await program.store.pack();
      program.store.writeWeight('tokens', 0, 'f32', bytes(4));
    },
  ],
  [
    'scales of what is packed',
    'INTERNAL',
    async () => {
      const program = quantized();
      program.store.writeWeight('scores.weight', 0, 's8', bytes(24));
      program.store.writeWeight('scores.weight', 0, 'f32', bytes(12), 'scale');
      await program.store.pack();
      program.store.writeWeight('scores.weight', 0, 'f32', bytes(12), 'scale');
    },
  ],
  [
    'pack that finds a NaN, then seal',
    'INTERNAL',
    async () => {
      const program = fresh();
      program.store.writeWeight('scores.bias', 0, 'f32', new Uint8Array(12).fill(255));
      await program.store.pack().catch(() => {});
      await program.seal();
    },
  ],
  [
    'pack after seal: there is nothing to do',
    'fine',
    async () => (await sealedProgram()).store.pack(),
  ],
  ['halves of one matrix of a stack', 'INTERNAL', () => halved('query')],
  ['halves of a matrix', 'fine', () => halved('scores.weight')],
  ['halves of a vector', 'INTERNAL', () => halved('norm.bias')],
  ['halves in a trainable program', 'INTERNAL', () => made(withHalves('tokens'), true)],
  [
    'f32 into a table held in f16',
    'INTERNAL',
    () => halved('tokens').store.writeWeight('tokens', 0, 'f32', bytes(4)),
  ],
  [
    'bf16 into a table held in f16',
    'INTERNAL',
    () => halved('tokens').store.writeWeight('tokens', 0, 'bf16', bytes(4)),
  ],
  [
    'half an element into a table held in f16',
    'INTERNAL',
    () => halved('tokens').store.writeWeight('tokens', 0, 'f16', bytes(3)),
  ],
  [
    'too much into a table held in f16',
    'INTERNAL',
    () => halved('segments').store.writeWeight('segments', 0, 'f16', bytes(34)),
  ],
  ['NaN in a table held in f16', 'CORRUPT_MODEL segments', () => spoiledHalf(0x7e00)],
  ['-infinity in a table held in f16', 'CORRUPT_MODEL segments', () => spoiledHalf(0xfc00)],
  ['the largest half in a table held in f16', 'fine', () => spoiledHalf(0x7bff)],
  [
    'readRows before seal',
    'INTERNAL',
    () => halved('tokens').store.readRows('tokens', 0, 1, 'f16'),
  ],
  ['readRows as f16 of f32', 'fine', () => readRows('query', 0, 8, 'f16')],
  ['readRows as s8 of f32', 'fine', () => readRows('query', 0, 8, 's8')],
  [
    'readRows as f16 beyond f16',
    'INVALID_DATA scores.bias',
    async () => {
      const program = fresh();
      fill(program, graph(), (name, values) => {
        if (name === 'scores.bias') values.set([1, -7e4, 2]);
      });
      await program.seal();
      await program.store.readRows('scores.bias', 0, 3, 'f16');
    },
  ],
  ['readRows as an unknown storage', 'INTERNAL', () => readRows('query', 0, 8, 'f64')],
  ['readRows as a symbol', 'INTERNAL', () => readRows('query', 0, 8, Symbol('f32'))],
  ['readRows from -1', 'INTERNAL', () => readRows('query', -1, 8, 'f32')],
  ['readRows to the ninth of 8', 'INTERNAL', () => readRows('query', 0, 9, 'f32')],
  ['readRows backwards', 'INTERNAL', () => readRows('query', 4, 2, 'f32')],
  ['readRows of none', 'fine', () => readRows('query', 8, 8, 'f32')],
  ['readRows with job id 0', 'INTERNAL', () => readRows('query', 0, 8, 'f32', 0)],
  [
    'readRows while packing',
    'INTERNAL',
    () => {
      const { store } = fresh();
      store.pack();
      return store.readRows('query', 0, 8, 'f32');
    },
  ],
  [
    'readRows, the store disposed meanwhile',
    'fine',
    async () => {
      const { store } = await sealedProgram();
      const reading = store.readRows('query', 0, 8, 'f32');
      store.dispose();
      await reading;
    },
  ],
  [
    'readRows cancelled, or done before',
    'fine',
    async () => {
      const { store } = await sealedProgram();
      const id = border.nextJobId();
      const reading = store.readRows('query', 0, 8, 'f32', id);
      border.cancel(id);
      await reading.catch((error) => {
        if (error.code !== 'CANCELLED') throw error;
      });
    },
  ],
];
