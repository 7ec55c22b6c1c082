/**
 * The units of a graph: the attention heads and the feed-forward neurons of each layer, where they are and which layers
 * share them.
 *
 * Layers count from 0 in the order in which they run. Layers that share weights (ALBERT) can only lose the same units.
 */

import { inputsOf } from '../nodes.js';
import type { NodeOf } from '../ops.js';
import type { EncoderGraph } from '../types.js';
import { validateGraph } from '../validate.js';
import { feedForwards } from './cut.js';

/** The two kinds of units. */
export const UNIT_PARTS = ['heads', 'neurons'] as const;
export type UnitPart = (typeof UNIT_PARTS)[number];

/** The units of one layer of one kind. */
export interface LayerUnits {
  /** The value that holds them: the output of the attention, or the input of the feed-forward part's last product. */
  readonly value: string;
  readonly count: number;
  /** Columns of `value` per unit: unit u has the columns [u * width, (u + 1) * width). */
  readonly width: number;
  /** The first layer whose product reads these units through the same weights; the layer itself unless it shares them. */
  readonly shares: number;
}

export type GraphUnits = Readonly<Record<UnitPart, readonly LayerUnits[]>>;

/** The units of every layer. Throws RangeError if a layer has no feed-forward part, UNSUPPORTED_MODEL as validateGraph. */
export function unitsOf(graph: EncoderGraph): GraphUnits {
  const values = validateGraph(graph);
  const attentions = graph.nodes.filter((node) => node.op === 'attention');
  const heads = attentions.map(({ output, heads: count, headDim: width }) => ({
    value: output,
    count,
    width,
  }));
  const neurons = feedForwards(graph).map((value) => ({
    value,
    count: values.get(value)?.width ?? 0,
    width: 1,
  }));
  return { heads: withShares(graph, heads), neurons: withShares(graph, neurons) };
}

function withShares(
  graph: EncoderGraph,
  layers: readonly Omit<LayerUnits, 'shares'>[],
): readonly LayerUnits[] {
  const firsts = new Map<string, number>();
  return layers.map((units, layer) => {
    const key = readerOf(graph, units.value)?.weights.join('\n') ?? units.value;
    const shares = firsts.get(key) ?? layer;
    firsts.set(key, shares);
    return { ...units, shares };
  });
}

/** The product that reads a value, perhaps after a dropout, a norm or a vector of factors. */
function readerOf(graph: EncoderGraph, value: string): NodeOf<'linear'> | undefined {
  let last = value;
  for (const node of graph.nodes) {
    if (!inputsOf(node).includes(last)) continue;
    if (node.op === 'linear') return node;
    last = node.output;
  }
  return undefined;
}
