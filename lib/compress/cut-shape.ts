/**
 * Cuts a model to a shape in one call: whole layers, and heads and neurons of the layers that stay.
 *
 * The rule: layers are always named by their number in the model that is given, however many of them go.
 */

import type { LayerCuts } from '../graph/rewrite/cut.js';
import type { NativeProgram } from '../native/native.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { cutModel, type ModelCut } from './cut-model.js';

/** What goes. Layers count from 0 in the order in which they run; indices of heads and neurons are in increasing order. */
export interface ShapeCut {
  readonly layers: readonly number[];
  readonly heads: LayerCuts;
  readonly neurons: LayerCuts;
}

/**
 * The smaller model; the old one stays usable. The parts that stay compute what they did. Throws RangeError for a part that does
 * not exist or cannot be removed.
 */
export async function cutShape(
  where: string,
  parts: ModelParts,
  source: NativeProgram,
  cut: ShapeCut,
  signal?: AbortSignal,
): Promise<ModelParts> {
  const numbers = layersLeft(parts, cut.layers);
  const renumbered = (cuts: LayerCuts): LayerCuts =>
    new Map(
      [...cuts]
        .filter(([, removed]) => removed.length > 0)
        .flatMap(([layer, removed]) => {
          const number = numbers.indexOf(layer);
          return number < 0 ? [] : [[number, removed] as const];
        }),
    );
  const [heads, neurons] = [renumbered(cut.heads), renumbered(cut.neurons)];
  const steps: ModelCut[] = [
    ...(cut.layers.length > 0 ? [{ layers: cut.layers }] : []),
    ...(heads.size > 0 ? [{ heads }] : []),
    ...(neurons.size > 0 ? [{ neurons }] : []),
  ];
  let current = parts;
  let run = <T>(work: (program: NativeProgram) => Promise<T>): Promise<T> => work(source);
  for (const step of steps) {
    const from = current;
    const made = await run((program) => cutModel(where, from, program, step, signal)).finally(
      async () => {
        if (from !== parts) await from.program.retire();
      },
    );
    current = made;
    run = (work) => made.program.use(where, work);
  }
  return current;
}

/** Numbers of the layers that stay. */
function layersLeft({ graph }: ModelParts, removed: readonly number[]): readonly number[] {
  const count = graph.nodes.filter(({ op }) => op === 'attention').length;
  const gone = new Set(removed);
  return Array.from({ length: count }, (_, layer) => layer).filter((layer) => !gone.has(layer));
}
