/** Makes a program whose int8 products run in f32: the same weights, but the activations are not quantized. */

import { integerWeights } from '../graph/rewrite/quantize.js';

import type { EncoderGraph, WeightSpec } from '../graph/types.js';
import type { NativeProgram } from '../native/program.js';
import { deriveProgram } from './program.js';

/** Names of the s8 weights that products read. Tables that are only looked up are left out: they are dequantized exactly. */
export function int8Products(graph: EncoderGraph): ReadonlySet<string> {
  const products = new Set(
    graph.nodes.flatMap((node) => (node.op === 'linear' ? node.weights : [])),
  );
  return new Set([...integerWeights(graph)].filter((name) => products.has(name)));
}

/**
 * A program over the weights of `program` with the int8 products in f32. They take four times their bytes until the caller
 * disposes of the new program.
 */
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
