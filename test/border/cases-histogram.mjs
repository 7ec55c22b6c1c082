// Arguments of the histograms, each wrong in one way. A case is [name, expected, action].
import { border, made, sealedProgram } from './small.mjs';

const add =
  (values, factors = null) =>
  async () => {
    await new border.Histogram().add(values, factors);
  };

const addWeight =
  (name, factors = null, store = null) =>
  async () => {
    const program = await sealedProgram();
    await new border.Histogram().addWeight(store ?? program.store, name, factors);
  };

export const histogramCases = [
  ['histogram', 'fine', add(new Float32Array(12).fill(1))],
  ['histogram of nothing', 'fine', add(new Float32Array())],
  ['histogram, counts of nothing', 'fine', () => new border.Histogram().counts()],
  ['histogram of doubles', 'INTERNAL', add(new Float64Array(12))],
  ['histogram of a list', 'INTERNAL', add([1, 2])],
  ['histogram, a number infinite', 'INVALID_DATA', add(Float32Array.of(1, 1 / 0))],
  ['histogram with factors', 'fine', add(new Float32Array(12), new Float32Array(4))],
  ['histogram cut in a row', 'INTERNAL', add(new Float32Array(13), new Float32Array(4))],
  ['histogram, factors of doubles', 'INTERNAL', add(new Float32Array(12), new Float64Array(4))],
  [
    'histogram, factors times numbers beyond f32',
    'INVALID_DATA',
    add(Float32Array.of(3e38), Float32Array.of(10)),
  ],
  ['histogram of a weight', 'fine', addWeight('query')],
  ['histogram of a weight with factors', 'fine', addWeight('query', new Float32Array(8).fill(1))],
  ['histogram of a weight, factors short', 'INTERNAL', addWeight('query', new Float32Array(7))],
  ['histogram of an unknown weight', 'INTERNAL', addWeight('nothing')],
  ['histogram of a weight without a name', 'INTERNAL', addWeight(undefined)],
  ['histogram of a weight of no store', 'INTERNAL', addWeight('query', null, {})],
  [
    'histogram of a weight of a store that is not sealed',
    'INTERNAL',
    () => new border.Histogram().addWeight(made().store, 'query', null),
  ],
  [
    'histogram after dispose',
    'DISPOSED',
    async () => {
      const histogram = new border.Histogram();
      const counts = histogram.counts();
      histogram.dispose();
      await counts;
      await histogram.counts();
    },
  ],
  [
    'histogram, a method of something else',
    'TypeError',
    () => border.Histogram.prototype.counts.call({}),
  ],
];
