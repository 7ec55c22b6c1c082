/** Removes layers, heads and neurons from a graph in one step, so that the weights are cut once. */

import type { EncoderGraph } from '../types.js';
import { type CutGraph, cutHeads, cutNeurons, type LayerCuts, type WeightCut } from './cut.js';
import { dropLayers } from './drop-layers.js';

/** What to remove. All layer numbers are those of the graph before the cut. */
export interface UnitCut {
  readonly layers?: readonly number[];
  readonly heads?: LayerCuts;
  readonly neurons?: LayerCuts;
}

/**
 * `graph` without these layers, heads and neurons. What is removed of a layer that goes as a whole does not matter. Throws
 * RangeError as dropLayers, cutHeads and cutNeurons do.
 */
export function cutUnits(graph: EncoderGraph, { layers = [], heads, neurons }: UnitCut): CutGraph {
  const kept = layers.length === 0 ? graph : dropLayers(graph, layers);
  const dropped = new Set(layers);
  const renumbered = (cuts: LayerCuts = new Map()): LayerCuts => {
    const left = [...cuts].filter(([layer, units]) => !dropped.has(layer) && units.length > 0);
    const before = (layer: number) => [...dropped].filter((other) => other < layer).length;
    return new Map(left.map(([layer, units]) => [layer - before(layer), units]));
  };
  const first = cutHeads(kept, renumbered(heads));
  const second = cutNeurons(first.graph, renumbered(neurons));
  const cuts = new Map<string, WeightCut>(first.cuts);
  for (const [name, cut] of second.cuts) cuts.set(name, { ...cuts.get(name), ...cut });
  return { graph: second.graph, cuts, sources: first.sources };
}
