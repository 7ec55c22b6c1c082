/**
 * Measures how well two lists of results agree: cosines, and whether the largest value is at the same index.
 */

import { cosine } from '../metrics/comparisons.js';
import { argmax } from '../metrics/logits.js';
import type { Fidelity } from './advice.js';

/** Compares row by row; 1 everywhere for empty lists. NaN in a row makes the cosines NaN. */
export function fidelityOf(a: readonly Float32Array[], b: readonly Float32Array[]): Fidelity {
  if (a.length === 0) return { meanCosine: 1, lowestCosine: 1, sameTop: 1 };
  const nothing = new Float32Array();
  const cosines = a.map((row, i) => cosine(row, b[i] ?? nothing));
  const same = a.filter((row, i) => argmax(row) === argmax(b[i] ?? nothing));
  return {
    meanCosine: cosines.reduce((sum, value) => sum + value, 0) / a.length,
    lowestCosine: Math.min(...cosines),
    sameTop: same.length / a.length,
  };
}
