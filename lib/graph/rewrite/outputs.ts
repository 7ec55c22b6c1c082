/** Removes the outputs of a graph that are not wanted, with all that only they need. */

import { inputsOf, weightsOf } from '../nodes.js';
import type { EncoderGraph, OutputName } from '../types.js';

/** `graph` with only these outputs, and the nodes and weights that they need, in the same order. */
export function onlyOutputs(graph: EncoderGraph, names: readonly OutputName[]): EncoderGraph {
  const wanted = Object.entries(graph.outputs).filter(([name]) =>
    names.includes(name as OutputName),
  );
  const needed = new Set<string | undefined>(wanted.map(([, value]) => value));
  const nodes = graph.nodes
    .toReversed()
    .filter((node) => {
      if (!needed.has(node.output)) return false;
      for (const input of inputsOf(node)) needed.add(input);
      return true;
    })
    .reverse();
  const used = new Set(nodes.flatMap(weightsOf));
  const weights = graph.weights.filter(({ name }) => used.has(name));
  return { ...graph, weights, nodes, outputs: Object.fromEntries(wanted) };
}
