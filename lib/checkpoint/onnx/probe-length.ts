/**
 * Length of the texts of a probe that shows all of a graph: longer than its windows and distances reach.
 *
 * A long probe takes the reference evaluator time that grows with the model. A large model keeps the short probe; only
 * recovery then checks longer distances.
 */

import type { EncoderGraph } from '../../graph/types.js';

/** Length for models without windows and distances. */
export const SHORT_PROBE = 8;
const LONGEST = 160;
/** Limit of weights times tokens: a second or two of the reference evaluator. */
const MAX_WORK = 5e8;

export function probeLength({ nodes, weights, maxTokens }: EncoderGraph): number {
  let reach = 0;
  for (const node of nodes) {
    if (node.op !== 'attention') continue;
    const distances = [node.window, node.relativeBias?.maxDistance, node.disentangled?.maxDistance];
    for (const distance of distances) reach = Math.max(reach, distance ?? 0);
  }
  const wanted = Math.min(
    reach === 0 ? SHORT_PROBE : Math.max(SHORT_PROBE, reach + 3),
    LONGEST,
    maxTokens,
  );
  const size = weights.reduce(
    (sum, { shape }) => sum + (shape.length > 1 ? shape.reduce((a, b) => a * b, 1) : 0),
    0,
  );
  return size * wanted > MAX_WORK ? Math.min(SHORT_PROBE, maxTokens) : wanted;
}
