/**
 * The products of each layer of an encoder, in the order in which they run.
 *
 * A layer ends with the product that reads its neurons: what comes after belongs to the next layer, and what comes before the first
 * layer, such as a product behind the token table, to none.
 */

import type { EncoderGraph, LinearNode } from '../types.js';
import { validateGraph } from '../validate.js';
import { unitsOf } from './units.js';

/** The products over tokens of each layer. Throws RangeError for a layer without a feed-forward part. */
export function layerProducts(graph: EncoderGraph): readonly (readonly LinearNode[])[] {
  const shapes = validateGraph(graph);
  const { neurons } = unitsOf(graph);
  const layers = neurons.map((): LinearNode[] => []);
  const start = graph.outputs['hidden.0'];
  const first = graph.nodes.findIndex(({ output }) => output === start) + 1;
  let layer = 0;
  let end: string | null = null;
  for (const node of graph.nodes.slice(first)) {
    if (node.op !== 'linear' || shapes.get(node.input)?.kind !== 'token') continue;
    // A low-rank product is two in a row.
    if (end !== null && node.input !== end) {
      layer += 1;
      end = null;
    }
    layers[layer]?.push(node);
    if (end !== null || node.input === neurons[layer]?.value) end = node.output;
  }
  return layers;
}
