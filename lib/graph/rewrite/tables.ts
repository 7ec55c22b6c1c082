/**
 * Which weights are tables: read by rows in embeddings, and by nothing else.
 *
 * Only these may be held in the 16 bits that they are stored in.
 */

import { weightsOf } from '../nodes.js';
import type { EncoderGraph, GraphNode, WeightSpec } from '../types.js';

/** Names of the float weights that embeddings read and nothing else. */
export function tablesOf(graph: EncoderGraph): ReadonlySet<string> {
  const others = new Set(graph.nodes.flatMap(otherWeights));
  const tables = graph.nodes.flatMap((node) =>
    node.op === 'embedding' ? node.tables.map(({ weight }) => weight) : [],
  );
  const floats = new Set(graph.weights.filter((w) => w.dtype !== 's8').map(({ name }) => name));
  return new Set(tables.filter((name) => floats.has(name) && !others.has(name)));
}

function otherWeights(node: GraphNode): readonly string[] {
  return node.op === 'embedding' ? [] : weightsOf(node);
}

/** `graph` with its tables stored as `source` stores them, whose names for them `nameOf` gives. */
export function storedLike(
  graph: EncoderGraph,
  source: EncoderGraph,
  nameOf: (name: string) => string = (name) => name,
): EncoderGraph {
  const halves = source.weights.filter(({ dtype }) => dtype === 'f16').map(({ name }) => name);
  return withHalves(graph, (name) => halves.includes(nameOf(name)));
}

/** `graph` with those of its tables in f16 that `isHalf` names. */
export function withHalves(graph: EncoderGraph, isHalf: (name: string) => boolean): EncoderGraph {
  const tables = tablesOf(graph);
  const weights = graph.weights.map(
    (weight): WeightSpec =>
      tables.has(weight.name) && isHalf(weight.name) ? { ...weight, dtype: 'f16' } : weight,
  );
  return { ...graph, weights };
}

/** `graph` with its f16 tables in f32, as an optimizer needs them. */
export function withoutHalves(graph: EncoderGraph): EncoderGraph {
  const weights = graph.weights.map(
    (weight): WeightSpec => (weight.dtype === 'f16' ? { ...weight, dtype: 'f32' } : weight),
  );
  return { ...graph, weights };
}
