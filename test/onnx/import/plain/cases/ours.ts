/**
 * The spellings of our own int8 files: rows of a table with a scale each, products of activations in the range 0 ... 1.
 */

import { codes, floats, ints, type NodeText, scalar, tensor } from '../small.js';
import type { RuleCase } from './case.js';

const table = codes('int8', [6, 4], 2);
const scales = tensor('float32', [6, 1], [0.01, 0.02, 0.03, 0.04, 0.05, 0.06]);
const ids = ints(3, 0, 5, 2);

const rowsOf = (zero: readonly NodeText[], value: string): readonly NodeText[] => [
  ['c', 'Gather', ['q', 'ids'], { axis: 0 }],
  ['f', 'Cast', ['c'], { to: 1 }],
  ...zero,
  ['s', 'Gather', ['scales', 'ids'], { axis: 0 }],
  ['y', 'Mul', [value, 's']],
];

const weight = tensor('float32', [3, 2], [1, -2, 0.5, 4, -3, 0.25]);

const unit = (low: string): readonly NodeText[] => [
  ['high', 'ReduceMax', ['x', 'axes'], { keepdims: 1 }],
  ['low', 'ReduceMin', ['x', 'axes'], { keepdims: 1 }],
  ['extent', 'Sub', ['high', 'low']],
  ['range', 'Max', ['extent', 'tiny']],
  ['above', 'Sub', ['x', 'low']],
  ['unit', 'Div', ['above', 'range']],
  ['product', 'MatMul', ['unit', 'w']],
  ['widened', 'Mul', ['product', 'range']],
  ['shift', 'Mul', [low, 'sums']],
  ['y', 'Add', ['widened', 'shift']],
];
const constants = { axes: ints(-1), tiny: scalar(1e-30), w: weight };
const x = floats([2, 5, 3], 1);

export const OUR_CASES: readonly RuleCase[] = [
  {
    rule: 'gather-times-scale',
    title: 'signed codes',
    small: {
      feeds: {},
      constants: { q: table, scales, ids },
      nodes: rowsOf([], 'f'),
      outputs: ['y'],
    },
    left: ['Gather'],
  },
  {
    rule: 'gather-times-scale',
    title: 'codes from 0, with the code of 0',
    small: {
      feeds: {},
      constants: { q: codes('uint8', [6, 4], 3), scales, ids, z: scalar(128) },
      nodes: rowsOf([['d', 'Sub', ['f', 'z']]], 'd'),
      outputs: ['y'],
    },
    left: ['Gather'],
  },
  {
    rule: 'gather-times-scale',
    title: 'scales of other rows are left alone',
    small: {
      feeds: {},
      constants: { q: table, scales, ids, others: ints(1, 2, 3, 4) },
      nodes: rowsOf([], 'f').map((node) =>
        node[0] === 's' ? ['s', 'Gather', ['scales', 'others'], { axis: 0 }] : node,
      ),
      outputs: ['y'],
    },
    left: ['Gather', 'Cast', 'Gather', 'Mul'],
  },
  {
    rule: 'unit-range-product',
    title: 'with the column sums of the weight',
    small: {
      feeds: { x },
      constants: { ...constants, sums: tensor('float32', [2], [-1.5, 2.25]) },
      nodes: unit('low'),
      outputs: ['y'],
    },
    left: ['MatMul'],
    apart: 1e-5,
  },
  {
    rule: 'unit-range-product',
    title: 'with other sums is left alone',
    small: {
      feeds: { x },
      constants: { ...constants, sums: tensor('float32', [2], [-1.5, 2.5]) },
      nodes: unit('low'),
      outputs: ['y'],
    },
    left: ['ReduceMax', 'ReduceMin', 'Sub', 'Max', 'Sub', 'Div', 'MatMul', 'Mul', 'Mul', 'Add'],
  },
  {
    rule: 'unit-range-product',
    title: 'with another shift is left alone',
    small: {
      feeds: { x },
      constants: { ...constants, sums: tensor('float32', [2], [-1.5, 2.25]) },
      nodes: unit('high'),
      outputs: ['y'],
    },
    left: ['ReduceMax', 'ReduceMin', 'Sub', 'Max', 'Sub', 'Div', 'MatMul', 'Mul', 'Mul', 'Add'],
  },
];
