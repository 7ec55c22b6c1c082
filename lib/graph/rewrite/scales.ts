/**
 * Vectors beside matrices, as IA3 has them (Liu et al. 2022): y = x W^T + b becomes l (x W^T + b), or (l x) W^T + b.
 *
 * The products keep their weights, so programs with and without the vectors share the memory of the base.
 */

import { SinterError } from '../../core/errors.js';
import type { GraphNode, NodeOf } from '../ops.js';
import type { EncoderGraph, WeightSpec } from '../types.js';

/** The vector beside one matrix. */
export interface ScaledMatrix {
  /** The matrix W, [outputs, inputs]. */
  readonly weight: string;
  /** Name of the vector: [outputs], or [inputs] where it is for the input. */
  readonly vector: string;
  readonly side: 'input' | 'output';
  readonly size: number;
}

/** `graph` with vectors beside its matrices. Throws UNSUPPORTED_MODEL where one is for a part of a stacked product's input. */
export function withScales(graph: EncoderGraph, scales: readonly ScaledMatrix[]): EncoderGraph {
  const byWeight = new Map(scales.map((scale) => [scale.weight, scale]));
  const shapes = new Map(graph.weights.map(({ name, shape }) => [name, shape]));
  const nodes = graph.nodes.flatMap((node) =>
    node.op === 'linear' && node.weights.some((weight) => byWeight.has(weight))
      ? scaled(node, byWeight, (name) => shapes.get(name)?.[0] ?? 0)
      : [node],
  );
  const added = scales.map(
    ({ vector, size }): WeightSpec => ({ name: vector, shape: [size], dtype: 'f32' }),
  );
  return { ...graph, nodes, weights: [...graph.weights, ...added] };
}

function scaled(
  node: NodeOf<'linear'>,
  scales: ReadonlyMap<string, ScaledMatrix>,
  rowsOf: (weight: string) => number,
): GraphNode[] {
  const { weights, activation, output } = node;
  const nodes: GraphNode[] = [];
  const steps: { readonly weight: string; readonly column: number }[] = [];
  let { input } = node;
  let column = 0;
  for (const weight of weights) {
    const found = scales.get(weight);
    if (found?.side === 'output') steps.push({ weight: found.vector, column });
    if (found?.side === 'input') {
      if (weights.length > 1) {
        const what = `${weight} is computed together with ${weights.length - 1} others, and its input cannot be scaled alone`;
        throw new SinterError('UNSUPPORTED_MODEL', what);
      }
      nodes.push({ op: 'scale', input, weight: found.vector, output: `${output}.scaled_input` });
      input = `${output}.scaled_input`;
    }
    column += rowsOf(weight);
  }
  if (steps.length === 0) return [...nodes, { ...node, input }];
  const last = steps.length - 1 + (activation === 'none' ? 0 : 1);
  const nameOf = (step: number) => (step === last ? output : `${output}.scaled${step}`);
  let value = `${output}.plain`;
  nodes.push({ ...node, input, activation: 'none', output: value });
  for (const [i, step] of steps.entries()) {
    nodes.push({ op: 'scale', input: value, ...step, output: nameOf(i) });
    value = nameOf(i);
  }
  if (activation !== 'none')
    nodes.push({ op: 'activation', kind: activation, input: value, output });
  return nodes;
}
