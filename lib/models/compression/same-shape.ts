/** Training without a cut: the original's own shape, taught by the original. */

import { unitsOf } from '../../graph/rewrite/units.js';
import { layerCount, range, trainRound, type Workshop } from './candidates.js';
import { copyOf } from './copy.js';
import { passesOf, type Visit } from './search.js';

/** The original after all passes; its own weights where they made it worse. */
export async function visitSameShape(workshop: Workshop, score: number): Promise<Visit> {
  const { teacher, settings } = workshop;
  const { heads, neurons } = unitsOf(teacher.graph);
  const shape = {
    ...{ name: 'same', layers: range(layerCount(teacher)), heads: [], neurons: [] },
    widths: { heads: heads.map(({ count }) => count), neurons: neurons.map(({ count }) => count) },
    ...{ cost: 0, kept: 1 },
  };
  const best = await trainRound(workshop, {
    ...{ shape, stage: 'same-round-1', from: null, startScore: score, speedup: null },
    start: () => copyOf(teacher, settings.signal),
    epochs: passesOf(workshop).all,
  });
  return { budget: 0, tried: [{ shape, score }], trained: [best], best };
}
