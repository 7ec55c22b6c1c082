/**
 * A program with its int8 products in f32: the same weights, activations that are not rounded.
 */

import { integerWeights } from '../graph/rewrite/quantize.js';

import type { EncoderGraph, WeightSpec } from '../graph/types.js';
import type { NativeProgram } from '../native/native.js';
import { deriveProgram } from './program.js';

/** Names of the s8 weights that products read. A table that is only looked up is exact as it is. */
export function int8Products(graph: EncoderGraph): ReadonlySet<string> {
  const products = new Set(
    graph.nodes.flatMap((node) => (node.op === 'linear' ? node.weights : [])),
  );
  return new Set([...integerWeights(graph)].filter((name) => products.has(name)));
}

/** `program` with its int8 products in f32: four times their bytes until the caller disposes of it. */
export async function widenProducts(
  graph: EncoderGraph,
  { store }: NativeProgram,
): Promise<NativeProgram> {
  const names = int8Products(graph);
  const weights = graph.weights.map(
    (weight): WeightSpec => (names.has(weight.name) ? { ...weight, dtype: 'f32' } : weight),
  );
  return deriveProgram({ ...graph, weights }, store, { trainable: false });
}
