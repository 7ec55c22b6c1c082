/**
 * Draws numbers for weights that a checkpoint does not have: a new classification head.
 *
 * The same seed gives the same numbers on every machine.
 */

import { SeededRandom } from '../core/random.js';
import type { NewWeight } from '../graph/checkpoint.js';

/** Values of `weights`, drawn in their order. */
export function drawWeights(
  weights: readonly NewWeight[],
  seed: number,
): ReadonlyMap<string, Float32Array> {
  const normal = normalNumbers(new SeededRandom(seed));
  return new Map(
    weights.map(({ name, shape, init }) => {
      const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
      if (init.kind === 'one') values.fill(1);
      if (init.kind === 'normal') {
        const { deviation, cutoff = Number.POSITIVE_INFINITY } = init;
        for (let i = 0; i < values.length; i++) {
          let value = normal();
          while (Math.abs(value) > cutoff) value = normal();
          values[i] = value * deviation;
        }
      }
      return [name, values];
    }),
  );
}

/** Numbers of the standard normal distribution, by Marsaglia's polar method. */
function normalNumbers(random: SeededRandom): () => number {
  let spare: number | null = null;
  return () => {
    if (spare !== null) {
      const value = spare;
      spare = null;
      return value;
    }
    for (;;) {
      const x = random.next() / 2 ** 31 - 1;
      const y = random.next() / 2 ** 31 - 1;
      const square = x * x + y * y;
      if (square > 0 && square < 1) {
        const factor = Math.sqrt((-2 * Math.log(square)) / square);
        spare = y * factor;
        return x * factor;
      }
    }
  };
}
