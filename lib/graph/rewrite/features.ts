/**
 * Splits a graph with a head over whole texts in two: what makes the vector of a text, and what the head makes of that vector.
 *
 * The first part is computed once where only the second one is trained.
 */

import type { EncoderGraph } from '../types.js';
import { validateGraph } from '../validate.js';
import { onlyOutputs } from './outputs.js';

export interface SplitGraph {
  /** Its output `embedding` is the vector of each text. */
  readonly encoder: EncoderGraph;
  /** Reads that vector as features; its output `logits` is the model's. */
  readonly head: EncoderGraph;
}

/** `graph` in two parts; null unless its logits depend on the tokens of a text through one vector only. */
export function splitAtFeatures(graph: EncoderGraph): SplitGraph | null {
  const shapes = validateGraph(graph);
  for (const { output } of graph.nodes) {
    const shape = shapes.get(output);
    if (shape?.kind !== 'sequence') continue;
    const head = headOver(graph, output, shape.width);
    if (head.nodes.some(({ op }) => op === 'embedding')) continue;
    const encoder = onlyOutputs({ ...graph, outputs: { embedding: output } }, ['embedding']);
    return { encoder, head };
  }
  return null;
}

/** What computes the logits of `graph` from `value`, with features in its place. */
function headOver(graph: EncoderGraph, value: string, width: number): EncoderGraph {
  const nodes = graph.nodes.map((node) =>
    node.output === value ? ({ op: 'features', width, output: value } as const) : node,
  );
  const sizes = { architecture: 'features', maxTokens: 1, vocabulary: 1, segments: 1 };
  return onlyOutputs({ ...graph, ...sizes, nodes }, ['logits']);
}
