/**
 * Describes the nodes of a graph in words, a row each. Used by `sinter inspect`.
 *
 * The texts are for reading; programs use the graph itself.
 */

import { weightsOf } from './nodes.js';

import { rowOf } from './ops.js';
import type { EncoderGraph } from './types.js';

import { describeShape, validateGraph } from './validate.js';

/** Number of weights of the whole graph, counting each once. */
export function countParameters(graph: EncoderGraph): number {
  return graph.weights.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
}

/** One node of a graph, in words. */
export interface NodeRow {
  readonly operation: string;
  readonly detail: string;
  /** Name of the result. */
  readonly value: string;
  readonly shape: string;
  /** Number of weights, or nothing. */
  readonly weights: string;
}

/** A row for each node, in their order. Throws as validateGraph does. */
export function nodeRows(graph: EncoderGraph): NodeRow[] {
  const shapes = validateGraph(graph);
  const specs = new Map(graph.weights.map((weight) => [weight.name, weight]));
  return graph.nodes.map((node) => {
    const shape = shapes.get(node.output);
    const parts = weightsOf(node).map((name) => specs.get(name)?.shape ?? []);
    const count = parts.reduce((sum, part) => sum + part.reduce((a, b) => a * b, 1), 0);
    return {
      operation: node.op,
      detail:
        rowOf(node.op)?.detail?.(node, specs.get(weightsOf(node)[0] ?? '')?.dtype ?? 'f32') ?? '',
      value: node.output,
      shape: shape ? describeShape(shape) : '',
      weights: count === 0 ? '' : count.toLocaleString('en-US'),
    };
  });
}
