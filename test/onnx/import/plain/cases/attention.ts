/**
 * Fused attention, embeddings and rotary positions.
 */

import { floats, ints, tensor } from '../small.js';
import type { RuleCase } from './case.js';

const x = floats([2, 3, 4], 1);
const CLOSE = 2e-6;
const scale = floats([4], 20);
const bias = floats([4], 21);

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
/** The groups of heads, where only the running graph knows how many there are. */
const told = ['Shape', 'Gather', 'Shape', 'Gather', 'Range', 'Mul', 'Div'];
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
    title: 'operands whose axes are not known',
    small: {
      feeds: { q: floats([2, 2, 3, 4], 36), k: floats([2, 2, 5, 4], 37) },
      shapes: { q: null, k: null },
      nodes: [['y', 'Attention', ['q', 'k', 'k']]],
      outputs: ['y'],
    },
    left: [
      ...['Shape', 'Gather', 'Cast', 'Div', 'Sqrt', 'Div'],
      ...['Transpose', ...told, 'Gather', 'Gather', 'MatMul', 'Mul', 'Softmax', 'MatMul'],
    ],
    apart: CLOSE,
  },
  {
    rule: 'standard-attention',
    title: 'fewer heads of keys, axes not known',
    small: {
      feeds: { q: floats([2, 4, 3, 4], 36), k: floats([2, 2, 5, 4], 37) },
      shapes: { q: null, k: null },
      nodes: [['y', 'Attention', ['q', 'k', 'k'], { scale: 0.3 }]],
      outputs: ['y'],
    },
    left: ['Transpose', ...told, 'Gather', 'Gather', 'MatMul', 'Mul', 'Softmax', 'MatMul'],
    apart: CLOSE,
  },
  {
    rule: 'standard-attention',
    title: 'fewer heads of keys',
    small: {
      feeds: { q: floats([2, 4, 3, 4], 36), k: floats([2, 2, 5, 4], 37) },
      shapes: { q: [null, 4, null, 4], k: [null, 2, null, 4] },
      nodes: [['y', 'Attention', ['q', 'k', 'k']]],
      outputs: ['y'],
    },
    left: ['Transpose', 'Gather', 'Gather', 'MatMul', 'Mul', 'Softmax', 'MatMul'],
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

const pairedTable = ['Gather', 'Unsqueeze', 'Unsqueeze', 'Concat', 'Reshape', 'Unsqueeze'];
const pairedAngles = [...pairedTable, ...pairedTable];
const pairedRotation = ['Reshape', 'Split', 'Neg', 'Concat', 'Reshape', 'Mul', 'Mul', 'Add'];

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
    title: 'an interleaved one, of four axes',
    small: {
      feeds: { x: floats([2, 2, 3, 4], 45), places: tensor('int64', [2, 3], [0, 1, 2, 3, 4, 5]) },
      constants: { cos, sin },
      nodes: [
        ['y', 'com.microsoft::RotaryEmbedding', ['x', 'places', 'cos', 'sin'], { interleaved: 1 }],
      ],
      outputs: ['y'],
    },
    left: [...pairedAngles, ...pairedRotation],
    apart: CLOSE,
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
      ...['Gather', 'Concat', 'Unsqueeze', 'Gather', 'Concat', 'Unsqueeze', 'Slice'],
      ...[...rotation, 'Slice', 'Concat'],
    ],
    apart: CLOSE,
  },
  {
    rule: 'standard-rotary-embedding',
    title: 'of vectors whose axes are not known, with a row of the tables for every token',
    small: {
      feeds: { x: floats([2, 2, 3, 4], 46), c: floats([2, 3, 2], 47), s: floats([2, 3, 2], 48) },
      shapes: { x: null },
      nodes: [['y', 'RotaryEmbedding', ['x', 'c', 's']]],
      outputs: ['y'],
    },
    left: ['Concat', 'Unsqueeze', 'Concat', 'Unsqueeze', ...rotation],
    apart: CLOSE,
  },
  {
    rule: 'standard-rotary-embedding',
    title: 'interleaved, of part of each head, heads as an attribute',
    small: {
      feeds: { x: floats([2, 3, 12], 46), places: tensor('int64', [2, 3], [0, 1, 2, 3, 4, 5]) },
      constants: { cos, sin },
      nodes: [
        [
          'y',
          'RotaryEmbedding',
          ['x', 'cos', 'sin', 'places'],
          { rotary_embedding_dim: 4, interleaved: 1, num_heads: 2 },
        ],
      ],
      outputs: ['y'],
    },
    left: [
      ...[...pairedAngles, 'Reshape', 'Transpose', 'Slice', ...pairedRotation],
      ...['Slice', 'Concat', 'Transpose', 'Reshape'],
    ],
    apart: CLOSE,
  },
];
