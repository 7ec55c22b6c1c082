// Stores made of wrong lists, and derived from stores that cannot be read. A case is [name, expected, action]; see
// cases-graph.mjs.
import { batch, border, fill, graph, made, options, output, sealedProgram } from './small.mjs';

const query = { name: 'query', shape: [8, 8], dtype: 'f32' };
/** A store whose weight `query` is derived from that of a sealed program, with some fields changed. */
const derived = async (weight, from = {}) => {
  const { store } = await sealedProgram();
  return new border.Store([{ ...query, from: { store, name: 'query', ...from }, ...weight }]);
};

export const storeCases = [
  ['Store without new', 'TypeError', () => border.Store([])],
  ['a store of nothing', 'INTERNAL', () => new border.Store()],
  ['a store of an object', 'INTERNAL', () => new border.Store({})],
  ['a store of numbers', 'INTERNAL', () => new border.Store([1])],
  ['an empty store', 'fine', () => new border.Store([])],
  ['a weight twice', 'INTERNAL', () => new border.Store([query, query])],
  ['a weight of no axes', 'INTERNAL', () => new border.Store([{ ...query, shape: [] }])],
  ['a weight of -1 rows', 'INTERNAL', () => new border.Store([{ ...query, shape: [-1, 8] }])],
  ['a weight of f64', 'INTERNAL', () => new border.Store([{ ...query, dtype: 'f64' }])],
  ['from null', 'INTERNAL', () => derived({ from: null })],
  ['from a string', 'INTERNAL', () => derived({ from: 'query' })],
  ['from no store', 'INTERNAL', () => derived({}, { store: {} })],
  [
    'from a Proxy of a store',
    'INTERNAL',
    () => derived({}, { store: new Proxy(made().store, {}) }),
  ],
  ['from a program', 'INTERNAL', async () => derived({}, { store: await sealedProgram() })],
  ['from an unknown weight', 'INTERNAL', () => derived({}, { name: 'nothing' })],
  ['from a store that is not sealed', 'INTERNAL', () => derived({}, { store: made().store })],
  [
    'from a disposed store',
    'DISPOSED',
    () => {
      const { store } = made();
      store.dispose();
      return derived({}, { store });
    },
  ],
  ['from another shape', 'INTERNAL', () => derived({ shape: [4, 16] })],
  ['from f32 to f16', 'fine', () => derived({ dtype: 'f16' })],
  ['a divisor too short', 'INTERNAL', () => derived({}, { divisor: new Float32Array(7) })],
  ['a divisor of numbers', 'INTERNAL', () => derived({}, { divisor: [1] })],
  ['from the same', 'fine', () => derived({})],
  [
    'a program over no store',
    'INTERNAL',
    () => new border.Program(graph(), {}, { trainable: false }),
  ],
  [
    'a program over a store of other weights',
    'INTERNAL',
    () => new border.Program(graph(), new border.Store([query]), { trainable: false }),
  ],
  [
    'a program over a store of other shapes',
    'INTERNAL',
    () => {
      const weights = graph().weights.map((w) =>
        w.name === 'query' ? { ...w, shape: [4, 16] } : w,
      );
      return new border.Program(graph(), new border.Store(weights), { trainable: false });
    },
  ],
  [
    'a program over a disposed store',
    'DISPOSED',
    () => {
      const store = new border.Store(graph().weights);
      store.dispose();
      return new border.Program(graph(), store, { trainable: false });
    },
  ],
  [
    'a program made while the store packs',
    'INTERNAL',
    () => {
      const { store } = made();
      store.pack();
      return new border.Program(graph(), store, { trainable: false });
    },
  ],
  [
    'a run after dispose of the store',
    'fine',
    async () => {
      const program = await sealedProgram();
      program.store.dispose();
      await program.run(batch(), [output()], options());
    },
  ],
  [
    'weights written before a program is made',
    'fine',
    async () => {
      const store = new border.Store(graph().weights);
      fill({ store });
      await store.pack();
      const program = new border.Program(graph(), store, { trainable: false });
      await program.seal();
      await program.run(batch(), [output()], options());
    },
  ],
  [
    'a store that is replaced on a program',
    'TypeError',
    async () => {
      (await sealedProgram()).store = null;
    },
  ],
];
