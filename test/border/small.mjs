// A small valid model for the border suites, which run in plain node: a crash must end a child process only.
// Rule: everything here is right; the cases spoil one thing at a time.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { termOf, trainStep } from './step.mjs';

const built = fileURLToPath(new URL('../../build/Release/sinter.node', import.meta.url));

/** The addon under test. */
export const border = createRequire(import.meta.url)(process.env.SINTER_NATIVE ?? built);

export const VOCABULARY = 20;
export const MAX_TOKENS = 40;
export const HIDDEN = 8;

const vector = (name) => ({ name, shape: [HIDDEN], dtype: 'f32' });
const matrix = (name, rows, columns = HIDDEN) => ({ name, shape: [rows, columns], dtype: 'f32' });

/** A fresh graph with the operations of BERT, free to be spoiled. */
export function graph() {
  return {
    format: 1,
    architecture: 'small',
    maxTokens: MAX_TOKENS,
    vocabulary: VOCABULARY,
    segments: 2,
    weights: [
      matrix('tokens', VOCABULARY),
      matrix('positions', MAX_TOKENS + 2),
      matrix('segments', 2),
      vector('norm.weight'),
      vector('norm.bias'),
      matrix('query', HIDDEN),
      matrix('key', HIDDEN),
      matrix('value', HIDDEN),
      matrix('scores.weight', 3),
      { name: 'scores.bias', shape: [3], dtype: 'f32' },
    ],
    nodes: [
      {
        op: 'embedding',
        tables: [
          { weight: 'tokens', index: 'token', offset: 0 },
          { weight: 'positions', index: 'position', offset: 2 },
          { weight: 'segments', index: 'segment', offset: 0 },
        ],
        output: 'sum',
      },
      {
        op: 'norm',
        kind: 'layer',
        input: 'sum',
        residual: null,
        weight: 'norm.weight',
        bias: 'norm.bias',
        epsilon: 1e-12,
        output: 'x',
      },
      {
        op: 'linear',
        input: 'x',
        weights: ['query', 'key', 'value'],
        biases: [],
        activation: 'none',
        activationBits: 8,
        output: 'qkv',
      },
      {
        op: 'attention',
        input: 'qkv',
        heads: 2,
        headDim: HIDDEN / 2,
        scale: 0.5,
        dropout: 0,
        output: 'mixed',
      },
      { op: 'dropout', input: 'mixed', probability: 0.1, output: 'dropped' },
      { op: 'pool', kind: 'mean', input: 'dropped', output: 'pooled' },
      { op: 'normalize', input: 'pooled', output: 'unit' },
      {
        op: 'linear',
        input: 'unit',
        weights: ['scores.weight'],
        biases: ['scores.bias'],
        activation: 'tanh',
        activationBits: 8,
        output: 'scores',
      },
    ],
    outputs: { hidden: 'mixed', embedding: 'unit', logits: 'scores' },
  };
}

/** The same with the operations of the newer families, and a table that is a decoder too. */
export function newerGraph() {
  const g = graph();
  g.weights.push(matrix('distances', 8), matrix('bias', 8, 2), vector('rms'), matrix('up', 16));
  const attention = g.nodes.findIndex(({ op }) => op === 'attention');
  Object.assign(g.nodes[attention], {
    rotary: { theta: 1e4, dimensions: 4 },
    window: 5,
    relativeBias: { weight: 'bias', maxDistance: 16 },
    disentangled: { keys: 'table', queries: 'twice', buckets: 4, maxDistance: 8 },
  });
  const linear = { op: 'linear', biases: [], activation: 'silu', activationBits: 8 };
  const normal = { op: 'norm', kind: 'rms', weight: 'rms', bias: null, epsilon: 1e-6 };
  const after = [
    { op: 'add', input: 'mixed', residual: 'x', output: 'sum2' },
    { ...normal, input: 'sum2', residual: null, output: 'normal' },
    { ...linear, input: 'normal', weights: ['up'], output: 'wide' },
    { op: 'gate', activation: 'gelu', input: 'wide', output: 'gated' },
    { op: 'pool', kind: 'lasttoken', input: 'gated', output: 'last' },
    { op: 'concat', inputs: ['last', 'last'], output: 'pair' },
    { op: 'select', input: 'gated', output: 'picked' },
    { ...linear, input: 'picked', weights: ['segments'], output: 'words' },
  ];
  g.nodes.splice(attention + 1, 0, ...after);
  const before = [
    { op: 'parameter', weight: 'distances', output: 'table' },
    { op: 'add', input: 'table', residual: 'table', output: 'twice' },
  ];
  g.nodes.unshift(...before);
  Object.assign(g.outputs, { hidden: 'gated', words: 'words', pair: 'pair' });
  return g;
}

/** Logits of features that the caller hands over, and of nothing else. */
export const FEATURES = 4;
export function featuredGraph() {
  const g = graph();
  g.weights = [
    matrix('scores.weight', 3, FEATURES),
    { name: 'scores.bias', shape: [3], dtype: 'f32' },
  ];
  const scores = g.nodes.find(({ output }) => output === 'scores');
  g.nodes = [
    { op: 'features', width: FEATURES, output: 'given' },
    { op: 'activation', kind: 'tanh', input: 'given', output: 'bounded' },
    { ...scores, input: 'bounded' },
  ];
  g.outputs = { logits: 'scores' };
  return g;
}

/** Low-rank adapters beside a stacked product, scaled columns, one score a text, and a classifier of pairs as parameters. */
export function adaptedGraph() {
  const g = graph();
  g.weights = g.weights.filter(({ name }) => !name.startsWith('scores.'));
  g.weights.push(
    matrix('score', 1),
    matrix('a', 2),
    matrix('b', HIDDEN, 2),
    vector('factors'),
    matrix('pairs', 2, 3 * HIDDEN),
    matrix('pair bias', 1, 2),
  );
  const at = (value) => g.nodes.findIndex(({ output }) => output === value);
  g.nodes[at('qkv')].adapters = [{ member: 1, a: 'a', b: 'b', scale: 0.5 }];
  const { biases, weights, ...scores } = g.nodes[at('scores')];
  g.nodes[at('scores')] = { ...scores, weights: ['score'], biases: [], output: 'score' };
  g.nodes.splice(at('pooled'), 0, {
    ...{ op: 'scale', input: 'dropped', weight: 'factors', column: 0, output: 'scaled' },
  });
  g.nodes[at('pooled')].input = 'scaled';
  for (const weight of ['pairs', 'pair bias'])
    g.nodes.push({ op: 'parameter', weight, output: weight });
  g.outputs = { hidden: 'mixed', embedding: 'unit', logits: 'score' };
  return g;
}

/** A program that is not sealed, over a store of its own. */
export function made(from = graph(), trainable = false) {
  return new border.Program(from, new border.Store(from.weights), { trainable });
}

/** Writes small numbers to every f32 weight; `spoil` may change the values of one. */
export function fill({ store }, from = graph(), spoil = () => {}) {
  for (const { name, shape } of from.weights) {
    const count = shape.reduce((a, b) => a * b, 1);
    const values = Float32Array.from({ length: count }, (_, i) => Math.sin(i + name.length));
    spoil(name, values);
    store.writeWeight(name, 0, 'f32', new Uint8Array(values.buffer));
  }
}

export async function sealedProgram(trainable = false, from = graph()) {
  const program = made(from, trainable);
  fill(program, from);
  await program.seal();
  return program;
}

/** Three texts of 2, 1 and 4 tokens. */
export function batch() {
  return {
    ids: Int32Array.of(1, 2, 3, 4, 5, 6, 19),
    offsets: Int32Array.of(0, 2, 3, 7),
    segments: Int32Array.of(0, 1, 0, 0, 0, 1, 1),
  };
}

export const LOGITS = 9;

export function output() {
  return { name: 'logits', data: new Float32Array(LOGITS) };
}

export function options() {
  return { jobId: border.nextJobId(), tokenBudget: 64 };
}

export function settings() {
  return {
    optimizer: { kind: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
    groups: [{ weights: ['query'], learningRateFactor: 1, weightDecay: 0.01 }],
  };
}

/** A step of one term. */
export const step = (trainer, on, one, options) => trainStep(border, trainer, on, [one], options);

export function stepOptions() {
  const jobId = border.nextJobId();
  return { jobId, learningRate: 1e-3, maxGradNorm: 1, dropoutSeed: 7, update: true };
}

export function loss() {
  return termOf('cross_entropy', Int32Array.of(0, 2, -1));
}
