/**
 * Layer norm and RMS norm, decomposed and fused.
 */

import { expect } from 'vitest';
import { floats, ints, type NodeText, scalar, tensor } from '../small.js';
import type { RuleCase } from './case.js';

const x = floats([2, 3, 4], 1);
const one = scalar(1);
const half = scalar(0.5);
const two = scalar(2);
const CLOSE = 2e-6;

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
