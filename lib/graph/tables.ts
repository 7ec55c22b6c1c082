/**
 * Which weights are tables: read by rows in embeddings, and by nothing else.
 *
 * Only these may be held in the 16 bits that they are stored in.
 */

import { weightsOf } from './nodes.js';
import type { EncoderGraph, GraphNode } from './types.js';

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
