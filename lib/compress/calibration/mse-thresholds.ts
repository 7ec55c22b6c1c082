/**
 * Ranges with the smallest mean square error of quantizing and widening again, for int8 and uint8 codes.
 *
 * The rule: a hundred ranges are tried, each k percent of the full one; of equal errors the narrowest is taken.
 */

import type { Steps } from '../../core/turns.js';
import type { ValueRange, WeightedValues } from './value-histogram.js';

export interface MseChoice extends ValueRange {
  /** The range is k percent of the full one, 1 to 100. */
  readonly k: number;
  readonly error: number;
}

interface Codes {
  readonly scale: number;
  readonly zeroPoint: number;
  readonly least: number;
  readonly most: number;
}

/**
 * The best of the ranges [min, max] k / 100 for uint8 codes (scale = width / 255, zero point = round(-min / scale)), or of the
 * thresholds max(-min, max) k / 100 for int8 codes from -127 to 127. The full range includes 0.
 */
export function* mseRange(
  points: WeightedValues,
  full: ValueRange,
  codes: 'uint8' | 'int8',
): Steps<MseChoice> {
  const limit = Math.max(-full.min, full.max);
  let best: MseChoice = { ...full, k: 100, error: Number.POSITIVE_INFINITY };
  for (let k = 1; k <= 100; k++) {
    const of = (value: number): number => (value * k) / 100;
    const range =
      codes === 'int8'
        ? { min: -of(limit), max: of(limit) }
        : { min: of(full.min), max: of(full.max) };
    const scale = codes === 'int8' ? range.max / 127 : (range.max - range.min) / 255;
    if (!(scale > 0)) continue;
    const form =
      codes === 'int8'
        ? { scale, zeroPoint: 0, least: -127, most: 127 }
        : { scale, zeroPoint: Math.round(-range.min / scale), least: 0, most: 255 };
    const error = squareError(points, form);
    if (error < best.error) best = { ...range, k, error };
    yield;
  }
  return best;
}

/** Mean square error. Within bins as wide as a step, or wider, the error is that of evenly spread numbers: step^2 / 12. */
function squareError({ values, counts, width }: WeightedValues, codes: Codes): number {
  const { scale, zeroPoint, least, most } = codes;
  const [low, high] = [(least - zeroPoint) * scale, (most - zeroPoint) * scale];
  const isCoarse = width > scale / 2;
  let [sum, total] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0;
    const count = counts[i] ?? 0;
    total += count;
    if (value === 0) continue;
    if (isCoarse && value > low && value < high) {
      sum += (count * scale * scale) / 12;
      continue;
    }
    const code = Math.round(value / scale) + zeroPoint;
    const apart = (Math.min(Math.max(code, least), most) - zeroPoint) * scale - value;
    sum += count * apart * apart;
  }
  return sum / total;
}
