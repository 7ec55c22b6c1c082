// Graphs that are wrong in one way each, and arguments of the free functions.
// A case is [name, expected, action]; expected is an error code, 'TypeError', 'own' (the case's own error) or 'fine'.
import { border, fill, graph, HIDDEN, made } from './small.mjs';

const build = (spoil, trainable = false) => {
  const spoiled = graph();
  return made(spoil(spoiled) ?? spoiled, trainable);
};
const store = () => new border.Store(graph().weights);
const node = (g, output) => g.nodes.find((n) => n.output === output);
const weight = (g, name) => g.weights.find((w) => w.name === name);
const own = () => {
  throw new RangeError('own');
};
const shape = (value) => () =>
  build((g) => {
    weight(g, 'query').shape = value;
  });
const set = (output, key, value) => () =>
  build((g) => {
    node(g, output)[key] = value;
  });

/** An object in an object in an object. */
const deep = (levels) => {
  let inner = {};
  for (let i = 0; i < levels; i++) inner = { inner };
  return inner;
};
/** A list of `count` times the same list, of the same list: few objects, many paths. */
const repeated = (count, levels) =>
  levels === 0 ? 'x' : Array(count).fill(repeated(count, levels - 1));

export const graphCases = [
  [
    'Program without new',
    'TypeError',
    () => border.Program(graph(), store(), { trainable: false }),
  ],
  ['Trainer without new', 'TypeError', () => border.Trainer()],
  ['no graph', 'INTERNAL', () => new border.Program()],
  ['graph null', 'INTERNAL', () => new border.Program(null, store(), { trainable: false })],
  ['graph a number', 'INTERNAL', () => new border.Program(1, store(), { trainable: false })],
  ['graph empty', 'INTERNAL', () => new border.Program({}, store(), { trainable: false })],
  ['no options', 'INTERNAL', () => new border.Program(graph(), store())],
  [
    'trainable a string',
    'INTERNAL',
    () => new border.Program(graph(), store(), { trainable: 'yes' }),
  ],
  ['graph without prototype', 'fine', () => build((g) => Object.assign(Object.create(null), g))],
  ['graph a Proxy', 'fine', () => build((g) => new Proxy(g, {}))],
  ['graph a throwing Proxy', 'own', () => build((g) => new Proxy(g, { get: own }))],
  [
    'outputs with a throwing key list',
    'own',
    () =>
      build((g) => {
        g.outputs = new Proxy({}, { ownKeys: own });
      }),
  ],
  ['throwing getter', 'own', () => build((g) => Object.defineProperty(g, 'nodes', { get: own }))],
  [
    'weights a Proxy',
    'INTERNAL',
    () =>
      build((g) => {
        g.weights = new Proxy([], {});
      }),
  ],
  [
    'weights array-like',
    'INTERNAL',
    () =>
      build((g) => {
        g.weights = { length: 1 };
      }),
  ],
  [
    'a sparse list',
    'INTERNAL',
    () =>
      build((g) => {
        g.weights.length = 2 ** 32 - 1;
      }),
  ],
  ['shape [0]', 'INTERNAL', shape([0, HIDDEN])],
  ['shape negative', 'INTERNAL', shape([-8, HIDDEN])],
  ['shape fractional', 'INTERNAL', shape([7.5, HIDDEN])],
  ['shape NaN', 'INTERNAL', shape([Number.NaN, HIDDEN])],
  ['shape infinite', 'INTERNAL', shape([Number.POSITIVE_INFINITY, HIDDEN])],
  ['shape 2^53', 'INTERNAL', shape([2 ** 53, HIDDEN])],
  ['shape whose product wraps', 'INTERNAL', shape([2 ** 32, 2 ** 32])],
  ['shape empty', 'INTERNAL', shape([])],
  ['shape of 3 axes', 'INTERNAL', shape([1, 8, 8])],
  ['shape of strings', 'INTERNAL', shape(['8', '8'])],
  ['shape of symbols', 'INTERNAL', shape([Symbol('8'), 8])],
  ['shape with valueOf', 'INTERNAL', shape([{ valueOf: own }, 8])],
  [
    'dtype unknown',
    'INTERNAL',
    () =>
      build((g) => {
        weight(g, 'query').dtype = 'f64';
      }),
  ],
  [
    'weight twice',
    'INTERNAL',
    () =>
      build((g) => {
        g.weights.push(weight(g, 'query'));
      }),
  ],
  [
    'weight unused',
    'INTERNAL',
    () => build((g) => void g.weights.push({ name: 'spare', shape: [1], dtype: 'f32' })),
  ],
  ['weight unknown', 'INTERNAL', set('scores', 'weights', ['missing'])],
  ['weight stacked on itself', 'INTERNAL', set('qkv', 'weights', ['query', 'query', 'value'])],
  ['no weights', 'INTERNAL', set('scores', 'weights', [])],
  ['weights hold a number', 'INTERNAL', set('scores', 'weights', [3])],
  ['op unknown', 'INTERNAL', set('mixed', 'op', 'lstm')],
  ['activation unknown', 'INTERNAL', set('scores', 'activation', 'swish')],
  ['pooling unknown', 'INTERNAL', set('pooled', 'kind', 'sum')],
  ['norm unknown', 'INTERNAL', set('x', 'kind', 'batch')],
  [
    'index unknown',
    'INTERNAL',
    () =>
      build((g) => {
        g.nodes[0].tables[0].index = 'bytes';
      }),
  ],
  ['input before its definition', 'INTERNAL', set('x', 'input', 'scores')],
  ['value defined twice', 'INTERNAL', set('unit', 'output', 'pooled')],
  ['heads 0', 'INTERNAL', set('mixed', 'heads', 0)],
  ['heads that do not fit', 'INTERNAL', set('mixed', 'heads', 3)],
  ['head size 2^40', 'INTERNAL', set('mixed', 'headDim', 2 ** 40)],
  ['attention dropout 1', 'INTERNAL', set('mixed', 'dropout', 1)],
  ['attention dropout NaN', 'INTERNAL', set('mixed', 'dropout', Number.NaN)],
  ['dropout -1', 'INTERNAL', set('dropped', 'probability', -1)],
  ['dropout 1e30', 'INTERNAL', set('dropped', 'probability', 1e30)],
  [
    'residual of another width',
    'INTERNAL',
    () =>
      build((g) => {
        g.nodes.splice(3, 0, { ...node(g, 'x'), input: 'x', residual: 'qkv', output: 'y' });
      }),
  ],
  ['residual missing', 'INTERNAL', set('x', 'residual', undefined)],
  ['pool of a pooled value', 'INTERNAL', set('unit', 'op', 'pool')],
  [
    'norm weight as int8',
    'INTERNAL',
    () =>
      build((g) => {
        weight(g, 'norm.weight').dtype = 's8';
      }),
  ],
  [
    'bias as int8',
    'INTERNAL',
    () =>
      build((g) => {
        weight(g, 'scores.bias').dtype = 's8';
      }),
  ],
  [
    'int8 to be trained',
    'INTERNAL',
    () =>
      build((g) => {
        weight(g, 'scores.weight').dtype = 's8';
      }, true),
  ],
  [
    'stacked dtypes',
    'INTERNAL',
    () =>
      build((g) => {
        weight(g, 'key').dtype = 's8';
      }),
  ],
  [
    'table of 1 axis',
    'INTERNAL',
    () =>
      build((g) => {
        weight(g, 'tokens').shape = [160];
      }),
  ],
  [
    'table too short',
    'INTERNAL',
    () =>
      build((g) => {
        g.vocabulary = 21;
      }),
  ],
  [
    'positions too short',
    'INTERNAL',
    () =>
      build((g) => {
        g.maxTokens = 41;
      }),
  ],
  [
    'segments too short',
    'INTERNAL',
    () =>
      build((g) => {
        g.segments = 3;
      }),
  ],
  [
    'offset negative',
    'INTERNAL',
    () =>
      build((g) => {
        g.nodes[0].tables[1].offset = -1;
      }),
  ],
  ['no tables', 'INTERNAL', set('sum', 'tables', [])],
  [
    'two shifted tables',
    'fine',
    () =>
      build((g) => {
        g.weights.push({ name: 'more', shape: [41, HIDDEN], dtype: 'f32' });
        g.nodes[0].tables.push({ weight: 'more', index: 'position', offset: 1 });
      }),
  ],
  [
    'five tables',
    'INTERNAL',
    () =>
      build((g) => {
        g.nodes[0].tables = Array(5).fill(g.nodes[0].tables[0]);
      }),
  ],
  [
    'output of no value',
    'INTERNAL',
    () =>
      build((g) => {
        g.outputs.logits = 'nothing';
      }),
  ],
  [
    'output a number',
    'INTERNAL',
    () =>
      build((g) => {
        g.outputs.logits = 5;
      }),
  ],
  [
    'a second reader of query, key and value, trained',
    'fine',
    () =>
      build((g) => void g.nodes.push({ ...node(g, 'pooled'), input: 'qkv', output: 'z' }), true),
  ],
  [
    'maxTokens 0',
    'INTERNAL',
    () =>
      build((g) => {
        g.maxTokens = 0;
      }),
  ],
  [
    'vocabulary 2^40',
    'INTERNAL',
    () =>
      build((g) => {
        g.vocabulary = 2 ** 40;
      }),
  ],
  [
    'more memory than there is',
    'OUT_OF_MEMORY',
    () =>
      build((g) => {
        weight(g, 'tokens').shape = [2 ** 37, HIDDEN];
      }),
  ],
  ['a field that no operation reads', 'INTERNAL', set('mixed', 'causal', 1)],
  ['a field of another operation', 'INTERNAL', set('pooled', 'activation', 'gelu')],
  [
    'a field of a table that nothing reads',
    'INTERNAL',
    () => build((g) => void Object.assign(g.nodes[0].tables[0], { scale: 2 })),
  ],
  ['a field that is undefined', 'fine', set('mixed', 'causal', undefined)],
  ['a field that is a boolean', 'INTERNAL', set('mixed', 'causal', true)],
  ['a field that is a function', 'INTERNAL', set('mixed', 'scale', () => 1)],
  ['a field that is a symbol', 'INTERNAL', set('mixed', 'scale', Symbol('1'))],
  [
    'a field that is a typed array',
    'INTERNAL',
    set('scores', 'weights', new Float32Array(1 << 20)),
  ],
  [
    'a node that holds itself',
    'INTERNAL',
    () =>
      build((g) => {
        node(g, 'mixed').rotary = node(g, 'mixed');
      }),
  ],
  [
    'a field a mile deep',
    'INTERNAL',
    () => build((g) => void Object.assign(g.nodes[0], deep(1e5))),
  ],
  ['a list of two million weights', 'INTERNAL', set('scores', 'weights', Array(2e6).fill('x'))],
  ['lists that repeat each other', 'INTERNAL', set('scores', 'weights', repeated(1 << 8, 3))],
  ['a weight with a name of 70 kB', 'INTERNAL', set('scores', 'weights', ['x'.repeat(7e4)])],
  ['a field with a name of 70 kB', 'INTERNAL', set('mixed', 'x'.repeat(7e4), 1)],
  ['op a number', 'INTERNAL', set('mixed', 'op', 3)],
  ['op without a name', 'INTERNAL', set('mixed', 'op', '')],
  ['node output a number', 'INTERNAL', set('mixed', 'output', 3)],
  ['the addon still works', 'fine', () => fill(build(() => {}))],

  ['startLanes without number', 'INTERNAL', () => border.startLanes()],
  ['startLanes a string', 'INTERNAL', () => border.startLanes('2')],
  ['startLanes 0', 'INTERNAL', () => border.startLanes(0)],
  ['startLanes 1.5', 'INTERNAL', () => border.startLanes(1.5)],
  ['startLanes 1025', 'INTERNAL', () => border.startLanes(1025)],
  ['startLanes 2^32 + 2', 'INTERNAL', () => border.startLanes(2 ** 32 + 2)],
  ['startLanes another number', 'INTERNAL', () => border.startLanes(3)],
  ['startLanes the same number', 'fine', () => border.startLanes(2)],
  ['cancel a string', 'INTERNAL', () => border.cancel('1')],
  ['cancel NaN', 'INTERNAL', () => border.cancel(Number.NaN)],
  ['cancel an unknown job', 'fine', () => border.cancel(123_456_789)],
];
