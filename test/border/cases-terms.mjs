// Terms whose settings are wrong (ranked lists, columns of relations, classifiers of pairs), and graphs with low-rank adapters,
// scaled columns and parameters that are wrong in one way each.
// A case is [name, expected, action]; see cases-graph.mjs.
import {
  adaptedGraph,
  batch,
  border,
  fill,
  HIDDEN,
  made,
  options,
  output,
  sealedProgram,
  settings,
  stepOptions,
  step as takeStep,
} from './small.mjs';
import { termOf } from './step.mjs';

const ints = (...values) => Int32Array.of(...values);
const floats = (size, value = 0.5) => new Float32Array(size).fill(value);
const own = () => {
  throw new Error('own');
};

/** A step on a graph with one score a text, values over tokens, and a classifier of pairs. */
const step = async (on, term, changes = {}) => {
  const g = adaptedGraph();
  g.outputs.logits = on;
  const trainer = new border.Trainer(await sealedProgram(true, g), settings());
  const { loss } = await takeStep(trainer, { ...batch(), ...changes }, term, stepOptions());
  if (!Number.isFinite(loss)) throw new Error(`the loss is ${loss}`);
};

const listed = (changes = {}) => ({
  ...termOf('lambda', floats(3)),
  lists: ints(1, 2),
  ...changes,
});
const ranked = (changes) => listed({ settings: changes });
const LISTS = [
  ['lists', 'fine', listed()],
  ...['list_net', 'list_mle', 'first_of_list', 'list_mse'].map((kind) => [
    `lists of ${kind}`,
    'fine',
    listed({ kind }),
  ]),
  ['lists of margins', 'fine', listed({ kind: 'list_margin_mse', lists: ints(3) })],
  ['lists with too few rows', 'INTERNAL', listed({ lists: ints(1, 1) })],
  ['lists with too many rows', 'INTERNAL', listed({ lists: ints(2, 2) })],
  ['an empty list', 'INTERNAL', listed({ lists: ints(3, 0) })],
  ['a list of -1 rows', 'INTERNAL', listed({ lists: ints(4, -1) })],
  ['lists whose sum wraps', 'INTERNAL', listed({ lists: ints(2147483647, 2147483647, 5) })],
  ['lists of the smallest number', 'INTERNAL', listed({ lists: ints(-2147483648, 3) })],
  ['no lists', 'INTERNAL', listed({ lists: ints() })],
  ['lists null', 'INTERNAL', listed({ lists: null })],
  ['lists an array', 'INTERNAL', listed({ lists: [1, 2] })],
  ['lists of bytes', 'INTERNAL', listed({ lists: Uint8Array.of(1, 2) })],
  ['relevances too few', 'INTERNAL', listed({ targets: floats(2) })],
  ['relevances too many', 'INTERNAL', listed({ targets: floats(4) })],
  ['a relevance that is infinite', 'INTERNAL', listed({ targets: floats(3, Infinity) })],
  ['relevances as integers', 'INTERNAL', listed({ targets: ints(1, 2, 3) })],
  ['sigma 0', 'INTERNAL', ranked({ sigma: 0 })],
  ['sigma infinite', 'INTERNAL', ranked({ sigma: Infinity })],
  ['sigma a text', 'INTERNAL', ranked({ sigma: '1' })],
  ['mu negative', 'INTERNAL', ranked({ mu: -1 })],
  ['mu NaN', 'INTERNAL', ranked({ mu: Number.NaN })],
  ['k negative', 'INTERNAL', ranked({ k: -1 })],
  ['k a half', 'INTERNAL', ranked({ k: 0.5 })],
  ['k larger than any list', 'fine', ranked({ k: 1000 })],
  ['k far larger', 'INTERNAL', ranked({ k: 1e9 })],
  ['weighting unknown', 'INTERNAL', ranked({ weighting: 'best' })],
  ['weighting a number', 'INTERNAL', ranked({ weighting: 1 })],
  ['sigmoid a number', 'INTERNAL', ranked({ sigmoid: 1 })],
  ['byPosition a text', 'INTERNAL', ranked({ byPosition: 'yes' })],
  ['settings a number', 'INTERNAL', ranked(3)],
  ['settings that throw', 'own', ranked(Object.defineProperty({}, 'sigma', { get: own }))],
].map(([name, expected, term]) => [name, expected, () => step('score', term)]);

const RELATION = { heads: 2, first: 0, second: 0, columns: HIDDEN, targetColumns: 4 };
const related = (changes = {}, size = 7 * 4) => ({
  ...termOf('relation', floats(size)),
  settings: { relation: { ...RELATION, ...changes } },
});
const TWO = { first: 0, second: HIDDEN };
const RELATIONS = [
  ['relations', 'fine', related()],
  ['relations of two ranges', 'fine', related(TWO, 2 * 7 * 4)],
  ['relations of tokens', 'fine', { ...related(), kind: 'token_relation' }],
  ['relations without settings', 'INTERNAL', termOf('relation', floats(28))],
  ['relation null', 'INTERNAL', { ...related(), settings: { relation: null } }],
  ['relation of nothing', 'INTERNAL', { ...related(), settings: { relation: {} } }],
  ...['heads', 'first', 'second', 'columns', 'targetColumns'].flatMap((name) =>
    [-1, 0.5, Number.NaN, Infinity, 2 ** 31, 2 ** 53, 2 ** 63, '2', null, undefined].map(
      (value) => [`${name} of a relation ${String(value)}`, 'INTERNAL', related({ [name]: value })],
    ),
  ),
  ['no heads', 'INTERNAL', related({ heads: 0 })],
  ['heads that do not divide the columns', 'INTERNAL', related({ heads: 3 })],
  ['heads that do not divide the targets', 'INTERNAL', related({ targetColumns: 3 }, 21)],
  ['no columns', 'INTERNAL', related({ columns: 0 })],
  ['no target columns', 'INTERNAL', related({ targetColumns: 0 }, 0)],
  ['columns beyond the output', 'INTERNAL', related({ columns: 4 * HIDDEN })],
  ['a range that begins at the end', 'INTERNAL', related({ first: 3 * HIDDEN, second: 0 }, 56)],
  ['ranges that overlap', 'INTERNAL', related({ first: 0, second: 2 }, 56)],
  ['targets of one range for two', 'INTERNAL', related(TWO)],
  ['targets of two ranges for one', 'INTERNAL', related({}, 56)],
].map(([name, expected, term]) => [name, expected, () => step('qkv', term)]);

const CLASSIFIER = { weight: 'pairs', bias: 'pair bias', product: false };
const classed = (changes = {}, targets = ints(1)) => ({
  ...termOf('pair_cross_entropy', targets),
  settings: { classifier: { ...CLASSIFIER, ...changes } },
});
const PAIRS = [
  ['classes of pairs', 'fine', classed()],
  ['a pair that does not count', 'fine', classed({}, ints(-1))],
  ['a class too high', 'INTERNAL', classed({}, ints(2))],
  ['a class of -2', 'INTERNAL', classed({}, ints(-2))],
  ['classes of more pairs', 'INTERNAL', classed({}, ints(1, 1))],
  ['classes of no pair', 'INTERNAL', classed({}, ints())],
  ['classes of pairs as floats', 'INTERNAL', classed({}, floats(1))],
  ['a classifier without settings', 'INTERNAL', termOf('pair_cross_entropy', ints(1))],
  ['a classifier null', 'INTERNAL', { ...classed(), settings: { classifier: null } }],
  ['a classifier of nothing', 'INTERNAL', { ...classed(), settings: { classifier: {} } }],
  ['a classifier whose weight is unknown', 'INTERNAL', classed({ weight: 'missing' })],
  ['a classifier whose weight is empty', 'INTERNAL', classed({ weight: '' })],
  ['a classifier whose weight is a number', 'INTERNAL', classed({ weight: 1 })],
  ['a classifier whose weight is a matrix', 'INTERNAL', classed({ weight: 'query' })],
  ['a classifier whose weight is a table', 'INTERNAL', classed({ weight: 'tokens' })],
  ['a classifier whose weight is a vector', 'INTERNAL', classed({ weight: 'norm.weight' })],
  ['a classifier whose weight is its bias', 'INTERNAL', classed({ weight: 'pair bias' })],
  ['a classifier whose bias is its weight', 'INTERNAL', classed({ bias: 'pairs' })],
  ['a classifier whose bias is unknown', 'INTERNAL', classed({ bias: 'missing' })],
  ['a classifier with a product that it has not', 'INTERNAL', classed({ product: true })],
  ['a classifier whose product is a number', 'INTERNAL', classed({ product: 1 })],
  ['dimensions of a classifier', 'INTERNAL', { ...classed(), dimensions: 4 }],
].map(([name, expected, term]) => [
  name,
  expected,
  () => step('unit', term, { ids: ints(1, 2, 3), offsets: ints(0, 2, 3), segments: ints(0, 1, 0) }),
]);

const node = (g, name) => g.nodes.find(({ output: value }) => value === name);
/** Builds, fills, seals and runs an adapted graph, trained or not. */
const run = async (spoil, trainable) => {
  const g = adaptedGraph();
  spoil(g);
  const program = made(g, trainable);
  fill(program, g);
  await program.seal();
  await program.run(batch(), [{ ...output(), data: new Float32Array(3) }], options());
};
const adapter = (changes) => (g) => Object.assign(node(g, 'qkv').adapters[0], changes);
const qkv = (changes) => (g) => Object.assign(node(g, 'qkv'), changes);
const scaled = (changes) => (g) => Object.assign(node(g, 'scaled'), changes);
const shape =
  (name, ...sizes) =>
  (g) => {
    g.weights.find((one) => one.name === name).shape = sizes;
  };
const GRAPHS = [
  ['adapters', 'fine', () => {}],
  ...[-1, 3, 0.5, Number.NaN, Infinity, 2 ** 53, '0', null, undefined].map((value) => [
    `an adapter of member ${String(value)}`,
    'INTERNAL',
    adapter({ member: value }),
  ]),
  ...['a', 'b'].flatMap((name) =>
    ['missing', '', 1, null, undefined, 'norm.weight', 'tokens'].map((value) => [
      `an adapter whose ${name} is ${String(value)}`,
      'INTERNAL',
      adapter({ [name]: value }),
    ]),
  ),
  ['an adapter whose matrices are exchanged', 'INTERNAL', adapter({ a: 'b', b: 'a' })],
  ['an adapter whose a is its b', 'INTERNAL', adapter({ b: 'a' })],
  ...['1', null, undefined, {}].map((value) => [
    `an adapter with a scale ${String(value)}`,
    'INTERNAL',
    adapter({ scale: value }),
  ]),
  ['a of another width', 'INTERNAL', shape('a', 2, HIDDEN + 1)],
  ['a of another rank', 'INTERNAL', shape('a', 3, HIDDEN)],
  ['a of no rank', 'INTERNAL', shape('a', 0, HIDDEN)],
  ['a of a huge rank', 'INTERNAL', shape('a', 2 ** 40, HIDDEN)],
  ['b of other outputs', 'INTERNAL', shape('b', HIDDEN + 1, 2)],
  ['b that is a vector', 'INTERNAL', shape('b', HIDDEN)],
  ['b as int8', 'INTERNAL', (g) => Object.assign(g.weights.at(-6), { dtype: 's8' })],
  ['no adapters', 'INTERNAL', qkv({ adapters: [] })],
  ['adapters null', 'INTERNAL', qkv({ adapters: null })],
  ['adapters a number', 'INTERNAL', qkv({ adapters: 3 })],
  ['adapters of numbers', 'INTERNAL', qkv({ adapters: [3] })],
  ['adapters of null', 'INTERNAL', qkv({ adapters: [null] })],
  ['adapters sparse', 'INTERNAL', qkv({ adapters: new Array(2 ** 32 - 1) })],
  [
    'adapters that throw',
    'own',
    (g) => Object.defineProperty(node(g, 'qkv'), 'adapters', { get: own }),
  ],
  ['an input of adapters that is unknown', 'INTERNAL', qkv({ adapterInput: 'missing' })],
  ['an input of adapters of another width', 'INTERNAL', qkv({ adapterInput: 'qkv' })],
  ['an input of adapters of texts', 'INTERNAL', qkv({ adapterInput: 'unit' })],
  [
    'a scale that begins at a column',
    'fine',
    (g) => {
      scaled({ column: 3 })(g);
      shape('factors', 5)(g);
    },
  ],
  ...[-1, 1, 0.5, Number.NaN, Infinity, 2 ** 31, 2 ** 53, '0'].map((value) => [
    `a scale of columns from ${String(value)}`,
    'INTERNAL',
    scaled({ column: value }),
  ]),
  ['a scale of more columns', 'INTERNAL', shape('factors', HIDDEN + 1)],
  ['a scale by a matrix', 'INTERNAL', shape('factors', 1, HIDDEN)],
  ['a scale by nothing', 'INTERNAL', scaled({ weight: 'missing' })],
  ['a scale by a weight of a product', 'INTERNAL', scaled({ weight: 'query' })],
  ['a scale of nothing', 'INTERNAL', scaled({ input: 'missing' })],
  ['a parameter of nothing', 'INTERNAL', (g) => Object.assign(node(g, 'pairs'), { weight: 'x' })],
  [
    'a parameter of a product',
    'INTERNAL',
    (g) => Object.assign(node(g, 'pairs'), { weight: 'query' }),
  ],
  ['a parameter twice', 'INTERNAL', (g) => g.nodes.push({ ...node(g, 'pairs') })],
  [
    'a parameter whose weight is a number',
    'INTERNAL',
    (g) => Object.assign(node(g, 'pairs'), { weight: 1 }),
  ],
].flatMap(([name, expected, spoil]) => [
  [name, expected, () => run(spoil, false)],
  [`${name}, trained`, expected, () => run(spoil, true)],
]);

export const termCases = [...LISTS, ...RELATIONS, ...PAIRS, ...GRAPHS];
