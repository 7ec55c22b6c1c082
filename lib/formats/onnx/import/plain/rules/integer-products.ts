/**
 * Integer products of the dynamic and the QOperator formats: MatMulInteger with its scales, and the fused forms of it.
 */

import type { OnnxNode } from '../../model.js';
import { numberOf, operatorOf } from '../attributes.js';
import type { Draft } from '../draft.js';
import type { Rule, Writer } from '../rule.js';
import { floatOf } from '../unquantized.js';

/** The factors of a value that is computed by nested Mul nodes. */
function factorsOf(graph: Draft, name: string, depth: number): string[] {
  const node = graph.producer(name);
  if (depth === 0 || node === null || operatorOf(node) !== 'Mul') return [graph.resolve(name)];
  return [0, 1].flatMap((index) => factorsOf(graph, graph.input(node, index), depth - 1));
}

/** The MatMulInteger below a Cast. */
function integerProduct(graph: Draft, name: string): OnnxNode | null {
  const cast = graph.producer(name);
  if (cast === null || operatorOf(cast) !== 'Cast') return null;
  const product = graph.producer(graph.input(cast, 0));
  return product !== null && operatorOf(product) === 'MatMulInteger' ? product : null;
}

/**
 * Finds the scale of a quantized operand among `scales`: for an activation that of its quantizer, for a weight the constant
 * one.
 */
function scaleFor(graph: Draft, operand: string, scales: readonly string[]): string | null {
  let value = operand;
  for (let step = 0; step < 8; step++) {
    if (graph.initializer(value) !== null) {
      return scales.find((scale) => graph.initializer(scale) !== null) ?? null;
    }
    const node = graph.producer(value);
    if (node === null) return null;
    if (operatorOf(node) === 'DynamicQuantizeLinear') {
      const own = graph.resolve(node.outputs[1] ?? '');
      return scales.includes(own) ? own : null;
    }
    if (operatorOf(node) === 'QuantizeLinear') {
      return scales.find((scale) => scale === graph.input(node, 1)) ?? null;
    }
    value = graph.input(node, 0);
  }
  return null;
}

const matMulInteger: Rule = {
  name: 'matmul-integer',
  matches:
    'MatMulInteger, Cast, Mul by the scales of both operands (DynamicQuantizeLinear or constants)',
  writes: 'MatMul',
  roots: ['Mul'],
  rewrite(node, write) {
    const { graph } = write;
    const factors = [0, 1].flatMap((index) => factorsOf(graph, graph.input(node, index), 3));
    const product = factors
      .map((name) => integerProduct(graph, name))
      .find((found) => found !== null);
    if (!product || factors.length !== 3) return false;
    const scales = factors.filter((name) => integerProduct(graph, name) === null);
    if (scales.length !== 2) return false;
    const [a = '', b = '', zeroA = '', zeroB = ''] = [0, 1, 2, 3].map((index) =>
      graph.input(product, index),
    );
    const scaleA = scaleFor(graph, a, scales);
    const scaleB = scaleFor(
      graph,
      b,
      scaleA === null ? [] : scales.filter((_, i) => i !== scales.indexOf(scaleA)),
    );
    if (scaleA === null || scaleB === null) return false;
    return writeProduct(
      node,
      write,
      floatOf(write, a, scaleA, zeroA, -2),
      floatOf(write, b, scaleB, zeroB, -1),
      '',
    );
  },
};

function writeProduct(
  node: OnnxNode,
  write: Writer,
  a: string | null,
  b: string | null,
  bias: string,
): boolean {
  if (a === null || b === null) return false;
  const output = node.outputs[0] ?? '';
  if (bias === '') return write.into(output, 'MatMul', [a, b]);
  return write.into(output, 'Add', [write.op('MatMul', [a, b]), bias]);
}

const dynamicMatMul: Rule = {
  name: 'dynamic-quantize-matmul',
  matches: 'com.microsoft DynamicQuantizeMatMul',
  writes: 'MatMul, Add',
  roots: ['com.microsoft::DynamicQuantizeMatMul'],
  rewrite(node, write) {
    const { graph } = write;
    const [a = '', b = '', scale = '', zero = '', bias = ''] = [0, 1, 2, 3, 4].map((i) =>
      graph.input(node, i),
    );
    const weight = floatOf(write, b, scale, zero, -1);
    if (weight !== null && !graph.activations.has(a))
      graph.activations.set(a, { kind: 'dynamic', signed: false, bits: 8 });
    return writeProduct(node, write, a, weight, bias);
  },
};

const integerToFloat: Rule = {
  name: 'matmul-integer-to-float',
  matches: 'com.microsoft MatMulIntegerToFloat',
  writes: 'MatMul, Add',
  roots: ['com.microsoft::MatMulIntegerToFloat'],
  rewrite(node, write) {
    const input = (index: number) => write.graph.input(node, index);
    const a = floatOf(write, input(0), input(2), input(4), -2);
    const b = floatOf(write, input(1), input(3), input(5), -1);
    return writeProduct(node, write, a, b, input(6));
  },
};

const qAttention: Rule = {
  name: 'qattention',
  matches: 'com.microsoft QAttention',
  writes: 'com.microsoft Attention in float, which has a rule of its own',
  roots: ['com.microsoft::QAttention'],
  rewrite(node, write) {
    const input = (index: number) => write.graph.input(node, index);
    if (input(8) !== '') return false;
    const x = floatOf(write, input(0), input(3), input(6), -1);
    const weight = floatOf(write, input(1), input(4), input(7), -1);
    if (x === null || weight === null) return false;
    const inputs = [x, weight, input(2), input(5)];
    return write.into(
      node.outputs[0] ?? '',
      'com.microsoft::Attention',
      inputs,
      Object.fromEntries(node.attributes),
    );
  },
};

const qEmbedding: Rule = {
  name: 'qembed-layer-norm',
  matches: 'com.microsoft QEmbedLayerNormalization',
  writes: 'com.microsoft EmbedLayerNormalization in float, which has a rule of its own',
  roots: ['com.microsoft::QEmbedLayerNormalization'],
  rewrite(node, write) {
    const input = (index: number) => write.graph.input(node, index);
    // Tables and norm are inputs 2 to 6; their scales begin at input 8, their zero points at 13.
    const floats = [2, 3, 4, 5, 6].map((index) =>
      input(index) === ''
        ? ''
        : floatOf(write, input(index), input(index + 6), input(index + 11), -1),
    );
    if (floats.includes(null)) return false;
    write.graph.emit({
      ...node,
      op: 'EmbedLayerNormalization',
      inputs: [input(0), input(1), ...floats.map(String), input(7)],
      attributes: new Map([['epsilon', numberOf(node, 'epsilon', 1e-12)]]),
    });
    return true;
  },
};

export const INTEGER_PRODUCT_RULES: readonly Rule[] = [
  matMulInteger,
  dynamicMatMul,
  integerToFloat,
  qAttention,
  qEmbedding,
];
