/**
 * Older spellings of standard operators, and newer ones that older operators can express, in the form of opset 18.
 *
 * Attributes that became inputs are recognised by their presence, not by the version of the file.
 */

import type { OnnxNode } from '../../model.js';
import { numberOf, numbersOf, withAttributes } from '../attributes.js';
import { OLD_SOFTMAX_DOMAIN } from '../old-operators.js';
import type { Rule, Writer } from '../rule.js';

/** Writes the node with inputs in place of attributes. */
function put(
  node: OnnxNode,
  write: Writer,
  inputs: readonly string[],
  attributes: readonly string[],
): true {
  const gone = Object.fromEntries(attributes.map((name) => [name, undefined]));
  write.graph.emit({ ...withAttributes(node, gone), inputs });
  return true;
}

const axesInput: Rule = {
  name: 'axes-as-input',
  matches:
    'Squeeze, Unsqueeze, Reduce* with `axes`, Split with `split` as attribute (before opset 13 or 18)',
  writes: 'the same operator with an input',
  roots: [
    ...['Squeeze', 'Unsqueeze', 'Split'],
    ...['Mean', 'Sum', 'Max', 'Min', 'Prod', 'L1', 'L2', 'SumSquare', 'LogSum', 'LogSumExp'].map(
      (name) => `Reduce${name}`,
    ),
  ],
  rewrite(node, write) {
    const attribute = node.op === 'Split' ? 'split' : 'axes';
    const numbers = numbersOf(node, attribute);
    if (numbers === null || (node.inputs[1] ?? '') !== '') return false;
    return put(node, write, [node.inputs[0] ?? '', write.ints(numbers)], [attribute]);
  },
};

const sliceInput: Rule = {
  name: 'slice-as-input',
  matches: 'Slice with `starts` and `ends` as attributes (before opset 10)',
  writes: 'Slice with inputs',
  roots: ['Slice'],
  rewrite(node, write) {
    const [starts, ends, axes] = ['starts', 'ends', 'axes'].map((name) => numbersOf(node, name));
    if (!starts || !ends) return false;
    const inputs = [node.inputs[0] ?? '', write.ints(starts), write.ints(ends)];
    if (axes) inputs.push(write.ints(axes));
    return put(node, write, inputs, ['starts', 'ends', 'axes']);
  },
};

const clipInput: Rule = {
  name: 'clip-as-input',
  matches: 'Clip with `min` and `max` as attributes (before opset 11)',
  writes: 'Clip with inputs',
  roots: ['Clip'],
  rewrite(node, write) {
    const bounds = ['min', 'max'].map((name) =>
      node.attributes.has(name) ? write.scalar(numberOf(node, name, 0)) : '',
    );
    if (bounds.every((bound) => bound === '')) return false;
    return put(node, write, [node.inputs[0] ?? '', ...bounds], ['min', 'max']);
  },
};

const softmaxAxis: Rule = {
  name: 'softmax-axis',
  matches: 'Softmax over the last axis, its axis counted from the front or left out',
  writes: 'Softmax(axis -1)',
  roots: ['Softmax', 'LogSoftmax'],
  rewrite(node, write) {
    const axis = numberOf(node, 'axis', -1);
    const rank = write.graph.rank(write.graph.input(node, 0));
    const last = axis === -1 || (rank !== null && axis === rank - 1);
    if (!last || (axis === -1 && node.attributes.has('axis'))) return false;
    write.graph.emit(withAttributes(node, { axis: -1 }));
    return true;
  },
};

const oldSoftmax: Rule = {
  name: 'softmax-12',
  matches: 'Softmax before opset 13, over all axes from `axis` on',
  writes: 'Softmax(axis -1), between Flatten and Reshape where that is more than one axis',
  fresh: true,
  roots: [`${OLD_SOFTMAX_DOMAIN}::Softmax`, `${OLD_SOFTMAX_DOMAIN}::LogSoftmax`],
  rewrite(node, write) {
    const axis = numberOf(node, 'axis', 1);
    const input = write.graph.input(node, 0);
    const rank = write.graph.rank(input);
    const output = node.outputs[0] ?? '';
    if (axis === -1 || (rank !== null && axis === rank - 1)) {
      return write.into(output, node.op, [input], { axis: -1 });
    }
    const rows = write.op('Flatten', [input], { axis });
    const soft = write.op(node.op, [rows], { axis: -1 });
    return write.into(output, 'Reshape', [soft, write.op('Shape', [input])]);
  },
};

/** Operators of a contrib domain that are the standard's in name and meaning. */
const STANDARD = ['QuantizeLinear', 'DequantizeLinear'];

const standardDomain: Rule = {
  name: 'standard-domain',
  matches: 'com.microsoft QuantizeLinear, DequantizeLinear',
  writes: 'the standard operator',
  roots: STANDARD.map((op) => `com.microsoft::${op}`),
  rewrite(node, write) {
    write.graph.emit({ ...node, domain: '' });
    return true;
  },
};

export const OPSET_RULES: readonly Rule[] = [
  standardDomain,
  axesInput,
  sliceInput,
  clipInput,
  softmaxAxis,
];

/** Runs last, when as many ranks are known as ever will be. */
export const OLD_SOFTMAX_RULES: readonly Rule[] = [oldSoftmax];
