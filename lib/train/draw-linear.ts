/** First numbers of matrices that live in a training alone. */

import type { SeededRandom } from '../core/random.js';

/** A matrix [rows, inputs] as PyTorch draws that of a linear layer: uniform within 1 / sqrt(inputs). */
export function drawLinear(rows: number, inputs: number, random: SeededRandom): Float32Array {
  const bound = 1 / Math.sqrt(inputs);
  const draw = () => (random.next() / 2 ** 31 - 1) * bound;
  return Float32Array.from({ length: rows * inputs }, draw);
}
