/**
 * Finds the weights that are tables: read by embeddings only.
 *
 * Tables stay in the 16-bit floats of their file. Matrices of products are widened to f32 once, because products are faster
 * then.
 */

import { SinterError } from '../../core/errors.js';
import { weightsOf } from '../nodes.js';
import { holdsCodes, storageOf } from '../storages.js';
import type { EncoderGraph, GraphNode, WeightDtype, WeightSpec } from '../types.js';

/** Names of the float weights that only embeddings read. */
export function tablesOf(graph: EncoderGraph): ReadonlySet<string> {
  const others = new Set(graph.nodes.flatMap(otherWeights));
  const tables = graph.nodes.flatMap((node) =>
    node.op === 'embedding' ? node.tables.map(({ weight }) => weight) : [],
  );
  const floats = new Set(graph.weights.filter((w) => !holdsCodes(w)).map(({ name }) => name));
  return new Set(tables.filter((name) => floats.has(name) && !others.has(name)));
}

function otherWeights(node: GraphNode): readonly string[] {
  return node.op === 'embedding' ? [] : weightsOf(node);
}

/** `graph` with each table in the storage that `dtypeOf` returns; undefined: in its old one. */
export function withTablesIn(
  graph: EncoderGraph,
  dtypeOf: (name: string) => WeightDtype | undefined,
): EncoderGraph {
  const tables = tablesOf(graph);
  const weights = graph.weights.map((weight): WeightSpec => {
    const dtype = tables.has(weight.name) ? dtypeOf(weight.name) : undefined;
    return dtype === undefined ? weight : { ...weight, dtype };
  });
  return { ...graph, weights };
}

/** `graph` with all float weights as f32, as an optimizer needs them. */
export function withFloatWeights(graph: EncoderGraph): EncoderGraph {
  const weights = graph.weights.map(
    (weight): WeightSpec =>
      holdsCodes(weight) || storageOf(weight).isPlain ? weight : { ...weight, dtype: 'f32' },
  );
  return { ...graph, weights };
}

/** `graph` with all float weights except tables as f32, which products read fastest. */
export function withPlainMatrices(graph: EncoderGraph): EncoderGraph {
  const tables = tablesOf(graph);
  const weights = graph.weights.map(
    (weight): WeightSpec =>
      holdsCodes(weight) || tables.has(weight.name) ? weight : { ...weight, dtype: 'f32' },
  );
  return { ...graph, weights };
}

/** `graph` with these weights as f32. */
export function withFloats(graph: EncoderGraph, names: readonly string[]): EncoderGraph {
  const floats = new Set(names);
  const weights = graph.weights.map((weight) =>
    floats.has(weight.name) ? { ...weight, dtype: 'f32' as const } : weight,
  );
  return { ...graph, weights };
}

/** The shape of a weight of the graph. */
export function shapeOf(graph: EncoderGraph, name: string): readonly number[] {
  const found = graph.weights.find((weight) => weight.name === name);
  if (found !== undefined) return found.shape;
  throw new SinterError('INTERNAL', `the graph has no weight ${name}`);
}
