/**
 * Low-rank adapters as nodes: y = x W^T + b becomes y + scale * (x A^T) B^T (Hu et al. 2021), with W left as it is.
 *
 * A product over several weights is split into one for each, so that every adapter is added where PyTorch adds it.
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

/** The nodes in place of `node`; the last one has its output. */
function adapted(
  node: NodeOf<'linear'>,
  adapters: ReadonlyMap<string, LoraMatrix>,
  dropout: number,
): GraphNode[] {
  const { input, weights, biases, activation, activationBits, output } = node;
  const nodes: GraphNode[] = [];
  const add = (made: GraphNode): string => {
    nodes.push(made);
    return made.output;
  };
  const product = (weight: string, from: string, to: string, own: readonly string[]) =>
    add({
      ...{ op: 'linear', input: from, weights: [weight], biases: own, activation: 'none' },
      ...{ activationBits, output: to },
    });
  const isAlone = weights.length === 1;
  const whole = activation === 'none' ? output : `${output}.lora.sum`;
  const source =
    dropout > 0
      ? add({ op: 'dropout', input, probability: dropout, output: `${output}.lora.dropped` })
      : input;
  const parts = weights.map((weight, i) => {
    const name = isAlone ? whole : `${output}.lora.part${i}`;
    const own = biases.slice(i, i + 1);
    const adapter = adapters.get(weight);
    if (adapter === undefined) return product(weight, input, name, own);
    const base = product(weight, input, `${name}.lora.base`, own);
    const low = product(adapter.a, source, `${name}.lora.a`, []);
    const residual = product(adapter.b, low, `${name}.lora.b`, []);
    return add({ op: 'add', input: base, residual, scale: adapter.scale, output: name });
  });
  if (!isAlone) add({ op: 'concat', inputs: parts, output: whole });
  if (activation !== 'none') add({ op: 'activation', kind: activation, input: whole, output });
  return nodes;
}
