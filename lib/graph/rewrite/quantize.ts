/**
 * Dynamic int8: which weights become s8, and the graph that says so. The native store converts the numbers.
 *
 * Products over tokens are quantized (one scale per output channel) and the token table (one scale per row). Products
 * over whole texts (pooler, classifier) stay f32: they are under one percent of the work, and an error there goes
 * straight into the result. So do norms, biases and the small position and segment tables.
 */

import type { ActivationBits, EncoderGraph, GraphNode, WeightSpec } from '../types.js';
import { validateGraph } from '../validate.js';
import { equalizersOf } from './equalize.js';

/** What quantization did to a graph. Bytes are those of the stored weights, scales included. */
export interface QuantizationReport {
  /** Number of s8 weights. */
  readonly quantized: number;
  /** Width of the activation codes of the products; null when only the token table is s8. */
  readonly activationBits: ActivationBits | null;
  /** Number of products whose input is equalized. */
  readonly equalized: number;
  /** With every weight in f32. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/** Names of the weights that may be s8. `embeddings`: the token table too. */
export function quantizableWeights(
  graph: EncoderGraph,
  { embeddings }: { readonly embeddings: boolean },
): ReadonlySet<string> {
  const values = validateGraph(graph);
  const names = new Set<string>();
  for (const node of graph.nodes) {
    if (node.op === 'linear' && values.get(node.input)?.kind === 'token') {
      for (const weight of node.weights) names.add(weight);
    }
    if (node.op === 'embedding' && embeddings) {
      for (const { weight, index } of node.tables) if (index === 'token') names.add(weight);
    }
  }
  return names;
}

/** The same graph with these weights as s8, and activations of `activationBits` at the products with them. */
export function quantizeGraph(
  graph: EncoderGraph,
  names: ReadonlySet<string>,
  activationBits: ActivationBits,
): EncoderGraph {
  const weights = graph.weights.map(
    (weight): WeightSpec => (names.has(weight.name) ? { ...weight, dtype: 's8' } : weight),
  );
  const nodes = graph.nodes.map(
    (node): GraphNode =>
      node.op === 'linear' && node.weights.some((name) => names.has(name))
        ? { ...node, activationBits }
        : node,
  );
  const quantized = { ...graph, weights, nodes };
  validateGraph(quantized);
  return quantized;
}

/** Whether any weight is s8. */
export function isQuantized(graph: EncoderGraph): boolean {
  return graph.weights.some(({ dtype }) => dtype === 's8');
}

/** Width of the activation codes of the products with s8 weights, null without one. It is the same for all of them. */
export function activationBitsOf(graph: EncoderGraph): ActivationBits | null {
  const s8 = new Set(graph.weights.filter(({ dtype }) => dtype === 's8').map(({ name }) => name));
  for (const node of graph.nodes) {
    if (node.op === 'linear' && node.weights.some((name) => s8.has(name))) {
      return node.activationBits;
    }
  }
  return null;
}

/** Sizes before and after, from the graph alone. */
export function quantizationReport(graph: EncoderGraph): QuantizationReport {
  const equalizers = equalizersOf(graph);
  const sum = (weights: readonly WeightSpec[], bytes: (weight: WeightSpec) => number) =>
    weights.reduce((total, weight) => total + bytes(weight), 0);
  return {
    quantized: graph.weights.filter(({ dtype }) => dtype === 's8').length,
    activationBits: activationBitsOf(graph),
    equalized: equalizers.size,
    bytesBefore: sum(parametersOf(graph), (weight) => 4 * elementsOf(weight)),
    bytesAfter: sum(graph.weights, storedBytes),
  };
}

/** The weights that are the model's own: equalizers only say how others are stored. */
export function parametersOf(graph: EncoderGraph): readonly WeightSpec[] {
  const equalizers = equalizersOf(graph);
  return graph.weights.filter(({ name }) => !equalizers.has(name));
}

/** Bytes of a weight in a file as `save` writes it: 4 per float element, 1 per s8 element and 4 per scale. */
export function storedBytes(weight: WeightSpec): number {
  const elements = elementsOf(weight);
  return weight.dtype === 's8' ? elements + 4 * (weight.shape[0] ?? 0) : 4 * elements;
}

export function elementsOf({ shape }: WeightSpec): number {
  return shape.reduce((product, size) => product * size, 1);
}
