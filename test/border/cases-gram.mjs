// Arguments of the sums and solves of compression, each wrong in one way.
import { border } from './small.mjs';

const shape = (changes) => ({ inputs: 4, outputs: 2, intercept: false, ...changes });
const made = (changes) => new border.Gram(shape(changes));

/** Three rows of 4 inputs and 2 outputs. */
const add = (changes, of) => async () => {
  const right = { x: new Float32Array(12).fill(1), y: new Float32Array(6), minus: null };
  const { x, y, minus } = { ...right, ...changes };
  await made(of).add(x, y, minus);
};

async function filled() {
  const gram = made({});
  const x = Float32Array.from({ length: 40 }, (_, i) => Math.sin(i * i));
  await gram.add(x, new Float32Array(20).fill(1), null);
  return gram;
}

async function mergedWithItself() {
  const gram = await filled();
  await gram.merge(gram);
}

const solve = (changes) => async () => {
  const right = { lambda: 0.1, prior: null, columns: Int32Array.from([0, 2]) };
  await (await filled()).solve({ ...right, ...changes });
};

const remove =
  (changes, weight = new Float32Array(8)) =>
  async () => {
    const right = { groupColumns: 2, removals: 1, lambda: 0.1, counts: Int32Array.from([0, 1]) };
    await (await filled()).remove(weight, { ...right, ...changes });
  };

const lowRank =
  (changes, weight = new Float32Array(12).fill(1)) =>
  async () => {
    const right = { outputs: 3, inputs: 4, rank: 2, scale: null, gram: null, lambda: 0.1 };
    await border.lowRank(weight, { ...right, ...changes });
  };

export const gramCases = [
  ['gram', 'fine', add({})],
  ['gram of no rows', 'fine', add({ x: new Float32Array(), y: new Float32Array() })],
  ['gram without a shape', 'INTERNAL', () => new border.Gram()],
  ['gram, inputs 0', 'INTERNAL', () => made({ inputs: 0 })],
  ['gram, inputs beyond memory', 'INTERNAL', () => made({ inputs: 2 ** 40 })],
  ['gram, outputs -1', 'INTERNAL', () => made({ outputs: -1 })],
  ['gram, intercept a number', 'INTERNAL', () => made({ intercept: 1 })],
  ['gram, x of doubles', 'INTERNAL', add({ x: new Float64Array(12) })],
  ['gram, x cut in a row', 'INTERNAL', add({ x: new Float32Array(13) })],
  ['gram, y short', 'INTERNAL', add({ y: new Float32Array(5) })],
  ['gram, y missing', 'INTERNAL', add({ y: null })],
  ['gram, y without outputs', 'INTERNAL', add({}, { outputs: 0 })],
  ['gram, minus short', 'INTERNAL', add({ minus: new Float32Array(5) })],
  ['gram, x infinite', 'INVALID_DATA', add({ x: new Float32Array(12).fill(1 / 0) })],
  ['gram, normalizeRows', 'fine', add({}, { normalizeRows: true })],
  ['gram, normalizeRows a number', 'INTERNAL', () => made({ normalizeRows: 1 })],
  [
    'gram, normalizeRows without outputs',
    'INTERNAL',
    () => made({ outputs: 0, normalizeRows: true }),
  ],
  ['gram, merged with another', 'fine', async () => (await filled()).merge(await filled())],
  ['gram, merged with itself', 'fine', mergedWithItself],
  ['gram, merged with nothing', 'INTERNAL', async () => (await filled()).merge()],
  ['gram, merged with an object', 'INTERNAL', async () => (await filled()).merge({})],
  [
    'gram, merged with another shape',
    'INTERNAL',
    async () => (await filled()).merge(made({ outputs: 3 })),
  ],
  [
    'gram, error of a short weight',
    'INTERNAL',
    async () => (await filled()).error(new Float32Array(7)),
  ],
  [
    'gram after dispose',
    'DISPOSED',
    async () => {
      const gram = await filled();
      const sums = gram.sums();
      gram.dispose();
      await sums;
      await gram.sums();
    },
  ],
  ['gram, a method of something else', 'TypeError', () => border.Gram.prototype.sums.call({})],
  ['solve', 'fine', solve({})],
  ['solve, lambda NaN', 'INTERNAL', solve({ lambda: Number.NaN })],
  ['solve, lambda -1', 'INTERNAL', solve({ lambda: -1 })],
  ['solve, ownScale', 'fine', solve({ ownScale: true })],
  ['solve, ownScale a number', 'INTERNAL', solve({ ownScale: 1 })],
  ['solve, columns of floats', 'INTERNAL', solve({ columns: new Float32Array(2) })],
  ['solve, columns twice', 'INTERNAL', solve({ columns: Int32Array.from([1, 1]) })],
  ['solve, columns beyond', 'INTERNAL', solve({ columns: Int32Array.from([4]) })],
  ['solve of no columns', 'fine', solve({ columns: new Int32Array() })],
  ['solve, prior short', 'INTERNAL', solve({ prior: new Float32Array(7) })],
  ['remove', 'fine', remove({})],
  ['remove, weight cut in a row', 'INTERNAL', remove({}, new Float32Array(7))],
  ['remove, weight empty', 'INTERNAL', remove({}, new Float32Array())],
  ['remove, groupColumns 3', 'INTERNAL', remove({ groupColumns: 3 })],
  ['remove, removals 3', 'INTERNAL', remove({ removals: 3 })],
  ['remove, counts beyond', 'INTERNAL', remove({ counts: Int32Array.from([2]) })],
  ['lowRank', 'fine', lowRank({})],
  ['lowRank without arguments', 'INTERNAL', () => border.lowRank()],
  ['lowRank, weight short', 'INTERNAL', lowRank({}, new Float32Array(11))],
  ['lowRank, rank 0', 'INTERNAL', lowRank({ rank: 0 })],
  ['lowRank, rank 4', 'INTERNAL', lowRank({ rank: 4 })],
  ['lowRank, scale of floats', 'INTERNAL', lowRank({ scale: new Float32Array(4) })],
  ['lowRank, scale NaN', 'INTERNAL', lowRank({ scale: new Float64Array(4).fill(Number.NaN) })],
  ['lowRank, gram an object', 'INTERNAL', lowRank({ gram: {} })],
  ['lowRank, gram of other inputs', 'INTERNAL', lowRank({ gram: made({ inputs: 5 }) })],
  ['lowRank of an empty gram', 'INVALID_DATA', lowRank({ gram: made({}) })],
];
