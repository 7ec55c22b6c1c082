/** Vectors of length 1. */

import type { EncoderGraph } from '../graph/types.js';

/** Whether the last step of the graph scales its vectors to length 1. */
export function hasUnitRows(graph: EncoderGraph): boolean {
  const { embedding } = graph.outputs;
  return graph.nodes.some((node) => node.op === 'normalize' && node.output === embedding);
}

/** Scales a vector in place to length 1; a vector of zeros stays as it is. */
export function scaleToUnit(vector: Float32Array): void {
  let squares = 0;
  for (const value of vector) squares += value * value;
  const factor = squares === 0 ? 0 : 1 / Math.sqrt(squares);
  for (let i = 0; i < vector.length; i++) vector[i] = (vector[i] ?? 0) * factor;
}
