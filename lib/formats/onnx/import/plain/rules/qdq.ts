/**
 * Removes QuantizeLinear, DequantizeLinear and their spelling as integers times a scale: weights become float initializers
 * that keep their codes, activations lose their quantization, and a range that stands for a ReLU becomes one.
 */

import { SinterError } from '../../../../../core/errors.js';
import type { Dtype, Initializer } from '../../model.js';
import { evaluateNode } from '../../reference/evaluate.js';
import { numberOf, operatorOf } from '../attributes.js';
import { codeType } from '../code-range.js';
import { broadcastGrouping, spread, weightOf } from '../codes.js';
import type { Draft } from '../draft.js';
import { MOVES } from '../moves.js';
import { cutsAtZero, isWeight } from '../quantizer.js';
import type { Rule } from '../rule.js';
import { again, unquantized } from '../unquantized.js';

const dequantizedConstant: Rule = {
  name: 'dequantized-constant',
  matches:
    'DequantizeLinear of an initializer: one scale, per axis, or blocks; 4, 8, 16 or 32 bits',
  writes: 'a float initializer that keeps its codes',
  roots: ['DequantizeLinear'],
  rewrite(node, write) {
    const { graph } = write;
    const [codes, scales] = [0, 1].map((index) => graph.initializer(graph.input(node, index)));
    const zero = graph.input(node, 2);
    const zeros = zero === '' ? null : graph.initializer(zero);
    if (!codes || !scales || (zero !== '' && zeros === null)) return false;
    const axis = numberOf(node, 'axis', 1);
    const at = axis < 0 ? axis + codes.dims.length : axis;
    const block = numberOf(node, 'block_size', 0);
    const one = scales.dims.reduce((a, b) => a * b, 1) === 1 && block === 0;
    const grouping = { axis: one ? null : at, blockSize: block === 0 ? null : block };
    const name = weightOf(graph, codes, scales, zeros, grouping);
    return name !== null && write.same(node.outputs[0] ?? '', name);
  },
};

const quantizePair: Rule = {
  name: 'quantize-dequantize',
  matches:
    'DequantizeLinear of QuantizeLinear or DynamicQuantizeLinear with the same scale and zero point',
  writes: 'the value before both',
  roots: ['DequantizeLinear'],
  rewrite(node, write) {
    const [q, scale, zero] = [0, 1, 2].map((index) => write.graph.input(node, index));
    const x = unquantized(write.graph, q ?? '', scale ?? '', zero ?? '');
    return x !== null && write.same(node.outputs[0] ?? '', x);
  },
};

const dequantizeEarlier: Rule = {
  name: 'dequantize-before-layout',
  matches:
    'DequantizeLinear, one scale, of Gather, Reshape, Transpose, Slice, Split, Concat and their like',
  writes: 'the same on the dequantized value',
  roots: ['DequantizeLinear'],
  rewrite(node, write) {
    const { graph } = write;
    const move = graph.producer(graph.input(node, 0));
    const parameters = [graph.input(node, 1), graph.input(node, 2)];
    if (move === null || graph.scalar(parameters[0] ?? '') === null) return false;
    const floated = (value: string) => write.op('DequantizeLinear', [value, ...parameters]);
    const output = node.outputs[0] ?? '';
    if (operatorOf(move) === 'Concat') {
      const parts = move.inputs.map((_, index) => floated(graph.input(move, index)));
      return write.into(output, 'Concat', parts, { axis: numberOf(move, 'axis', 0) });
    }
    if (operatorOf(move) === 'Split') {
      const [from, ...sizes] = move.inputs.map((_, index) => graph.input(move, index));
      const attributes = Object.fromEntries(move.attributes);
      const inputs = [floated(from ?? ''), ...sizes];
      const parts = write.ops('Split', inputs, move.outputs.length, attributes);
      const codes = graph.resolve(graph.input(node, 0));
      const at = move.outputs.findIndex((part) => graph.resolve(part) === codes);
      return write.same(output, parts[at] ?? '');
    }
    if (!MOVES.has(operatorOf(move))) return false;
    return write.same(output, again(write, move, floated(graph.input(move, 0))));
  },
};

/** Codes and zero point where `name` is Cast(codes), Cast(codes) - zero or Cast(codes - zero), all constant. */
function integersOf(
  graph: Draft,
  name: string,
): { codes: Initializer; zero: Initializer | null } | null {
  let zero: Initializer | null = null;
  let value = graph.resolve(name);
  for (let step = 0; step < 4; step++) {
    const codes = graph.initializer(value);
    if (codes !== null) {
      const integers = ['int8', 'uint8', 'int4', 'uint4'].includes(codes.dtype);
      return step > 0 && integers ? { codes, zero } : null;
    }
    const node = graph.producer(value);
    if (node === null) return null;
    if (operatorOf(node) === 'Sub' && zero === null) {
      zero = constantBelowCasts(graph, graph.input(node, 1));
      if (zero === null) return null;
    } else if (operatorOf(node) !== 'Cast') return null;
    value = graph.input(node, 0);
  }
  return null;
}

/** The initializer at `name`, or below one or two casts. */
function constantBelowCasts(graph: Draft, name: string): Initializer | null {
  let value = name;
  for (let step = 0; step < 2; step++) {
    const node = graph.producer(value);
    if (node === null || operatorOf(node) !== 'Cast') break;
    value = graph.input(node, 0);
  }
  return graph.initializer(value);
}

const scaledIntegers: Rule = {
  name: 'cast-times-scale',
  matches: 'Mul(Cast(integers) - zero point, scale) of initializers',
  writes: 'a float initializer that keeps its codes',
  roots: ['Mul'],
  rewrite(node, write) {
    const { graph } = write;
    for (const [left, right] of [
      [0, 1],
      [1, 0],
    ] as const) {
      const scales = graph.initializer(graph.input(node, right));
      const integers = scales === null ? null : integersOf(graph, graph.input(node, left));
      if (scales === null || integers === null) continue;
      const { codes, zero } = integers;
      const grouping = broadcastGrouping(codes.dims, scales.dims);
      const groups = scales.dims.reduce((a, b) => a * b, 1);
      if (grouping === null || spread(zero?.read().data ?? null, groups) === null) continue;
      if (zero?.dims.some((d) => d !== 1) && String(zero.dims) !== String(scales.dims)) continue;
      const name = weightOf(graph, codes, scales, zero, grouping);
      if (name !== null) return write.same(node.outputs[0] ?? '', name);
    }
    return false;
  },
};

/** Table and rows where `name` is a Gather along the first axis of an initializer. */
function rowsOf(graph: Draft, name: string): { table: Initializer; rows: string } | null {
  const node = graph.producer(graph.resolve(name));
  if (node === null || operatorOf(node) !== 'Gather' || numberOf(node, 'axis', 0) !== 0)
    return null;
  const table = graph.initializer(graph.input(node, 0));
  return table === null ? null : { table, rows: graph.resolve(graph.input(node, 1)) };
}

/** Table, rows and zero point where `name` is Cast(rows of codes), or that minus the zero point. */
function integerRowsOf(graph: Draft, name: string) {
  let node = graph.producer(graph.resolve(name));
  let zero: Initializer | null = null;
  if (node !== null && operatorOf(node) === 'Sub') {
    zero = graph.initializer(graph.input(node, 1));
    if (zero === null || zero.dims.some((d) => d !== 1)) return null;
    node = graph.producer(graph.input(node, 0));
  }
  if (node === null || operatorOf(node) !== 'Cast') return null;
  const found = rowsOf(graph, graph.input(node, 0));
  const integers = found !== null && ['int8', 'uint8'].includes(found.table.dtype);
  return integers ? { ...found, zero } : null;
}

const scaledRows: Rule = {
  name: 'gather-times-scale',
  matches: 'Mul(Cast(Gather(integers)) - zero point, Gather(scales)) of the same rows',
  writes: 'Gather of a float initializer that keeps its codes',
  roots: ['Mul'],
  rewrite(node, write) {
    const { graph } = write;
    for (const [left, right] of [
      [0, 1],
      [1, 0],
    ] as const) {
      const scales = rowsOf(graph, graph.input(node, right));
      const integers = integerRowsOf(graph, graph.input(node, left));
      if (scales === null || integers === null || scales.rows !== integers.rows) continue;
      const { table: codes, zero, rows } = integers;
      const column = [codes.dims[0], 1];
      if (codes.dims.length !== 2 || String(scales.table.dims) !== String(column)) continue;
      const name = weightOf(graph, codes, scales.table, zero, { axis: 0, blockSize: null });
      if (name !== null) {
        return write.into(node.outputs[0] ?? '', 'Gather', [name, rows], { axis: 0 });
      }
    }
    return false;
  },
};

const quantizedConstant: Rule = {
  name: 'quantized-constant',
  matches: 'QuantizeLinear of an initializer',
  writes: 'an initializer of codes',
  roots: ['QuantizeLinear'],
  rewrite(node, write) {
    const { graph } = write;
    const names = [0, 1, 2].map((index) => graph.input(node, index));
    const parts = names.map((name) => (name === '' ? null : graph.initializer(name)));
    const [weight, scale] = parts;
    const output = node.outputs[0] ?? '';
    const known = names.every((name, index) => name === '' || parts[index]);
    if (!weight || !scale || !known || graph.isOutput(output)) return false;
    if (!isWeight(graph, weight.name)) return false;
    const inputs = names.map((name) => (name === '' ? '' : name));
    graph.addInitializer({
      name: output,
      dtype: codeType(graph, node) as Dtype,
      dims: weight.dims,
      read: () => {
        const tensors = parts.map((part) => part?.read() ?? null);
        const elements = { maxElements: weight.dims.reduce((a, b) => a * b, 1) };
        const [codes] = evaluateNode({ ...node, inputs }, tensors, OPSET, elements);
        if (!codes) throw new SinterError('INTERNAL', 'QuantizeLinear has no result');
        return codes;
      },
    });
    return true;
  },
};

/** First operator set whose QuantizeLinear has blocks. */
const OPSET = 21;

const clampAtZero: Rule = {
  name: 'range-from-zero',
  matches: 'QuantizeLinear whose range begins at zero, of a value that can be negative',
  writes: 'Relu before it',
  roots: ['QuantizeLinear'],
  rewrite(node, write) {
    if (!cutsAtZero(write.graph, node)) return false;
    const [x = '', ...rest] = node.inputs.map((_, index) => write.graph.input(node, index));
    const inputs = [write.op('Relu', [x]), ...rest];
    const attributes = Object.fromEntries(node.attributes);
    return write.into(node.outputs[0] ?? '', 'QuantizeLinear', inputs, attributes);
  },
};

/** Runs last, because only the whole arithmetic behind a value may show that it is never negative. */
export const RANGE_RULES: readonly Rule[] = [clampAtZero];

export const QDQ_RULES: readonly Rule[] = [
  quantizedConstant,
  quantizePair,
  dequantizedConstant,
  scaledIntegers,
  scaledRows,
  dequantizeEarlier,
];
