/**
 * Dynamic int8: chooses the weights that become s8 and marks them in the graph. The native store converts the numbers.
 *
 * Quantized are the products over tokens (one scale per output channel) and the token table (one scale per row). Products
 * over whole texts (pooler, classifier) stay f32: they are under one percent of the work, and their error would go straight
 * into the result. Norms, biases and the small position and segment tables stay f32 too.
 */

import { bytesOfWeight, holdsCodes, storageOf } from '../storages.js';
import type { ActivationBits, EncoderGraph, GraphNode, WeightDtype, WeightSpec } from '../types.js';
import { validateGraph } from '../validate.js';

import { equalizersOf } from './equalize.js';

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

/** The same graph with these weights as s8, and `activationBits` set at the products that read them. */
export function quantizeGraph(
  graph: EncoderGraph,
  names: ReadonlySet<string>,
  activationBits: ActivationBits,
): EncoderGraph {
  return storeCodes(graph, new Map([...names].map((name) => [name, 's8'])), activationBits);
}

/** The same graph with these weights in these storages, and `activationBits` set at the products that read them. */
export function storeCodes(
  graph: EncoderGraph,
  storages: ReadonlyMap<string, WeightDtype>,
  activationBits: ActivationBits,
): EncoderGraph {
  const weights = graph.weights.map(
    (weight): WeightSpec => ({ ...weight, dtype: storages.get(weight.name) ?? weight.dtype }),
  );
  const nodes = graph.nodes.map(
    (node): GraphNode =>
      node.op === 'linear' && node.weights.some((name) => storages.has(name))
        ? { ...node, activationBits }
        : node,
  );
  const quantized = { ...graph, weights, nodes };
  validateGraph(quantized);
  return quantized;
}

/** Whether any weight is stored as codes. */
export function isQuantized(graph: EncoderGraph): boolean {
  return graph.weights.some(holdsCodes);
}

/** Bits of the narrowest codes; 8 if no weight is stored as codes. */
export function smallestCodes(graph: EncoderGraph): number {
  return Math.min(8, ...graph.weights.map((weight) => storageOf(weight).codeBits ?? 8));
}

/** Names of the weights whose products quantize their input. */
export function integerWeights(graph: EncoderGraph): ReadonlySet<string> {
  const found = graph.weights.filter((weight) => storageOf(weight).quantizesInput);
  return new Set(found.map(({ name }) => name));
}

/** Bits of the activation codes, the same for all products with s8 weights; null if there are none. */
export function activationBitsOf(graph: EncoderGraph): ActivationBits | null {
  const integers = integerWeights(graph);
  for (const node of graph.nodes) {
    if (node.op === 'linear' && node.weights.some((name) => integers.has(name))) {
      return node.activationBits;
    }
  }
  return null;
}

/** The model's own weights, without equalizers, which only say how others are stored. */
export function parametersOf(graph: EncoderGraph): readonly WeightSpec[] {
  const equalizers = equalizersOf(graph);
  return graph.weights.filter(({ name }) => !equalizers.has(name));
}

/** Bytes of a weight in a file that `save` writes by default: floats as f32, codes with their scales. */
export function storedBytes(weight: WeightSpec): number {
  return bytesOfWeight(holdsCodes(weight) ? weight : { ...weight, dtype: 'f32' });
}

export function elementsOf({ shape }: WeightSpec): number {
  return shape.reduce((product, size) => product * size, 1);
}
