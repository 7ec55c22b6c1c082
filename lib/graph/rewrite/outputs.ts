/**
 * A graph without what none of the wanted outputs needs.
 */

import { inputsOf, weightsOf } from '../nodes.js';
import type { EncoderGraph, OutputName } from '../types.js';

/** `graph` with these of its outputs only, and the nodes and weights that they need, in their order. */
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
