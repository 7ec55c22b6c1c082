/**
 * Makes a smaller model by removing heads, neurons or layers. Nothing is retrained; the remaining parts compute the same as
 * before.
 */

import { type CutGraph, cutHeads, cutNeurons, type LayerCuts } from '../graph/rewrite/cut.js';
import { dropLayers } from '../graph/rewrite/drop-layers.js';
import type { NativeProgram } from '../native/program.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { deriveProgram } from '../runtime/program.js';
import { SharedProgram } from '../runtime/shared-program.js';

/** The parts to remove, of one kind at a time. Layers count from 0. */
export type ModelCut =
  | { readonly heads: LayerCuts }
  | { readonly neurons: LayerCuts }
  | { readonly layers: readonly number[] };

/** The smaller model; the old one stays usable. Throws RangeError for a part that does not exist or cannot be removed. */
export async function cutModel(
  where: string,
  parts: ModelParts,
  source: NativeProgram,
  cut: ModelCut,
  signal?: AbortSignal,
): Promise<ModelParts> {
  const { graph, cuts, sources } = cutGraph(parts, cut);
  const options = { trainable: false, where, signal };
  const program = await deriveProgram(graph, source.store, options, {
    cuts,
    nameOf: (name) => sources.get(name) ?? name,
  });
  return { ...parts, graph, program: new SharedProgram(program) };
}

function cutGraph({ graph }: ModelParts, cut: ModelCut): CutGraph {
  if ('heads' in cut) return cutHeads(graph, cut.heads);
  if ('neurons' in cut) return cutNeurons(graph, cut.neurons);
  return { graph: dropLayers(graph, cut.layers), cuts: new Map(), sources: new Map() };
}
