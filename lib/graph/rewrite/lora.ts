/**
 * Low-rank adapters beside matrices: y = x W^T + b becomes y + scale * (x A^T) B^T (Hu et al. 2021), with W left as it is.
 *
 * The products keep their stacked weights, so programs with and without adapters share the memory of the base.
 */

import type { GraphNode, NodeOf } from '../ops.js';
import type { EncoderGraph, WeightSpec } from '../types.js';

/** The adapter of one matrix. */
export interface LoraMatrix {
  /** The matrix W, [outputs, inputs]. */
  readonly weight: string;
  /** Names of A, [rank, inputs], and of B, [outputs, rank]. */
  readonly a: string;
  readonly b: string;
  readonly rank: number;
  readonly scale: number;
}

/** `graph` with adapters beside its matrices. `dropout`: probability for the inputs of A. */
export function withLora(
  graph: EncoderGraph,
  adapters: readonly LoraMatrix[],
  dropout: number,
): EncoderGraph {
  const byWeight = new Map(adapters.map((adapter) => [adapter.weight, adapter]));
  const shapes = new Map(graph.weights.map(({ name, shape }) => [name, shape]));
  const nodes = graph.nodes.flatMap((node) =>
    node.op === 'linear' && node.weights.some((weight) => byWeight.has(weight))
      ? adapted(node, byWeight, dropout)
      : [node],
  );
  const added = adapters.flatMap(({ weight, a, b, rank }): WeightSpec[] => {
    const [outputs = 0, inputs = 0] = shapes.get(weight) ?? [];
    return [
      { name: a, shape: [rank, inputs], dtype: 'f32' },
      { name: b, shape: [outputs, rank], dtype: 'f32' },
    ];
  });
  return { ...graph, nodes, weights: [...graph.weights, ...added] };
}

function adapted(
  node: NodeOf<'linear'>,
  matrices: ReadonlyMap<string, LoraMatrix>,
  dropout: number,
): GraphNode[] {
  const { input, weights, output } = node;
  const adapters = weights.flatMap((weight, member) => {
    const found = matrices.get(weight);
    return found === undefined ? [] : [{ member, a: found.a, b: found.b, scale: found.scale }];
  });
  if (dropout === 0) return [{ ...node, adapters }];
  const adapterInput = `${output}.lora.dropped`;
  return [
    { op: 'dropout', input, probability: dropout, output: adapterInput },
    { ...node, adapters, adapterInput },
  ];
}
