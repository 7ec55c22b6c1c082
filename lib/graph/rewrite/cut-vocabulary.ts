/**
 * A graph over fewer tokens: the token table and the output of a masked language model lose rows.
 *
 * Positions are numbers of their own in the graph, so families that count them from the padding token must keep its id.
 */

import { SinterError } from '../../core/errors.js';
import { weightsOf } from '../nodes.js';
import type { EncoderGraph, GraphNode, WeightSpec } from '../types.js';
import { validateGraph } from '../validate.js';
import type { CutGraph, WeightCut } from './cut.js';

/**
 * `graph` with these rows of the token table, in increasing order and at least one. Throws UNSUPPORTED_MODEL for a graph that
 * reads the table elsewhere than in its embedding and in the last product of a masked language model.
 */
export function cutVocabulary(graph: EncoderGraph, rows: readonly number[]): CutGraph {
  const cut: WeightCut = { rows };
  const cuts = new Map<string, WeightCut>();
  const isCut = (node: GraphNode) => node.op === 'embedding' || node === decoder;
  const decoder = decoderOf(graph);
  for (const name of tokenTables(graph)) cuts.set(name, cut);
  if (decoder !== null) {
    for (const name of [...decoder.weights, ...decoder.biases]) cuts.set(name, cut);
  }
  for (const node of graph.nodes) {
    const shared = isCut(node) ? undefined : weightsOf(node).find((name) => cuts.has(name));
    if (shared === undefined) continue;
    const what = `the vocabulary cannot be cut: ${node.op} ${node.output} reads ${shared}`;
    throw new SinterError('UNSUPPORTED_MODEL', `graph: ${what}`);
  }
  const weights = graph.weights.map((weight): WeightSpec => {
    if (!cuts.has(weight.name)) return weight;
    return { ...weight, shape: [rows.length, ...weight.shape.slice(1)] };
  });
  const made = { ...graph, vocabulary: rows.length, weights };
  validateGraph(made);
  return { graph: made, cuts, sources: new Map() };
}

/** The number of ids below the first position, which stay where they are: in RoBERTa pad id + 1. */
export function idsBelowPositions(graph: EncoderGraph): number {
  const offsets = graph.nodes.flatMap((node) =>
    node.op !== 'embedding'
      ? []
      : node.tables.filter(({ index }) => index === 'position').map(({ offset }) => offset),
  );
  return Math.max(0, ...offsets);
}

function tokenTables(graph: EncoderGraph): readonly string[] {
  return graph.nodes.flatMap((node) =>
    node.op !== 'embedding'
      ? []
      : node.tables.filter(({ index }) => index === 'token').map(({ weight }) => weight),
  );
}

/** The product that gives the logits of a masked language model, one per token; null for other models. */
function decoderOf(graph: EncoderGraph): Extract<GraphNode, { op: 'linear' }> | null {
  const logits = validateGraph(graph).get(graph.outputs.logits ?? '');
  if (logits?.kind !== 'selected') return null;
  const node = graph.nodes.find(({ output }) => output === graph.outputs.logits);
  if (node?.op === 'linear' && node.weights.length === 1 && (node.adapters ?? []).length === 0) {
    if (logits.width >= graph.vocabulary) return node;
  }
  const what = 'the vocabulary cannot be cut: its logits do not come from one product over tokens';
  throw new SinterError('UNSUPPORTED_MODEL', `graph: ${what}`);
}
