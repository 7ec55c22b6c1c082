/** What heads and neurons cost in bytes of the stored weights: the costs of a search under a budget of bytes. */

import { cutHeads, cutNeurons } from '../graph/rewrite/cut.js';
import { parametersOf, storedBytes } from '../graph/rewrite/quantize.js';
import { type GraphUnits, UNIT_PARTS, type UnitPart, unitsOf } from '../graph/rewrite/units.js';
import type { EncoderGraph } from '../graph/types.js';

/** Bytes that `save` would write. */
export interface UnitBytes {
  /** Of one unit of each layer; a layer that shares its weights with an earlier one has 0. */
  readonly heads: readonly number[];
  readonly neurons: readonly number[];
  /**
   * Of everything else. It counts a copy for each layer of a table of relative biases that layers share, since a layer that loses
   * heads gets one.
   */
  readonly fixed: number;
  readonly total: number;
}

/**
 * The bytes of the units of a graph in its storages, so quantize the graph (not the model) for those of a model to be
 * quantized. Weights in blocks of columns (s4) are rounded: their bytes are those without the last unit's block.
 */
export function unitBytes(graph: EncoderGraph): UnitBytes {
  const units = unitsOf(graph);
  const total = bytesOf(graph);
  const of = (part: UnitPart) =>
    units[part].map(({ shares }, layer) =>
      shares === layer ? total - bytesWithout(graph, units, part, layer) : 0,
    );
  const copies = units.heads.map((_, layer) => sharedBias(graph, layer));
  // The cut gave the layer a bias table of its own, without the column of the head.
  const heads = of('heads').map((bytes, layer) => {
    const { count = 0 } = units.heads[layer] ?? {};
    const copy = copies[layer] ?? 0;
    return bytes + (bytes === 0 ? 0 : (copy * (count - 1)) / count);
  });
  const neurons = of('neurons');
  const copied = copies.reduce((sum, bytes) => sum + bytes, 0);
  const used = (part: UnitPart, each: readonly number[]) =>
    units[part].reduce((sum, { count }, layer) => sum + count * (each[layer] ?? 0), 0);
  const fixed = total + copied - used('heads', heads) - used('neurons', neurons);
  return { heads, neurons, fixed, total };
}

/** Bytes of the table of relative biases that the layer shares with others, and copies when it loses a head; else 0. */
function sharedBias(graph: EncoderGraph, layer: number): number {
  const attentions = graph.nodes.filter((node) => node.op === 'attention');
  const table = attentions[layer]?.relativeBias?.weight;
  const users = attentions.filter(({ relativeBias }) => relativeBias?.weight === table);
  const weight = graph.weights.find(({ name }) => name === table);
  return weight === undefined || users.length < 2 ? 0 : storedBytes(weight);
}

/** The bytes with one unit less in this layer and in those that share its weights; a last unit stays. */
function bytesWithout(
  graph: EncoderGraph,
  units: GraphUnits,
  part: UnitPart,
  layer: number,
): number {
  const count = units[part][layer]?.count ?? 0;
  if (count < 2) return bytesOf(graph);
  const cuts = new Map<number, readonly number[]>();
  for (const [other, { shares }] of units[part].entries()) {
    if (shares === layer) cuts.set(other, [count - 1]);
  }
  const { graph: cut } = part === UNIT_PARTS[0] ? cutHeads(graph, cuts) : cutNeurons(graph, cuts);
  return bytesOf(cut);
}

function bytesOf(graph: EncoderGraph): number {
  return parametersOf(graph).reduce((sum, weight) => sum + storedBytes(weight), 0);
}
