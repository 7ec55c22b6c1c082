/**
 * Containers and old operator sets.
 */

import { expect } from 'vitest';
import { floats, ints, scalar, tensor } from '../small.js';
import type { RuleCase } from './case.js';

const x = floats([2, 3, 4], 1);

export const CONTAINER_CASES: readonly RuleCase[] = [
  {
    rule: 'constant-node',
    title: 'of every kind',
    small: {
      feeds: { x },
      nodes: [
        ['a', 'Constant', [], { value: tensor('float32', [4], [1, 2, 3, 4]) }],
        ['b', 'Constant', [], { value_float: 2.5 }],
        ['c', 'Constant', [], { value_ints: [0, 0, 2, 2] }],
        ['d', 'Mul', ['x', 'a']],
        ['e', 'Add', ['d', 'b']],
        ['y', 'Reshape', ['e', 'c']],
      ],
      outputs: ['y'],
    },
    left: ['Mul', 'Add', 'Reshape'],
  },
  {
    rule: 'identity',
    title: 'in the middle, before an output, and from an input to an output',
    small: {
      feeds: { x },
      nodes: [
        ['a', 'Identity', ['x']],
        ['b', 'Tanh', ['a']],
        ['y', 'Identity', ['b']],
        ['z', 'Identity', ['x']],
      ],
      outputs: ['y', 'z'],
    },
    left: ['Tanh', 'Identity'],
  },
  {
    rule: 'identity',
    title: 'of one value to two outputs keeps one',
    small: {
      feeds: { x },
      nodes: [
        ['b', 'Tanh', ['x']],
        ['y', 'Identity', ['b']],
        ['z', 'Identity', ['b']],
      ],
      outputs: ['y', 'z'],
    },
    left: ['Tanh', 'Identity'],
  },
  {
    rule: 'dropout',
    title: 'without training mode, or of nothing',
    small: {
      feeds: { x },
      constants: {
        ratio: scalar(0.1),
        zero: scalar(0),
        training: tensor('bool', [], [0]),
        yes: tensor('bool', [], [1]),
      },
      nodes: [
        ['a,mask', 'Dropout', ['x', 'ratio', 'training']],
        ['b', 'Dropout', ['a', 'zero', 'yes']],
        ['y', 'Tanh', ['b']],
      ],
      outputs: ['y'],
    },
    left: ['Tanh'],
  },
  {
    rule: 'cast',
    title: 'between floats, and to the same integers; not from integers to floats',
    small: {
      feeds: { x, ids: ints(1, 2) },
      nodes: [
        ['a', 'Cast', ['x'], { to: 11 }],
        ['y', 'Tanh', ['a']],
        ['b', 'Cast', ['ids'], { to: 7 }],
        ['c', 'Cast', ['b'], { to: 1 }],
        ['z', 'Tanh', ['c']],
      ],
      outputs: ['y', 'z'],
    },
    left: ['Tanh', 'Cast', 'Tanh'],
    apart: 1e-6,
  },
  {
    rule: 'no-op-layout',
    title: 'transposes, expansions, slices and concatenations of nothing',
    small: {
      feeds: { x },
      constants: { ones: ints(1, 1), from: ints(0), to: ints(2 ** 40), axis: ints(1) },
      nodes: [
        ['a', 'Transpose', ['x'], { perm: [0, 1, 2] }],
        ['b', 'Expand', ['a', 'ones']],
        ['c', 'Slice', ['b', 'from', 'to', 'axis']],
        ['d', 'Concat', ['c'], { axis: 1 }],
        ['y', 'Tanh', ['d']],
      ],
      outputs: ['y'],
    },
    left: ['Tanh'],
  },
  {
    rule: 'no-op-layout',
    title: 'not a slice that leaves something out, nor an expansion by an axis',
    small: {
      feeds: { x },
      constants: { ones: ints(1, 1, 1, 1), from: ints(1), to: ints(2 ** 40), axis: ints(1) },
      nodes: [
        ['a', 'Slice', ['x', 'from', 'to', 'axis']],
        ['y', 'Expand', ['a', 'ones']],
      ],
      outputs: ['y'],
    },
    left: ['Slice', 'Expand'],
  },
  {
    rule: 'transpose-pair',
    title: 'becomes one',
    small: {
      feeds: { x },
      nodes: [
        ['a', 'Transpose', ['x'], { perm: [1, 2, 0] }],
        ['y', 'Transpose', ['a'], { perm: [1, 2, 0] }],
      ],
      outputs: ['y'],
    },
    left: ['Transpose'],
  },
  {
    rule: 'neutral-constant',
    title: 'one and zero',
    small: {
      feeds: { x },
      constants: { one: scalar(1), zero: tensor('float32', [1], [0]) },
      nodes: [
        ['a', 'Mul', ['one', 'x']],
        ['b', 'Div', ['a', 'one']],
        ['c', 'Sub', ['b', 'zero']],
        ['d', 'Sub', ['zero', 'c']],
        ['y', 'Div', ['one', 'd']],
      ],
      outputs: ['y'],
    },
    left: ['Sub', 'Div'],
  },
  {
    rule: 'neutral-constant',
    title: 'not where it adds an axis',
    small: {
      feeds: { x },
      constants: { one: tensor('float32', [1, 1, 1, 1], [1]) },
      nodes: [['y', 'Mul', ['x', 'one']]],
      outputs: ['y'],
    },
    left: ['Mul'],
  },
  {
    rule: 'same-computation',
    title: 'once; other attributes make another computation',
    small: {
      feeds: { x },
      nodes: [
        ['a', 'Softmax', ['x'], { axis: -1 }],
        ['b', 'Softmax', ['x'], { axis: -1 }],
        ['c', 'Softmax', ['x'], { axis: 1 }],
        ['d', 'Add', ['a', 'b']],
        ['y', 'Add', ['c', 'd']],
      ],
      outputs: ['y'],
    },
    left: ['Softmax', 'Softmax', 'Add', 'Add'],
  },
];

export const OPSET_CASES: readonly RuleCase[] = [
  {
    rule: 'standard-domain',
    title: 'Q/DQ of com.microsoft',
    small: {
      feeds: { x },
      constants: { scale: scalar(0.01), zero: tensor('uint8', [], [128]) },
      nodes: [
        ['q', 'com.microsoft::QuantizeLinear', ['x', 'scale', 'zero']],
        ['y', 'com.microsoft::DequantizeLinear', ['q', 'scale', 'zero']],
      ],
      outputs: ['y'],
    },
    left: ['QuantizeLinear', 'DequantizeLinear'],
  },
  {
    rule: 'axes-as-input',
    title: 'of Unsqueeze, ReduceMean, Squeeze and Split',
    opset: 11,
    small: {
      feeds: { x },
      nodes: [
        ['a', 'Unsqueeze', ['x'], { axes: [0, 2] }],
        ['b', 'ReduceMean', ['a'], { axes: [-1], keepdims: 1 }],
        ['c', 'Squeeze', ['b'], { axes: [0, 2] }],
        ['y,z', 'Split', ['c'], { axis: 1, split: [1, 2] }],
      ],
      outputs: ['y', 'z'],
    },
    left: ['Unsqueeze', 'ReduceMean', 'Squeeze', 'Split'],
    check: (graph) => {
      for (const { attributes, inputs } of graph.nodes) {
        expect(attributes.has('axes') || attributes.has('split')).toBe(false);
        expect(inputs).toHaveLength(2);
      }
    },
  },
  {
    rule: 'slice-as-input',
    title: 'starts, ends and axes',
    opset: 9,
    small: {
      feeds: { x },
      nodes: [['y', 'Slice', ['x'], { starts: [1, 0], ends: [3, 2], axes: [2, 1] }]],
      outputs: ['y'],
    },
    left: ['Slice'],
    check: (graph) => expect(graph.nodes[0]?.inputs).toHaveLength(4),
  },
  {
    rule: 'clip-as-input',
    title: 'a lower bound alone',
    opset: 9,
    small: { feeds: { x }, nodes: [['y', 'Clip', ['x'], { min: 0.25 }]], outputs: ['y'] },
    left: ['Clip'],
    check: (graph) => expect(graph.nodes[0]?.attributes.size).toBe(0),
  },
  {
    rule: 'softmax-axis',
    title: 'the last axis counted from the front',
    small: {
      feeds: { x },
      nodes: [
        ['a', 'Softmax', ['x'], { axis: 2 }],
        ['y', 'Softmax', ['a']],
      ],
      outputs: ['y'],
    },
    left: ['Softmax', 'Softmax'],
    check: (graph) => {
      for (const { attributes } of graph.nodes) expect(attributes.get('axis')).toBe(-1);
    },
  },
  {
    rule: 'softmax-axis',
    title: 'another axis keeps its number',
    small: { feeds: { x }, nodes: [['y', 'Softmax', ['x'], { axis: 1 }]], outputs: ['y'] },
    left: ['Softmax'],
    check: (graph) => expect(graph.nodes[0]?.attributes.get('axis')).toBe(1),
  },
];
