/**
 * Activations, decomposed and fused.
 */

import { expect } from 'vitest';
import type { OnnxGraph } from '../../../../../lib/formats/onnx/import/model.js';
import { floats, type NodeText, scalar } from '../small.js';
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
  ...(['right', 'left'] as const).map((side): RuleCase => {
    const ordered = (a: string, b: string) => (side === 'right' ? [a, b] : [b, a]);
    return {
      rule: 'gelu-arithmetic',
      title: `quick GELU, factor on the ${side}`,
      small: {
        feeds: { x },
        constants: { c: scalar(1.702) },
        nodes: [
          ['i', 'Mul', ordered('x', 'c')],
          ['t', 'Sigmoid', ['i']],
          ['y', 'Mul', ordered('x', 't')],
        ],
        outputs: ['y'],
      },
      left: ['Swish'],
      apart: CLOSE,
      check: (graph) => expect(graph.nodes.at(-1)?.attributes.get('alpha')).toBe(1.702),
    };
  }),
  {
    rule: 'gelu-arithmetic',
    title: 'not SiLU of a product with 1.702',
    small: {
      feeds: { x },
      constants: { c: scalar(1.702) },
      nodes: [
        ['i', 'Mul', ['x', 'c']],
        ['t', 'Sigmoid', ['i']],
        ['y', 'Mul', ['i', 't']],
      ],
      outputs: ['y'],
    },
    left: ['Mul', 'Sigmoid', 'Mul'],
  },
  {
    rule: 'quick-gelu',
    title: 'written',
    with: ['gelu-arithmetic'],
    small: {
      feeds: { x },
      nodes: [
        ['a', 'com.microsoft::QuickGelu', ['x'], { alpha: 1.702 }],
        ['y', 'Swish', ['a'], { alpha: Math.fround(1.702) }],
      ],
      outputs: ['y'],
    },
    left: ['Swish', 'Swish'],
    opset: 24,
    apart: CLOSE,
  },
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
    rule: 'quick-gelu-arithmetic',
    title: 'between two products',
    with: ['product-of-scaled-silu'],
    small: {
      feeds: { x },
      constants: {
        w: floats([x.dims.at(-1) ?? 1, 3], 40),
        b: floats([3], 41),
        v: floats([3, 2], 42),
        c: scalar(1.5),
      },
      nodes: [
        ['m', 'MatMul', ['x', 'w']],
        ['h', 'Add', ['m', 'b']],
        ['i', 'Mul', ['h', 'c']],
        ['g', 'Sigmoid', ['i']],
        ['a', 'Mul', ['h', 'g']],
        ['y', 'MatMul', ['a', 'v']],
      ],
      outputs: ['y'],
    },
    left: ['MatMul', 'Add', 'Sigmoid', 'Mul', 'MatMul'],
    apart: CLOSE,
  },
  {
    rule: 'product-of-scaled-silu',
    title: 'whatever the number is',
    small: {
      feeds: { x },
      constants: { v: floats([x.dims.at(-1) ?? 1, 2], 42), c: scalar(0.5) },
      nodes: [
        ['g', 'Sigmoid', ['x']],
        ['s', 'Mul', ['x', 'g']],
        ['a', 'Mul', ['s', 'c']],
        ['y', 'MatMul', ['a', 'v']],
      ],
      outputs: ['y'],
    },
    left: ['Sigmoid', 'Mul', 'MatMul'],
    apart: CLOSE,
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
