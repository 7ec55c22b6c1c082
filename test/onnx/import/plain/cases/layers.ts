/**
 * Activations, norms, attention, embeddings.
 */

import { expect } from 'vitest';
import type { OnnxGraph } from '../../../../../lib/formats/onnx/import/model.js';
import { floats, ints, type NodeText, scalar, tensor } from '../small.js';
import type { RuleCase } from './case.js';

const x = floats([2, 3, 4], 1);
const one = scalar(1);
const half = scalar(0.5);
const two = scalar(2);
const CLOSE = 2e-6;

const approximate = (kind: string) => (graph: OnnxGraph) =>
  expect(graph.nodes.at(-1)?.attributes.get('approximate')).toBe(kind);

const erf: readonly NodeText[] = [
  ['a', 'Div', ['x', 'root']],
  ['t', 'Erf', ['a']],
  ['b', 'Add', ['t', 'one']],
];
const root = scalar(Math.SQRT2);

function gelu(
  title: string,
  nodes: readonly NodeText[],
  constants: Record<string, ReturnType<typeof scalar>>,
  kind: string,
  left = ['Gelu'],
): RuleCase {
  return {
    rule: 'gelu-arithmetic',
    title,
    small: { feeds: { x }, constants, nodes, outputs: ['y'] },
    left,
    apart: CLOSE,
    ...(left.at(-1) === 'Gelu' ? { check: approximate(kind) } : {}),
  };
}

const tanhPower: readonly NodeText[] = [
  ['p', 'Pow', ['x', 'three']],
  ['q', 'Mul', ['p', 'small']],
  ['r', 'Add', ['x', 'q']],
  ['s', 'Mul', ['r', 'factor']],
  ['t', 'Tanh', ['s']],
];
const tanhConstants = {
  three: scalar(3),
  small: scalar(0.044715),
  factor: scalar(Math.sqrt(2 / Math.PI)),
  half,
  one,
};

export const ACTIVATION_CASES: readonly RuleCase[] = [
  gelu(
    'x (1 + erf) / 2',
    [...erf, ['c', 'Mul', ['x', 'b']], ['y', 'Mul', ['c', 'half']]],
    { root, one, half },
    'none',
  ),
  gelu(
    '(x / 2) (1 + erf)',
    [...erf, ['c', 'Mul', ['half', 'x']], ['y', 'Mul', ['b', 'c']]],
    { root, one, half },
    'none',
  ),
  gelu(
    'x (erf / 2 + 1 / 2)',
    [
      ...erf.slice(0, 2),
      ['c', 'Mul', ['t', 'half']],
      ['d', 'Add', ['half', 'c']],
      ['y', 'Mul', ['d', 'x']],
    ],
    { root, half },
    'none',
  ),
  gelu(
    '(x + x erf) / 2 of a scaled x',
    [
      ['v', 'Mul', ['w', 'three']],
      ['u', 'Mul', ['v', 'inverse']],
      ['t', 'Erf', ['u']],
      ['c', 'Mul', ['v', 't']],
      ['d', 'Add', ['c', 'v']],
      ['y', 'Div', ['d', 'two']],
    ].map(
      ([out, op, inputs]) =>
        [out, op, (inputs as string[]).map((n) => (n === 'w' ? 'x' : n))] as NodeText,
    ),
    { three: scalar(3), inverse: scalar(Math.SQRT1_2), two },
    'none',
    ['Mul', 'Gelu'],
  ),
  {
    ...gelu(
      'constants of float16',
      [...erf, ['c', 'Mul', ['x', 'b']], ['y', 'Mul', ['c', 'half']]],
      { root: scalar(1.4140625), one, half },
      'none',
    ),
    apart: 5e-5,
  },
  {
    ...gelu(
      'not with another constant',
      [...erf, ['c', 'Mul', ['x', 'b']], ['y', 'Mul', ['c', 'half']]],
      { root: scalar(1.5), one, half },
      '',
      ['Div', 'Erf', 'Add', 'Mul', 'Mul'],
    ),
    apart: 0,
  },
  gelu(
    'tanh with a power',
    [
      ...tanhPower,
      ['b', 'Add', ['t', 'one']],
      ['c', 'Mul', ['x', 'half']],
      ['y', 'Mul', ['c', 'b']],
    ],
    tanhConstants,
    'tanh',
  ),
  gelu(
    'tanh of x (c + c k x x)',
    [
      ['p', 'Mul', ['x', 'x']],
      ['q', 'Mul', ['p', 'inner']],
      ['r', 'Add', ['q', 'factor']],
      ['s', 'Mul', ['x', 'r']],
      ['t', 'Tanh', ['s']],
      ['b', 'Mul', ['t', 'half']],
      ['c', 'Add', ['b', 'half']],
      ['y', 'Mul', ['c', 'x']],
    ],
    { inner: scalar(0.044715 * Math.sqrt(2 / Math.PI)), factor: tanhConstants.factor, half },
    'tanh',
  ),
  gelu(
    'x sigmoid of the doubled argument',
    [
      ['p', 'Mul', ['x', 'x']],
      ['q', 'Mul', ['p', 'x']],
      ['r', 'Mul', ['q', 'cube']],
      ['s', 'Mul', ['x', 'line']],
      ['v', 'Add', ['s', 'r']],
      ['t', 'Sigmoid', ['v']],
      ['y', 'Mul', ['x', 't']],
    ],
    { cube: scalar(0.0713548162726), line: scalar(1.5957691216057308) },
    'tanh',
  ),
  {
    rule: 'gelu-arithmetic',
    title: 'not SiLU',
    small: {
      feeds: { x },
      nodes: [
        ['t', 'Sigmoid', ['x']],
        ['y', 'Mul', ['x', 't']],
      ],
      outputs: ['y'],
    },
    left: ['Sigmoid', 'Mul'],
  },
  {
    rule: 'fused-gelu',
    title: 'with and without bias',
    small: {
      feeds: { x },
      constants: { bias: floats([4], 2) },
      nodes: [
        ['a', 'com.microsoft::BiasGelu', ['x', 'bias']],
        ['b', 'com.microsoft::Gelu', ['a']],
        ['c', 'com.microsoft::FastGelu', ['b', 'bias']],
        ['y', 'com.microsoft::FastGelu', ['c']],
      ],
      outputs: ['y'],
    },
    left: ['Add', 'Gelu', 'Gelu', 'Add', 'Gelu', 'Gelu'],
    apart: CLOSE,
    check: approximate('tanh'),
  },
  {
    rule: 'gelu-default',
    title: 'written',
    small: { feeds: { x }, nodes: [['y', 'Gelu', ['x']]], outputs: ['y'] },
    left: ['Gelu'],
    check: approximate('none'),
  },
  {
    rule: 'quick-gelu',
    title: 'and Swish',
    small: {
      feeds: { x },
      nodes: [
        ['a', 'com.microsoft::QuickGelu', ['x'], { alpha: 1.702 }],
        ['y', 'Swish', ['a']],
      ],
      outputs: ['y'],
    },
    left: ['Mul', 'Sigmoid', 'Mul', 'Sigmoid', 'Mul'],
    opset: 24,
    apart: CLOSE,
  },
];

const epsilon = scalar(1e-5);
const scale = floats([4], 20);
const bias = floats([4], 21);
const last = ints(-1);
const quotient: readonly NodeText[] = [
  ['m', 'ReduceMean', ['x', 'last'], { keepdims: 1 }],
  ['d', 'Sub', ['x', 'm']],
  ['d2', 'Pow', ['d', 'two']],
  ['v', 'ReduceMean', ['d2', 'last'], { keepdims: 1 }],
  ['e', 'Add', ['v', 'epsilon']],
  ['s', 'Sqrt', ['e']],
  ['q', 'Div', ['d', 's']],
];
const normConstants = { last, two, epsilon, scale, bias, one, half };
const norm = (
  rule: string,
  title: string,
  nodes: readonly NodeText[],
  left: readonly string[],
  more = {},
): RuleCase => ({
  rule,
  title,
  small: { feeds: { x }, constants: { ...normConstants, ...more }, nodes, outputs: ['y'] },
  left,
  apart: CLOSE,
  check: (graph) => {
    if (left.length === 1) {
      expect(graph.nodes[0]?.attributes.get('axis')).toBe(-1);
      expect(graph.nodes[0]?.attributes.get('epsilon')).toBeCloseTo(1e-5, 10);
    }
  },
});

export const NORM_CASES: readonly RuleCase[] = [
  norm(
    'layer-norm-arithmetic',
    'Div by Sqrt',
    [...quotient, ['n', 'Mul', ['q', 'scale']], ['y', 'Add', ['n', 'bias']]],
    ['LayerNormalization'],
  ),
  norm(
    'layer-norm-arithmetic',
    'squares by Mul, Reciprocal, operands the other way, [1, 1, width]',
    [
      ...quotient.slice(0, 2),
      ['d2', 'Mul', ['d', 'd']],
      ['v', 'ReduceMean', ['d2', 'last']],
      ['e', 'Add', ['epsilon', 'v']],
      ['s', 'Sqrt', ['e']],
      ['r', 'Reciprocal', ['s']],
      ['q', 'Mul', ['r', 'd']],
      ['n', 'Mul', ['wide', 'q']],
      ['y', 'Add', ['bias', 'n']],
    ],
    ['LayerNormalization'],
    { wide: { ...scale, dims: [1, 1, 4] } },
  ),
  norm(
    'layer-norm-arithmetic',
    'not over another axis',
    [
      ['m', 'ReduceMean', ['x', 'other']],
      ...quotient.slice(1),
      ['n', 'Mul', ['q', 'scale']],
      ['y', 'Add', ['n', 'bias']],
    ],
    ['ReduceMean', 'Sub', 'Pow', 'ReduceMean', 'Add', 'Sqrt', 'Div', 'Mul', 'Add'],
    { other: ints(1) },
  ),
  norm(
    'layer-norm-arithmetic',
    'not with the variance of something else',
    [
      ...quotient.slice(0, 2),
      ['d2', 'Pow', ['x', 'two']],
      ...quotient.slice(3),
      ['n', 'Mul', ['q', 'scale']],
      ['y', 'Add', ['n', 'bias']],
    ],
    ['ReduceMean', 'Sub', 'Pow', 'ReduceMean', 'Add', 'Sqrt', 'Div', 'Mul', 'Add'],
  ),
  norm(
    'layer-norm-arithmetic',
    'not with one number for a bias',
    [...quotient, ['n', 'Mul', ['q', 'scale']], ['y', 'Add', ['n', 'narrow']]],
    ['ReduceMean', 'Sub', 'Pow', 'ReduceMean', 'Add', 'Sqrt', 'Div', 'Mul', 'Add'],
    { narrow: tensor('float32', [1], [0.5]) },
  ),
  norm(
    'norm-arithmetic-without-bias',
    'layer norm',
    [...quotient, ['y', 'Mul', ['q', 'scale']]],
    ['LayerNormalization'],
  ),
  norm(
    'norm-arithmetic-without-bias',
    'RMS norm',
    [
      ['d2', 'Pow', ['x', 'two']],
      ['v', 'ReduceMean', ['d2', 'last']],
      ['e', 'Add', ['v', 'epsilon']],
      ['s', 'Sqrt', ['e']],
      ['r', 'Div', ['one', 's']],
      ['q', 'Mul', ['x', 'r']],
      ['y', 'Mul', ['scale', 'q']],
    ],
    ['RMSNormalization'],
  ),
  {
    ...norm(
      'layer-norm-arithmetic-bare',
      'of a known width',
      [...quotient.slice(0, 6), ['y', 'Div', ['d', 's']]],
      ['LayerNormalization'],
    ),
    small: {
      feeds: { x },
      shapes: { x: [null, null, 4] },
      constants: normConstants,
      nodes: [...quotient.slice(0, 6), ['y', 'Div', ['d', 's']]],
      outputs: ['y'],
    },
  },
  norm(
    'layer-norm-moments',
    'as TensorFlow writes it',
    [
      ...quotient.slice(0, 6),
      ['r', 'Reciprocal', ['s']],
      ['k', 'Mul', ['r', 'scale']],
      ['a', 'Mul', ['x', 'k']],
      ['b', 'Mul', ['m', 'k']],
      ['c', 'Sub', ['bias', 'b']],
      ['y', 'Add', ['a', 'c']],
    ],
    ['LayerNormalization'],
  ),
  {
    rule: 'norm-attributes',
    title: 'the axis from the front, the default epsilon, the old name of the RMS norm',
    small: {
      feeds: { x },
      constants: { scale, bias },
      nodes: [
        ['a', 'LayerNormalization', ['x', 'scale', 'bias'], { axis: 2 }],
        ['y', 'SimplifiedLayerNormalization', ['a', 'scale'], { epsilon: 1e-6, stash_type: 1 }],
      ],
      outputs: ['y'],
    },
    left: ['LayerNormalization', 'RMSNormalization'],
    check: (graph) => {
      expect([...(graph.nodes[0]?.attributes ?? [])]).toEqual([
        ['axis', -1],
        ['epsilon', 1e-5],
      ]);
    },
  },
  {
    rule: 'norm-attributes',
    title: 'not over more than one axis',
    small: {
      feeds: { x },
      constants: { scale: floats([3, 4], 5) },
      nodes: [['y', 'LayerNormalization', ['x', 'scale'], { axis: 1 }]],
      outputs: ['y'],
    },
    left: ['LayerNormalization'],
    check: (graph) => expect(graph.nodes[0]?.attributes.get('axis')).toBe(1),
  },
  {
    rule: 'skip-layer-norm',
    title: 'with bias, and the sum read by others',
    small: {
      feeds: { x, skip: floats([2, 3, 4], 22) },
      constants: { scale, bias, offset: floats([4], 23) },
      nodes: [
        [
          'a,,,sum',
          'com.microsoft::SkipLayerNormalization',
          ['x', 'skip', 'scale', 'bias', 'offset'],
          { epsilon: 1e-12 },
        ],
        [
          'b',
          'com.microsoft::SkipSimplifiedLayerNormalization',
          ['a', 'sum', 'scale'],
          { epsilon: 1e-6 },
        ],
        ['y', 'com.microsoft::SkipLayerNormalization', ['b', 'x', 'scale'], {}],
      ],
      outputs: ['y'],
    },
    left: [
      'Add',
      'Add',
      'LayerNormalization',
      'Add',
      'RMSNormalization',
      'Add',
      'LayerNormalization',
    ],
    apart: CLOSE,
  },
];

const qkv = floats([4, 12], 30);
const written = (projections: readonly string[], mask: readonly string[]) => [
  ...mask,
  ...projections,
  ...['Reshape', 'Transpose', 'Reshape', 'Transpose', 'Reshape', 'Transpose', 'MatMul', 'Mul'],
  ...(mask.length === 0 ? [] : ['Add']),
  ...['Softmax', 'MatMul', 'Transpose', 'Reshape'],
];
const threeProducts = ['MatMul', 'Add', 'MatMul', 'Add', 'MatMul', 'Add'];
const attention = (
  title: string,
  mask: ReturnType<typeof tensor>,
  dims: readonly null[],
  maskOps: readonly string[],
): RuleCase => ({
  rule: 'attention',
  title,
  small: {
    feeds: { x, mask },
    shapes: { mask: dims },
    constants: { qkv, offset: floats([12], 31) },
    nodes: [['y', 'com.microsoft::Attention', ['x', 'qkv', 'offset', 'mask'], { num_heads: 2 }]],
    outputs: ['y'],
  },
  left: written(threeProducts, maskOps),
  apart: CLOSE,
});
const rawMask = tensor('int32', [2, 3], [1, 1, 1, 1, 1, 0]);

export const ATTENTION_CASES: readonly RuleCase[] = [
  attention('a mask [batch, keys]', rawMask, [null, null], ['Unsqueeze', 'Cast', 'Sub', 'Mul']),
  attention(
    'lengths [batch]',
    tensor('int32', [2], [3, 2]),
    [null],
    [
      ...[
        'Cast',
        'Unsqueeze',
        'Shape',
        'Gather',
        'Range',
        'Less',
        'Unsqueeze',
        'Cast',
        'Sub',
        'Mul',
      ],
    ],
  ),
  attention(
    'a mask [batch, queries, keys]',
    tensor('int32', [2, 3, 3], [1, 1, 0, 1, 1, 0, 1, 0, 1, 1, 1, 1, 0, 1, 1, 1, 1, 0]),
    [null, null, null],
    ['Unsqueeze', 'Cast', 'Sub', 'Mul'],
  ),
  {
    rule: 'attention',
    title: 'without bias or mask, with its own scale and a bias of the scores',
    small: {
      feeds: { x },
      constants: { qkv, scores: floats([1, 2, 3, 3], 32) },
      nodes: [
        [
          'y',
          'com.microsoft::Attention',
          ['x', 'qkv', '', '', '', 'scores'],
          { num_heads: 2, scale: 0.3 },
        ],
      ],
      outputs: ['y'],
    },
    left: [
      ...[
        'MatMul',
        'MatMul',
        'MatMul',
        'Reshape',
        'Transpose',
        'Reshape',
        'Transpose',
        'Reshape',
        'Transpose',
      ],
      ...['MatMul', 'Mul', 'Add', 'Softmax', 'MatMul', 'Transpose', 'Reshape'],
    ],
    apart: CLOSE,
  },
  {
    rule: 'attention',
    title: 'not a causal one',
    small: {
      feeds: { x },
      constants: { qkv, offset: floats([12], 31) },
      nodes: [
        [
          'y',
          'com.microsoft::Attention',
          ['x', 'qkv', 'offset'],
          { num_heads: 2, unidirectional: 1 },
        ],
      ],
      outputs: ['y'],
    },
    left: ['com.microsoft::Attention'],
  },
  {
    rule: 'multi-head-attention',
    title: 'with a merged bias and a mask',
    small: {
      feeds: { x, k: floats([2, 3, 4], 33), v: floats([2, 3, 4], 34), mask: rawMask },
      constants: { offset: floats([12], 35) },
      nodes: [
        [
          'y',
          'com.microsoft::MultiHeadAttention',
          ['x', 'k', 'v', 'offset', 'mask'],
          { num_heads: 2 },
        ],
      ],
      outputs: ['y'],
    },
    left: written(['Add', 'Add', 'Add'], ['Unsqueeze', 'Cast', 'Sub', 'Mul']),
    apart: CLOSE,
  },
  {
    rule: 'standard-attention',
    title: 'a mask of booleans, heads as an attribute',
    small: {
      feeds: { x, k: floats([2, 3, 4], 33), v: floats([2, 3, 4], 34) },
      shapes: { x: [null, null, 4] },
      constants: {
        mask: tensor('bool', [2, 1, 3, 3], [1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1]),
      },
      nodes: [['y', 'Attention', ['x', 'k', 'v', 'mask'], { q_num_heads: 2, kv_num_heads: 2 }]],
      outputs: ['y'],
    },
    left: written([], ['Where']),
    apart: CLOSE,
  },
  {
    rule: 'standard-attention',
    title: 'four axes and a mask of floats',
    small: {
      feeds: {
        q: floats([2, 2, 3, 4], 36),
        k: floats([2, 2, 5, 4], 37),
        v: floats([2, 2, 5, 4], 38),
      },
      shapes: { q: [null, 2, null, 4], k: [null, 2, null, 4] },
      constants: { mask: floats([3, 5], 39) },
      nodes: [['y', 'Attention', ['q', 'k', 'v', 'mask'], { scale: 0.7 }]],
      outputs: ['y'],
    },
    left: ['Transpose', 'MatMul', 'Mul', 'Add', 'Softmax', 'MatMul'],
    apart: CLOSE,
  },
  {
    rule: 'standard-attention',
    title: 'not a causal one',
    small: {
      feeds: { q: floats([2, 2, 3, 4], 36) },
      shapes: { q: [null, 2, null, 4] },
      nodes: [['y', 'Attention', ['q', 'q', 'q'], { is_causal: 1 }]],
      outputs: ['y'],
    },
    left: ['Attention'],
  },
];

const ids = tensor('int32', [2, 3], [1, 4, 2, 3, 0, 1]);
const tables = {
  word: floats([5, 4], 40),
  position: floats([6, 4], 41),
  segment: floats([2, 4], 42),
  scale,
  bias,
};
const cos = floats([8, 2], 43);
const sin = floats([8, 2], 44);
const rotation = ['Split', 'Neg', 'Concat', 'Mul', 'Mul', 'Add'];

export const EMBEDDING_CASES: readonly RuleCase[] = [
  {
    rule: 'embed-layer-norm',
    title: 'with segments and the lengths of a mask',
    small: {
      feeds: { ids, types: tensor('int32', [2, 3], [0, 1, 0, 1, 1, 0]), mask: rawMask },
      constants: tables,
      nodes: [
        [
          'y,lengths',
          'com.microsoft::EmbedLayerNormalization',
          ['ids', 'types', 'word', 'position', 'segment', 'scale', 'bias', 'mask'],
          { epsilon: 1e-12 },
        ],
        ['z', 'Cast', ['lengths'], { to: 1 }],
      ],
      outputs: ['y', 'z'],
    },
    left: [
      ...[
        'Cast',
        'ReduceSum',
        'Shape',
        'Gather',
        'Range',
        'Gather',
        'Gather',
        'Add',
        'Gather',
        'Add',
      ],
      ...['LayerNormalization', 'Cast'],
    ],
    apart: CLOSE,
  },
  {
    rule: 'embed-layer-norm',
    title: 'with position ids, without segments, and the sum read by others',
    small: {
      feeds: { ids, places: tensor('int32', [2, 3], [2, 3, 4, 5, 1, 0]) },
      constants: tables,
      nodes: [
        [
          'y,,z',
          'com.microsoft::EmbedLayerNormalization',
          ['ids', '', 'word', 'position', '', 'scale', 'bias', '', 'places'],
        ],
      ],
      outputs: ['y', 'z'],
    },
    left: ['Gather', 'Gather', 'Add', 'LayerNormalization'],
    apart: CLOSE,
  },
  {
    rule: 'rotary-embedding',
    title: 'of three axes, positions from a first one',
    small: {
      feeds: { x: floats([2, 3, 8], 45), first: ints(2) },
      constants: { cos, sin },
      nodes: [
        ['y', 'com.microsoft::RotaryEmbedding', ['x', 'first', 'cos', 'sin'], { num_heads: 2 }],
      ],
      outputs: ['y'],
    },
    left: [
      ...[
        'Shape',
        'Gather',
        'Range',
        'Add',
        'Gather',
        'Concat',
        'Unsqueeze',
        'Gather',
        'Concat',
        'Unsqueeze',
      ],
      ...['Reshape', 'Transpose', ...rotation, 'Transpose', 'Reshape'],
    ],
    apart: CLOSE,
  },
  {
    rule: 'rotary-embedding',
    title: 'not an interleaved one',
    small: {
      feeds: { x: floats([2, 2, 3, 4], 45), places: tensor('int64', [2, 3], [0, 1, 2, 3, 4, 5]) },
      constants: { cos, sin },
      nodes: [
        ['y', 'com.microsoft::RotaryEmbedding', ['x', 'places', 'cos', 'sin'], { interleaved: 1 }],
      ],
      outputs: ['y'],
    },
    left: ['com.microsoft::RotaryEmbedding'],
  },
  {
    rule: 'standard-rotary-embedding',
    title: 'of the first half of each head',
    small: {
      feeds: { x: floats([2, 2, 3, 6], 46), places: tensor('int64', [2, 3], [0, 1, 2, 3, 4, 5]) },
      shapes: { x: [null, 2, null, 6] },
      constants: { cos, sin },
      nodes: [['y', 'RotaryEmbedding', ['x', 'cos', 'sin', 'places'], { rotary_embedding_dim: 4 }]],
      outputs: ['y'],
    },
    left: [
      ...['Gather', 'Concat', 'Unsqueeze', 'Gather', 'Concat', 'Unsqueeze', 'Split'],
      ...[...rotation, 'Concat'],
    ],
    apart: CLOSE,
  },
];
