/**
 * Products, Einsum and folding.
 */

import { expect } from 'vitest';
import { floats, graphOf, ints, scalar, tensor } from '../small.js';
import type { RuleCase } from './case.js';

const x = floats([2, 3, 4], 1);
const weight = floats([4, 5], 2);

export const PRODUCT_CASES: readonly RuleCase[] = [
  {
    rule: 'transposed-constant',
    title: 'any order of axes',
    small: {
      feeds: { x },
      constants: { w: floats([3, 5, 4], 3), v: floats([5, 4], 4), axes: ints(1) },
      nodes: [
        ['t', 'Transpose', ['w'], { perm: [0, 2, 1] }],
        ['u', 'Transpose', ['v']],
        ['a', 'Unsqueeze', ['x', 'axes']],
        ['y', 'MatMul', ['a', 't']],
        ['z', 'MatMul', ['x', 'u']],
      ],
      outputs: ['y', 'z'],
    },
    left: ['Unsqueeze', 'MatMul', 'MatMul'],
  },
  {
    rule: 'reshaped-constant',
    title: 'reshaped, squeezed, unsqueezed, flattened',
    small: {
      feeds: { x },
      constants: { w: floats([1, 4, 1], 4), axes: ints(0, 2), shape: ints(0, -1), lead: ints(0) },
      nodes: [
        ['a', 'Squeeze', ['w', 'axes']],
        ['b', 'Reshape', ['w', 'shape']],
        ['c', 'Unsqueeze', ['a', 'lead']],
        ['d', 'Flatten', ['w'], { axis: 2 }],
        ['e', 'Add', ['x', 'a']],
        ['f', 'Add', ['e', 'b']],
        ['g', 'Add', ['f', 'c']],
        ['y', 'MatMul', ['g', 'd']],
      ],
      outputs: ['y'],
    },
    left: ['Add', 'Add', 'Add', 'MatMul'],
  },
  {
    rule: 'gemm',
    title: 'transposed weight, alpha, beta',
    small: {
      feeds: { x: floats([3, 4], 5) },
      constants: { w: floats([5, 4], 6), c: floats([5], 7) },
      nodes: [['y', 'Gemm', ['x', 'w', 'c'], { transB: 1, alpha: 0.5, beta: 2 }]],
      outputs: ['y'],
    },
    left: ['Mul', 'MatMul', 'Mul', 'Add'],
    apart: 1e-6,
    check: (graph) => {
      const right = graph.nodes[1]?.inputs[1] ?? '';
      expect(graph.initializers.get(right)?.dims).toEqual([4, 5]);
    },
  },
  {
    rule: 'gemm',
    title: 'a transposed input',
    small: {
      feeds: { x: floats([4, 3], 5) },
      constants: { w: weight },
      nodes: [['y', 'Gemm', ['x', 'w'], { transA: 1 }]],
      outputs: ['y'],
    },
    left: ['Transpose', 'MatMul'],
  },
  {
    rule: 'fused-gemm',
    title: 'with an activation',
    small: {
      feeds: { x: floats([3, 4], 5) },
      constants: { w: weight, c: floats([5], 7) },
      nodes: [['y', 'com.microsoft::FusedGemm', ['x', 'w', 'c'], { activation: 'Tanh' }]],
      outputs: ['y'],
    },
    left: ['MatMul', 'Add', 'Tanh'],
    apart: 1e-6,
  },
  {
    rule: 'gemm-fast-gelu',
    title: 'with a bias',
    small: {
      feeds: { x },
      constants: { w: weight, c: floats([5], 7) },
      nodes: [['y', 'com.microsoft::GemmFastGelu', ['x', 'w', 'c']]],
      outputs: ['y'],
    },
    left: ['MatMul', 'Add', 'Gelu'],
    apart: 1e-6,
  },
  {
    rule: 'fused-matmul',
    title: 'transposed and scaled',
    small: {
      feeds: { x, k: floats([2, 5, 4], 8) },
      nodes: [['y', 'com.microsoft::FusedMatMul', ['x', 'k'], { transB: 1, alpha: 0.125 }]],
      outputs: ['y'],
    },
    left: ['Transpose', 'MatMul', 'Mul'],
    apart: 1e-6,
  },
  {
    rule: 'fused-matmul',
    title: 'batch axes behind the first',
    small: {
      feeds: { x: floats([3, 2, 4], 9), k: floats([2, 4, 5], 10) },
      nodes: [['y', 'com.microsoft::FusedMatMul', ['x', 'k'], { transBatchA: 1 }]],
      outputs: ['y'],
    },
    left: ['Transpose', 'MatMul'],
  },
];

const einsum = (
  title: string,
  equation: string,
  shapes: readonly number[][],
  constant: boolean,
  left: readonly string[],
): RuleCase => {
  const [a = [], b = []] = shapes;
  const right = floats(b, 51);
  return {
    rule: 'einsum',
    title: `${title}: ${equation}`,
    small: {
      feeds: { x: floats(a, 50), ...(constant ? {} : { w: right }) },
      constants: constant ? { w: right } : {},
      nodes: [['y', 'Einsum', ['x', 'w'], { equation }]],
      outputs: ['y'],
    },
    left,
    apart: 1e-6,
  };
};

export const EINSUM_CASES: readonly RuleCase[] = [
  einsum(
    'projection',
    'abc,cde->abde',
    [
      [2, 3, 4],
      [4, 2, 5],
    ],
    true,
    ['MatMul', 'Reshape'],
  ),
  einsum(
    'projection of heads',
    'abcd,cde->abe',
    [
      [2, 3, 4, 5],
      [4, 5, 6],
    ],
    true,
    ['Reshape', 'MatMul'],
  ),
  einsum(
    'projection, weight turned',
    'abc,dc->abd',
    [
      [2, 3, 4],
      [5, 4],
    ],
    true,
    ['MatMul'],
  ),
  einsum(
    'scores',
    'bqhd,bkhd->bhqk',
    [
      [2, 3, 4, 5],
      [2, 6, 4, 5],
    ],
    false,
    ['Transpose', 'Transpose', 'MatMul'],
  ),
  einsum(
    'context',
    'bhqk,bkhd->bqhd',
    [
      [2, 3, 4, 5],
      [2, 5, 3, 6],
    ],
    false,
    ['Transpose', 'MatMul', 'Transpose'],
  ),
  einsum('outer product', 'i, j -> ij', [[3], [4]], false, ['Unsqueeze', 'Unsqueeze', 'Mul']),
  einsum(
    'elementwise, turned',
    'ab,ba->ab',
    [
      [3, 4],
      [4, 3],
    ],
    false,
    ['Transpose', 'Mul'],
  ),
  einsum(
    'a sum in one operand stays',
    'ab,bc->c',
    [
      [3, 4],
      [4, 5],
    ],
    false,
    ['Einsum'],
  ),
  einsum(
    'batched',
    'abcd,abde->abce',
    [
      [2, 3, 4, 5],
      [2, 3, 5, 6],
    ],
    false,
    ['MatMul'],
  ),
];

const branchOf = (op: string) =>
  graphOf({ feeds: {}, nodes: [[`inner_${op}`, op, ['x']]], outputs: [`inner_${op}`] });

export const FOLDING_CASES: readonly RuleCase[] = [
  {
    rule: 'constant-shape',
    title: 'of a value whose axes are all known',
    small: {
      feeds: { x },
      shapes: { x: [2, 3, 4] },
      nodes: [
        ['s', 'Shape', ['x']],
        ['y', 'Reshape', ['x', 's']],
      ],
      outputs: ['y'],
    },
    left: ['Reshape'],
  },
  {
    rule: 'constant-shape',
    title: 'not where an axis differs from run to run',
    small: {
      feeds: { x },
      shapes: { x: ['batch', 3, 4] },
      nodes: [
        ['s', 'Shape', ['x']],
        ['y', 'Reshape', ['x', 's']],
      ],
      outputs: ['y'],
    },
    left: ['Shape', 'Reshape'],
  },
  {
    rule: 'constant-folding',
    title: 'arithmetic of constants; not lookups, norms and products of tables',
    small: {
      feeds: { x },
      constants: {
        a: floats([4], 11),
        b: floats([4], 12),
        ten: scalar(10),
        table: floats([7, 4], 13),
        ids: ints(0, 2, 5),
        square: floats([4, 4], 14),
      },
      nodes: [
        ['c', 'Add', ['a', 'b']],
        ['d', 'Sqrt', ['ten']],
        ['e', 'Div', ['c', 'd']],
        ['rows', 'Gather', ['table', 'ids'], { axis: 0 }],
        ['normed', 'LayerNormalization', ['table', 'a'], { axis: -1, epsilon: 1e-5 }],
        ['projected', 'MatMul', ['normed', 'square']],
        ['f', 'Add', ['x', 'rows']],
        ['y', 'Add', ['f', 'e']],
        ['z', 'Tanh', ['projected']],
      ],
      outputs: ['y', 'z'],
    },
    left: ['Gather', 'LayerNormalization', 'MatMul', 'Add', 'Add', 'Tanh'],
  },
  {
    rule: 'constant-branch',
    title: 'takes the branch',
    small: {
      feeds: { x },
      constants: { yes: tensor('bool', [], [1]), no: tensor('bool', [], [0]) },
      nodes: [
        ['a', 'If', ['yes'], { then_branch: branchOf('Tanh'), else_branch: branchOf('Erf') }],
        ['b', 'If', ['no'], { then_branch: branchOf('Relu'), else_branch: branchOf('Sigmoid') }],
        ['y', 'Add', ['a', 'b']],
      ],
      outputs: ['y'],
    },
    left: ['Tanh', 'Sigmoid', 'Add'],
  },
];
