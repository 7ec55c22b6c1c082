/** Chooses the weights that decay: matrices and tables, but no biases and no weights of norms. */

import type { EncoderGraph } from '../graph/types.js';

/** Names of the weights that decay, in the order of the graph. */
export function decayedWeights(graph: EncoderGraph): string[] {
  const decayed = new Set<string>();
  const rows = new Map(graph.weights.map(({ name, shape }) => [name, shape[0]]));
  for (const node of graph.nodes) {
    if (node.op === 'linear') {
      const { weights, adapters = [] } = node;
      for (const weight of [...weights, ...adapters.flatMap(({ a, b }) => [a, b])])
        decayed.add(weight);
    }
    // As PEFT's vectors do, which are no biases.
    if (node.op === 'scale') decayed.add(node.weight);
    // A table of one row is a bias.
    if (node.op === 'parameter' && rows.get(node.weight) !== 1) decayed.add(node.weight);
    if (node.op === 'embedding') for (const { weight } of node.tables) decayed.add(weight);
  }
  return graph.weights.map(({ name }) => name).filter((name) => decayed.has(name));
}
