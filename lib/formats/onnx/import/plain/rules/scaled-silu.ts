/**
 * Writes x sigmoid(a x) as SiLU of a x, divided by a: the product before it is multiplied by a, and its result by 1 / a.
 *
 * The weights of the product become floats. Quick GELU (a = 1.702) is an activation of its own, which earlier rules have
 * rewritten.
 */

import type { Initializer, Numbers, OnnxNode } from '../../model.js';
import { operatorOf } from '../attributes.js';
import type { Draft } from '../draft.js';
import type { Rule, Writer } from '../rule.js';

/** An initializer times a number, computed when it is read. */
function scaled(graph: Draft, { name, dims, dtype, read }: Initializer, factor: number): string {
  return graph.cached(`scaled ${name} ${factor}`, () =>
    graph.addInitializer({
      name: graph.freshName(name),
      dtype,
      dims,
      read: () => ({ dtype, dims, data: times(read().data, factor) }),
    }),
  );
}

/** A loop, because `Float32Array.from` with a function takes thirty times as long. */
function times(numbers: Numbers, factor: number): Float32Array {
  const result = new Float32Array(numbers.length);
  for (let i = 0; i < result.length; i++) result[i] = (numbers[i] as number) * factor;
  return result;
}

/** The constant factor and the other factor of a Mul by a number; null for other nodes. */
function timesNumber(graph: Draft, node: OnnxNode | null): { factor: number; of: string } | null {
  if (node === null || operatorOf(node) !== 'Mul') return null;
  for (const [constant, other] of [
    [0, 1],
    [1, 0],
  ] as const) {
    const factor = graph.scalar(graph.input(node, constant));
    if (factor !== null) return { factor, of: graph.input(node, other) };
  }
  return null;
}

/** x and a where the node is x sigmoid(a x). */
function quickGelu(graph: Draft, node: OnnxNode): { x: string; factor: number } | null {
  for (const [gate, other] of [
    [0, 1],
    [1, 0],
  ] as const) {
    const sigmoid = graph.producer(graph.input(node, gate));
    if (sigmoid === null || operatorOf(sigmoid) !== 'Sigmoid') continue;
    const inside = timesNumber(graph, graph.producer(graph.input(sigmoid, 0)));
    const x = graph.input(node, other);
    if (inside !== null && inside.of === x && inside.factor !== 0) {
      return { x, factor: inside.factor };
    }
  }
  return null;
}

/** Writes a product with a constant, and the constant bias added to it, times `factor`; null for anything else. */
function scaledProduct(write: Writer, name: string, factor: number): string | null {
  const { graph } = write;
  const node = graph.producer(name);
  if (node === null) return null;
  const constant = (index: number) => graph.initializer(graph.input(node, index));
  if (operatorOf(node) === 'MatMul') {
    const weight = constant(1);
    if (weight?.dtype !== 'float32') return null;
    return write.op('MatMul', [graph.input(node, 0), scaled(graph, weight, factor)]);
  }
  if (operatorOf(node) !== 'Add') return null;
  const at = constant(0) === null ? 1 : 0;
  const bias = constant(at);
  const product = bias && scaledProduct(write, graph.input(node, 1 - at), factor);
  if (bias?.dtype !== 'float32' || product === null) return null;
  return write.op('Add', [product, scaled(graph, bias, factor)]);
}

const quickGeluAsSilu: Rule = {
  name: 'quick-gelu-arithmetic',
  matches: 'x sigmoid(a x), a not 1, of a product with constant weights',
  writes: 'that product times a, SiLU, Mul by 1/a',
  roots: ['Mul'],
  rewrite(node, write) {
    const found = quickGelu(write.graph, node);
    const x = found && scaledProduct(write, found.x, found.factor);
    if (found === null || x === null) return false;
    const silu = write.op('Mul', [x, write.op('Sigmoid', [x])]);
    return write.into(node.outputs[0] ?? '', 'Mul', [silu, write.scalar(1 / found.factor)]);
  },
};

const productOfScaled: Rule = {
  name: 'product-of-scaled-silu',
  matches: 'MatMul of SiLU times a number with a constant',
  writes: 'MatMul of SiLU with the constant times the number',
  roots: ['MatMul'],
  rewrite(node, write) {
    const { graph } = write;
    const weight = graph.initializer(graph.input(node, 1));
    const input = timesNumber(graph, graph.producer(graph.input(node, 0)));
    if (weight?.dtype !== 'float32' || input === null) return false;
    const silu = graph.producer(input.of);
    const isSilu =
      silu !== null &&
      operatorOf(silu) === 'Mul' &&
      [0, 1].some((gate) => {
        const sigmoid = graph.producer(graph.input(silu, gate));
        const isGate = sigmoid !== null && operatorOf(sigmoid) === 'Sigmoid';
        return isGate && graph.input(sigmoid, 0) === graph.input(silu, 1 - gate);
      });
    if (!isSilu) return false;
    const inputs = [input.of, scaled(graph, weight, input.factor)];
    return write.into(node.outputs[0] ?? '', 'MatMul', inputs);
  },
};

export const SCALED_SILU_RULES: readonly Rule[] = [quickGeluAsSilu, productOfScaled];
