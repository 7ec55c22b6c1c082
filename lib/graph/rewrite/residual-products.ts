/**
 * The products that end the blocks of an encoder: what they give is added to the residual stream.
 *
 * They are found by the graph, not by names: the output projection of an attention and the down projection of a feed-forward
 * part, in post-norm and in pre-norm layers.
 */

import { inputsOf } from '../nodes.js';
import type { NodeOf } from '../ops.js';
import type { EncoderGraph } from '../types.js';
import { validateGraph } from '../validate.js';

/** A product over tokens whose output is added to a residual. */
export interface ResidualProduct {
  readonly node: NodeOf<'linear'>;
  /** Output of the node that adds: a norm, or a sum. */
  readonly sum: string;
  /** What is added: the product's output, or that after dropout. */
  readonly added: string;
  readonly residual: string;
}

/** In the order in which they run. */
export function residualProducts(graph: EncoderGraph): readonly ResidualProduct[] {
  const shapes = validateGraph(graph);
  const makers = new Map(graph.nodes.map((node) => [node.output, node]));
  const readers = new Map<string, number>();
  for (const node of graph.nodes) {
    for (const input of inputsOf(node)) readers.set(input, (readers.get(input) ?? 0) + 1);
  }
  const offered = new Set(Object.values(graph.outputs));
  const found: ResidualProduct[] = [];
  for (const node of graph.nodes) {
    if (node.op !== 'norm' && node.op !== 'add') continue;
    if (node.residual === null || shapes.get(node.output)?.kind !== 'token') continue;
    const sides = [
      [node.input, node.residual],
      [node.residual, node.input],
    ] as const;
    for (const [added, residual] of sides) {
      const product = productBehind(added);
      if (product === null) continue;
      found.push({ node: product, sum: node.output, added, residual });
      break;
    }
  }
  return found;

  /** The product that nothing but this sum reads; null if `value` is anything else. */
  function productBehind(value: string): NodeOf<'linear'> | null {
    if (readers.get(value) !== 1 || offered.has(value)) return null;
    const maker = makers.get(value);
    if (maker?.op === 'dropout') return productBehind(maker.input);
    const plain = maker?.op === 'linear' && maker.activation === 'none' && !maker.adapters;
    return plain && maker.weights.length === 1 ? maker : null;
  }
}
