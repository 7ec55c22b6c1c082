// Graphs with the newer operations that are wrong in one way each, calls for selected tokens, and the losses.
// A case is [name, expected, action]; see cases-graph.mjs.
import {
  batch,
  border,
  HIDDEN,
  made,
  newerGraph,
  options,
  sealedProgram,
  settings,
  stepOptions,
  step as takeStep,
} from './small.mjs';
import { termOf } from './step.mjs';

const ints = (...values) => Int32Array.of(...values);
const node = (g, output) => g.nodes.find((n) => n.output === output);
const build = (spoil = () => {}, trainable = false) => {
  const g = newerGraph();
  spoil(g);
  return made(g, trainable);
};
const set =
  (output, key, value, trainable = false) =>
  () =>
    build((g) => {
      node(g, output)[key] = value;
    }, trainable);
/** Attention's own object `key` with some fields changed. */
const inside = (key, changes) => () =>
  build((g) => {
    Object.assign(node(g, 'mixed')[key], changes);
  });
const weight = (name, changes) => () =>
  build((g) => {
    Object.assign(
      g.weights.find((w) => w.name === name),
      changes,
    );
  });

const graphs = [
  ['every newer operation', 'fine', () => build()],
  ['every newer operation, trained', 'fine', () => build(() => {}, true)],
  ['norm bias a number', 'INTERNAL', set('normal', 'bias', 3)],
  ['norm bias left out', 'INTERNAL', set('normal', 'bias', undefined)],
  ['norm bias without a name', 'INTERNAL', set('normal', 'bias', '')],
  ['norm residual without a name', 'INTERNAL', set('normal', 'residual', '')],
  ['add without residual', 'INTERNAL', set('sum2', 'residual', undefined)],
  ['add of null', 'INTERNAL', set('sum2', 'residual', null)],
  ['add of texts to tokens', 'INTERNAL', set('sum2', 'residual', 'table')],
  ['add of another width', 'INTERNAL', set('sum2', 'residual', 'qkv')],
  ['a second reader by add, trained', 'INTERNAL', set('sum2', 'residual', 'qkv', true)],
  ['gate without activation', 'INTERNAL', set('gated', 'activation', undefined)],
  [
    'gate of an odd width',
    'INTERNAL',
    () => build((g) => void g.nodes.push({ ...node(g, 'gated'), input: 'scores', output: 'odd' })),
  ],
  ['concat of nothing', 'INTERNAL', set('pair', 'inputs', [])],
  ['concat of numbers', 'INTERNAL', set('pair', 'inputs', [1])],
  ['concat of texts and tokens', 'INTERNAL', set('pair', 'inputs', ['last', 'x'])],
  ['concat of a string', 'INTERNAL', set('pair', 'inputs', 'last')],
  ['select of texts', 'INTERNAL', set('picked', 'input', 'table')],
  ['attention over selected tokens', 'INTERNAL', set('last', 'input', 'picked')],
  ['parameter of nothing', 'INTERNAL', set('table', 'weight', 'nothing')],
  ['parameter of a vector', 'INTERNAL', set('table', 'weight', 'rms')],
  ['parameter as int8', 'INTERNAL', weight('distances', { dtype: 's8' })],
  [
    'a table as output',
    'INTERNAL',
    () =>
      build((g) => {
        g.outputs.logits = 'twice';
      }),
  ],
  ['rotary a number', 'INTERNAL', set('mixed', 'rotary', 3)],
  ['rotary null', 'INTERNAL', set('mixed', 'rotary', null)],
  ['rotary of odd dimensions', 'INTERNAL', inside('rotary', { dimensions: 3 })],
  ['rotary beyond the head', 'INTERNAL', inside('rotary', { dimensions: 6 })],
  ['rotary theta NaN', 'INTERNAL', inside('rotary', { theta: Number.NaN })],
  ['rotary theta 0', 'INTERNAL', inside('rotary', { theta: 0 })],
  ['window -1', 'INTERNAL', set('mixed', 'window', -1)],
  ['window 0.5', 'INTERNAL', set('mixed', 'window', 0.5)],
  ['window infinite', 'INTERNAL', set('mixed', 'window', Number.POSITIVE_INFINITY)],
  ['window 2^53', 'fine', set('mixed', 'window', 2 ** 53)],
  ['window 0', 'fine', set('mixed', 'window', 0)],
  ['bias of unknown weight', 'INTERNAL', inside('relativeBias', { weight: 'nothing' })],
  ['bias for other heads', 'INTERNAL', weight('bias', { shape: [8, 3] })],
  ['bias of 6 buckets', 'INTERNAL', weight('bias', { shape: [6, 2] })],
  ['bias with a short distance', 'INTERNAL', inside('relativeBias', { maxDistance: 2 })],
  ['bias with distance 2^40', 'INTERNAL', inside('relativeBias', { maxDistance: 2 ** 40 })],
  ['bias with distance 2^20', 'fine', inside('relativeBias', { maxDistance: 2 ** 20 })],
  ['bias with distance 2^20 + 1', 'INTERNAL', inside('relativeBias', { maxDistance: 2 ** 20 + 1 })],
  ['bias as int8', 'INTERNAL', weight('bias', { dtype: 's8' })],
  ['keys that are tokens', 'INTERNAL', inside('disentangled', { keys: 'x' })],
  ['keys unknown', 'INTERNAL', inside('disentangled', { keys: 'nothing' })],
  ['keys without a name', 'INTERNAL', inside('disentangled', { keys: '' })],
  ['keys and queries left out', 'fine', inside('disentangled', { keys: null, queries: null })],
  ['more buckets than rows', 'INTERNAL', inside('disentangled', { buckets: 8, maxDistance: 32 })],
  ['no buckets, all distances', 'fine', inside('disentangled', { buckets: 0, maxDistance: 4 })],
  ['distances 2^40', 'INTERNAL', inside('disentangled', { buckets: 0, maxDistance: 2 ** 40 })],
  ['a decoder as wide as a stacked matrix', 'INTERNAL', set('words', 'weights', ['query'])],
  ['a decoder that is a vector too', 'INTERNAL', set('words', 'weights', ['rms'])],
];

const run = async (changes, outputs, more = {}) =>
  (await sealedProgram(false, newerGraph())).run({ ...batch(), ...changes }, outputs, {
    ...options(),
    ...more,
  });
const words = (rows) => [{ name: 'words', data: new Float32Array(2 * rows) }];

const runs = [
  ['three selected tokens', 'fine', () => run({ selected: ints(0, 2, 6) }, words(3))],
  ['selected tokens, cut', 'fine', () => run({ selected: ints(2) }, words(1), { tokenBudget: 1 })],
  ['all tokens, unsaid', 'fine', () => run({}, words(7))],
  ['none selected', 'fine', () => run({ selected: ints() }, words(0))],
  ['output for more than is selected', 'INTERNAL', () => run({ selected: ints(2) }, words(7))],
  ['output for fewer than are selected', 'INTERNAL', () => run({}, words(3))],
  [
    'selected made wild during',
    'fine',
    async () => {
      const program = await sealedProgram(false, newerGraph());
      const [calm] = words(2);
      const [result] = words(2);
      await program.run({ ...batch(), selected: ints(1, 5) }, [calm], options());
      const given = { ...batch(), selected: ints(1, 5) };
      const running = program.run(given, [result], options());
      given.selected.fill(-7);
      await running;
      if (calm.data.join() !== result.data.join()) throw new Error('the result differs');
    },
  ],
];

/** One step on a graph whose logits are this value. */
const step = async (value, loss, changes = {}) => {
  const g = newerGraph();
  g.outputs.logits = value;
  const program = await sealedProgram(true, g);
  const trainer = new border.Trainer(program, settings());
  const result = await takeStep(trainer, { ...batch(), ...changes }, loss, stepOptions());
  if (!Number.isFinite(result.loss)) throw new Error(`the loss is ${result.loss}`);
};
const floats = (size) => new Float32Array(size).fill(0.5);
const labels = (...values) => termOf('cross_entropy', ints(...values));
const span = (...values) => termOf('span', ints(...values));
const picked = { selected: ints(0, 2, 6) };
const two = { selected: ints(0, 2) };
/** Two logits for each token: the graph selects all. */
const pairs = async (loss) => {
  const g = newerGraph();
  g.nodes.push({ ...node(g, 'words'), input: 'gated', output: 'pairs' });
  g.outputs.logits = 'pairs';
  const trainer = new border.Trainer(await sealedProgram(true, g), settings());
  return takeStep(trainer, batch(), loss, stepOptions());
};

/** Three rows as one list. */
const listed = () => ({ ...termOf('lambda', floats(3)), lists: ints(3) });

const losses = [
  ['labels of tokens', 'fine', () => step('gated', labels(0, 7, -1, 3, -1, -1, 2))],
  ['labels of texts for tokens', 'INTERNAL', () => step('gated', labels(0, 1, 2))],
  ['labels of selected tokens', 'fine', () => step('words', labels(0, -1, 1), picked)],
  ['a selected label too high', 'INTERNAL', () => step('words', labels(0, -1, 2), picked)],
  [
    'labels of all for selected ones',
    'INTERNAL',
    () => step('words', labels(0, 1, 0, 1, 0, 1, 0), picked),
  ],
  ['labels of no selected token', 'fine', () => step('words', labels(), { selected: ints() })],
  ['bce', 'fine', () => step('scores', termOf('bce', floats(9)))],
  ['bce of selected tokens', 'fine', () => step('words', termOf('bce', floats(6)), picked)],
  ['bce with too few targets', 'INTERNAL', () => step('scores', termOf('bce', floats(8)))],
  ['bce with labels', 'INTERNAL', () => step('scores', termOf('bce', new Int32Array(9)))],
  ['bce without targets', 'INTERNAL', () => step('scores', termOf('bce'))],
  ['mse', 'fine', () => step('scores', termOf('mse', floats(9)))],
  ['mse of every token', 'fine', () => step('gated', termOf('mse', floats(7 * HIDDEN)))],
  ['mse with too many targets', 'INTERNAL', () => step('scores', termOf('mse', floats(10)))],
  ['span', 'fine', () => pairs(span(1, -1, 0, 0, 3, 3))],
  ['span without any', 'fine', () => pairs(span(-1, -1, -1, -1, -1, -1))],
  ['span beyond its text', 'INTERNAL', () => pairs(span(2, 1, 0, 0, 3, 3))],
  ['span that ends beyond its text', 'INTERNAL', () => pairs(span(1, 1, 0, 1, 3, 3))],
  ['span at -2', 'INTERNAL', () => pairs(span(-2, 1, 0, 0, 3, 3))],
  ['span with too few numbers', 'INTERNAL', () => pairs(span(1, 1, 0, 0, 3))],
  ['span with too many numbers', 'INTERNAL', () => pairs(span(1, 1, 0, 0, 3, 3, 0))],
  ['span of texts', 'INTERNAL', () => step('scores', span(0, 0, 0, 0, 0, 0))],
  ['span of eight columns', 'INTERNAL', () => step('gated', span(0, 0, 0, 0, 0, 0))],
  ['teacher of spans', 'fine', () => pairs(termOf('span_kl_divergence', floats(14)))],
  [
    'teacher of columns',
    'fine',
    () => step('gated', termOf('span_kl_divergence', floats(7 * HIDDEN))),
  ],
  ['teacher of spans too short', 'INTERNAL', () => pairs(termOf('span_kl_divergence', floats(13)))],
  [
    'teacher of spans of texts',
    'INTERNAL',
    () => step('scores', termOf('span_kl_divergence', floats(9))),
  ],
  ['positives', 'fine', () => step('unit', termOf('in_batch_negatives', ints(1)))],
  ['positives of nobody', 'fine', () => step('unit', termOf('in_batch_negatives', ints()))],
  ['no positive counts', 'fine', () => step('unit', termOf('in_batch_negatives', ints(-1)))],
  ['a positive too high', 'INTERNAL', () => step('unit', termOf('in_batch_negatives', ints(2)))],
  [
    'anchors without candidates',
    'INTERNAL',
    () => step('unit', termOf('in_batch_negatives', ints(0, 0, 0))),
  ],
  [
    'more anchors than rows',
    'INTERNAL',
    () => step('unit', termOf('in_batch_negatives', ints(0, 0, 0, 0))),
  ],
  [
    'directions of everything',
    'fine',
    () =>
      step('unit', {
        ...termOf('in_batch_negatives', ints(1)),
        settings: { directions: ['query_to_query', 'doc_to_query', 'doc_to_doc'] },
      }),
  ],
  ...[
    ['a direction unknown', { directions: ['up'] }],
    ['a direction that is a number', { directions: [1] }],
    ['directions that are a text', { directions: 'doc_to_doc' }],
    ['perDirection a number', { perDirection: 1 }],
    ['dot a text', { dot: 'yes' }],
  ].map(([name, own]) => [
    name,
    'INTERNAL',
    () => step('unit', { ...termOf('in_batch_negatives', ints(1)), settings: own }),
  ]),
  ['lists of rows that are no scores', 'INTERNAL', () => step('unit', listed())],
  ['lists missing', 'INTERNAL', () => step('unit', { ...listed(), lists: undefined })],
  ['lists of floats', 'INTERNAL', () => step('unit', { ...listed(), lists: floats(1) })],
  ['rankings', 'fine', () => step('unit', termOf('distill_kl_div', floats(2)))],
  [
    'rankings of a positive alone',
    'INTERNAL',
    () => step('unit', termOf('distill_kl_div', floats(1))),
  ],
  ['rankings of all rows', 'INTERNAL', () => step('unit', termOf('distill_kl_div', floats(3)))],
  ['scores of halves', 'INTERNAL', () => step('unit', termOf('cosent', floats(1)))],
  ['scores of tokens', 'fine', () => step('picked', termOf('cosent', floats(1)), two)],
  [
    'a score that is no number',
    'INTERNAL',
    () => step('picked', termOf('cosent', floats(1).fill(Number.NaN)), two),
  ],
  [
    'a scale too high',
    'INTERNAL',
    () => step('picked', { ...termOf('cosent', floats(1)), scale: 301 }, two),
  ],
  ['margins', 'fine', () => step('unit', termOf('triplet', floats(1)))],
  ['margins of two negatives', 'INTERNAL', () => step('unit', termOf('margin_mse', floats(2)))],
  ['as many margins as rows', 'INTERNAL', () => step('unit', termOf('triplet', floats(3)))],
  ['more margins than rows', 'INTERNAL', () => step('unit', termOf('triplet', floats(5)))],
  ['no margin', 'INTERNAL', () => step('unit', termOf('triplet', floats(0)))],
  [
    'a margin without any row',
    'INTERNAL',
    () => step('picked', termOf('triplet', floats(1)), { selected: ints() }),
  ],
  [
    'a margin that is no number',
    'INTERNAL',
    () => step('unit', termOf('triplet', floats(1).fill(Number.NaN))),
  ],
  ['classes of texts', 'fine', () => step('unit', termOf('batch_hard_triplet', ints(7, -9, 7)))],
  ['too few classes', 'INTERNAL', () => step('unit', termOf('batch_hard_triplet', ints(0, 0)))],
  ['classes as floats', 'INTERNAL', () => step('unit', termOf('batch_hard_triplet', floats(3)))],
  ...[
    ['a margin of the loss that is infinite', { margin: Number.POSITIVE_INFINITY }],
    ['a margin of the loss that is a text', { margin: '1' }],
    ['an unknown distance', { distance: 'hamming' }],
    ['a distance that is a number', { distance: 1 }],
    ['no dimensions', { dimensions: 0 }],
    ['negative dimensions', { dimensions: -1 }],
    ['dimensions that are no number', { dimensions: Number.NaN }],
    ['too many dimensions', { dimensions: 1e9 }],
  ].map(([name, changes]) => [
    name,
    'INTERNAL',
    () => step('unit', { ...termOf('triplet', floats(1)), ...changes }),
  ]),
  [
    'dimensions of a loss that splits',
    'INTERNAL',
    () => step('scores', { ...termOf('mse', floats(9)), dimensions: 1 }),
  ],
  [
    'external for selected tokens',
    'fine',
    () => step('scores', termOf('external', floats(6), 'words'), picked),
  ],
  [
    'external as large as all tokens for selected ones',
    'INTERNAL',
    () => step('scores', termOf('external', floats(14), 'words'), picked),
  ],
];

export const familyCases = [...graphs, ...runs, ...losses];
