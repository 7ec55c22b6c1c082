// A graph that makes no sense is refused with the node and both shapes; a good one prints as a
// table.
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../lib/graph/builder.js';
import { countParameters, nodeRows } from '../../lib/graph/print.js';
import type { EncoderGraph, GraphNode, WeightSpec } from '../../lib/graph/types.js';
import { validateGraph } from '../../lib/graph/validate.js';

/** embedding (8 wide) -> norm -> qkv -> attention -> dropout -> mean -> normalize. */
function tiny(): EncoderGraph {
  const b = new GraphBuilder();
  const words = { weight: 'words', rows: 10, index: 'token' } as const;
  const places = { weight: 'places', rows: 16, index: 'position', offset: 2 } as const;
  const sum = b.embedding([words, places], 8, 'sum');
  const normed = b.norm('norm', 8, 1e-12, sum, null, 'normed');
  const parts = ['q', 'k', 'v'].map((name) => ({ name, inputs: 8, outputs: 8 }));
  const mixed = b.attention(2, 4, 0.1, b.linear(parts, 'none', normed, 'qkv'), 'mixed');
  const dropped = b.dropout(0.1, mixed, 'dropped');
  const again = b.norm('norm2', 8, 1e-12, dropped, normed, 'again');
  b.output('hidden', again);
  b.output('embedding', b.normalize(b.pool('mean', again, 'mean'), 'unit'));
  return b.finish({ architecture: 'tiny', maxTokens: 14, vocabulary: 10, segments: 1 });
}

/** `tiny` with the node of that output changed. */
function withNode(output: string, change: object): EncoderGraph {
  const graph = tiny();
  const nodes = graph.nodes.map((node) =>
    node.output === output ? ({ ...node, ...change } as GraphNode) : node,
  );
  return { ...graph, nodes };
}

/** `tiny` with one more node, a parameter, and an output. */
function withTable(dtype: WeightSpec['dtype'], logits: string): EncoderGraph {
  const graph = tiny();
  const node = { op: 'parameter', weight: 'rows', output: 'table' } as const;
  const weights = [...graph.weights, { name: 'rows', shape: [4, 8], dtype }];
  const outputs = { ...graph.outputs, logits };
  return { ...graph, weights, outputs, nodes: [...graph.nodes, node] };
}

function withMore(...nodes: readonly GraphNode[]): EncoderGraph {
  const graph = tiny();
  return { ...graph, nodes: [...graph.nodes, ...nodes] };
}

function withShape(name: string, shape: readonly number[]): EncoderGraph {
  const graph = tiny();
  const weights = graph.weights.map((weight) =>
    weight.name === name ? { ...weight, shape } : weight,
  );
  return { ...graph, weights };
}

describe('validateGraph', () => {
  it('gives the shape of every value', () => {
    const shapes = validateGraph(tiny());
    expect([...shapes].map(([name, { kind, width }]) => [name, kind[0], width])).toEqual([
      ['sum', 't', 8],
      ['normed', 't', 8],
      ['qkv', 't', 24],
      ['mixed', 't', 8],
      ['dropped', 't', 8],
      ['again', 't', 8],
      ['mean', 's', 8],
      ['unit', 's', 8],
    ]);
  });

  it('takes the same graph after JSON', () => {
    expect(() => validateGraph(JSON.parse(JSON.stringify(tiny())) as EncoderGraph)).not.toThrow();
  });

  const wrong: readonly [string, EncoderGraph, string][] = [
    [
      'a linear that does not fit',
      withShape('q.weight', [8, 9]),
      'node 2 (linear -> qkv): q.weight is [8, 9], but the input is 8 wide',
    ],
    [
      'a bias that does not fit',
      withShape('k.bias', [7]),
      'node 2 (linear -> qkv): weight k.bias must be [8], got [7]',
    ],
    [
      'heads that do not fill the width',
      withNode('mixed', { heads: 3 }),
      '3 x 3 heads x 4 must be the input width, got 24',
    ],
    ['tables of two widths', withShape('places', [16, 9]), 'tables differ: 8 and 9'],
    [
      'a table with too few rows',
      withShape('places', [15, 8]),
      'places must have 16 rows (position), got 15',
    ],
    ['a vector for a matrix', withShape('words', [10]), 'weight words must have 2 axes, got [10]'],
    [
      'a norm of another width',
      withShape('norm.weight', [9]),
      'weight norm.weight must be [8], got [9]',
    ],
    [
      'a residual of another shape',
      withNode('again', { residual: 'qkv' }),
      'input is [tokens, 8], but residual is [tokens, 24]',
    ],
    [
      'a value used before it is defined',
      withNode('normed', { input: 'unit' }),
      'input unit is not defined before it',
    ],
    ['a value defined twice', withNode('dropped', { output: 'mixed' }), 'value is defined twice'],
    [
      'pooling of a pooled value',
      withNode('unit', { op: 'pool', kind: 'cls' }),
      'input mean must be a token value, got [sequences, 8]',
    ],
    [
      'a probability that drops everything',
      withNode('dropped', { probability: 1 }),
      'probability must be at least 0 and below 1, got 1',
    ],
    [
      'a weight nobody declared',
      withNode('normed', { weight: 'ghost' }),
      'weight ghost is not declared',
    ],
    [
      'activation codes of another width',
      withNode('qkv', { activationBits: 9 }),
      'activationBits must be 8 or 7, got 9',
    ],
    [
      'an equalizer without s8 weights',
      withNode('qkv', { equalizer: 'norm.weight' }),
      'equalizer norm.weight needs s8 weights',
    ],
    ['an operation nobody knows', withNode('normed', { op: 'conv' }), 'unknown operation conv'],
    [
      'fewer biases than weights',
      withNode('qkv', { biases: ['q.bias'] }),
      '3 weights need as many biases, got 1',
    ],
    [
      'a size of zero',
      withShape('norm.weight', [0]),
      'weight norm.weight must have positive sizes, got [0]',
    ],
    [
      'an output of an unknown value',
      { ...tiny(), outputs: { hidden: 'ghost' } },
      'output hidden names an unknown value ghost',
    ],
    [
      'a weight that is stacked here and alone there',
      withNode('normed', { bias: 'q.bias' }),
      'weight q.bias is stacked as [q.bias, k.bias, v.bias] here and as [q.bias] before',
    ],
    [
      'a stack with one weight twice',
      withNode('qkv', { weights: ['q.weight', 'q.weight', 'v.weight'] }),
      '[q.weight, q.weight, v.weight] stacks a weight twice',
    ],
    ['a table as output', withTable('f32', 'table'), 'output logits names the table table'],
    [
      'a parameter in int8',
      withTable('s8', 'unit'),
      '(parameter -> table): weight rows must be f32',
    ],
    [
      'an activation that does nothing',
      withNode('unit', { op: 'activation', kind: 'none' }),
      'node 7 (activation -> unit): kind must be one of gelu, gelu_tanh, relu, tanh, silu, quick_gelu',
    ],
    [
      'features without a width',
      withNode('unit', { op: 'features', width: 0 }),
      'node 7 (features -> unit): width must be an integer from 1 to 1048576, got 0',
    ],
    [
      'features of two widths',
      withMore(
        { op: 'features', width: 4, output: 'a' },
        { op: 'features', width: 5, output: 'b' },
      ),
      'node 9 (features -> b): width must be 4, as a has it, got 5',
    ],
    ['no outputs', { ...tiny(), outputs: {} }, 'has no outputs'],
    [
      'no room for tokens',
      { ...tiny(), maxTokens: 0 },
      'maxTokens must be an integer from 1 to 1048576, got 0',
    ],
  ];
  it.each(wrong)('refuses %s', (_, graph, message) => {
    expect(() => validateGraph(graph)).toThrow(
      expect.objectContaining({ code: 'CORRUPT_MODEL', message: expect.stringContaining(message) }),
    );
  });

  it('refuses weights declared twice or used by no node', () => {
    const graph = tiny();
    const [first] = graph.weights;
    if (first === undefined) throw new Error('the graph has weights');
    const twice = { ...graph, weights: [...graph.weights, first] };
    expect(() => validateGraph(twice)).toThrow('weight words is declared twice');
    const spare = { ...graph, weights: [...graph.weights, { ...first, name: 'spare' }] };
    expect(() => validateGraph(spare)).toThrow('weight spare is used by no node');
  });
});

describe('nodeRows', () => {
  it('describes nodes with shapes and weights', () => {
    const rows = nodeRows(tiny());
    expect(rows.map(({ detail }) => detail)).toContain('f32 x3');
    expect(rows[0]).toEqual({
      operation: 'embedding',
      detail: 'token + position',
      value: 'sum',
      shape: '[tokens, 8]',
      weights: '208',
    });
    expect(rows[7]).toEqual({
      operation: 'normalize',
      detail: '',
      value: 'unit',
      shape: '[sequences, 8]',
      weights: '',
    });
    expect(rows).toHaveLength(8);
    expect(countParameters(tiny())).toBe(10 * 8 + 16 * 8 + 2 * 16 + 3 * (64 + 8));
  });
});
