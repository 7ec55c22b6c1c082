/**
 * The range of an activation by one of the methods that compare shapes, from a histogram of it.
 *
 * The rule: the range is within the smallest and the largest number that was seen, and 0 is always in it.
 */

import type { Steps } from '../../core/turns.js';
import { entropyOfMagnitudes, entropyOfNumbers } from './entropy-thresholds.js';
import { mseRange } from './mse-thresholds.js';
import { countsOf, type ValueHistogram, type ValueRange } from './value-histogram.js';

/** Bins of which the entropy methods choose, and levels of the codes: of magnitudes in int8, of both signs in uint8. */
const ENTROPY_BINS = 2048;
const [INT8_LEVELS, UINT8_LEVELS] = [128, 255] as const;

/** `entropy` is TensorRT's scheme for int8 codes, ONNX Runtime's (with 2048 bins and 255 levels) for uint8 codes. */
export function* calibrationRange(
  histogram: ValueHistogram,
  method: 'entropy' | 'mse',
  codes: 'uint8' | 'int8',
): Steps<ValueRange> {
  const full = histogram.range;
  const limit = Math.max(-full.min, full.max);
  if (limit === 0) return full;
  const points = histogram.points();
  const within = (low: number, high: number): ValueRange => ({
    min: Math.max(full.min, low),
    max: Math.min(full.max, high),
  });
  if (method === 'mse') {
    const { min, max } = yield* mseRange(points, full, codes);
    return within(min, max);
  }
  if (codes === 'int8') {
    const counts = countsOf(points, ENTROPY_BINS, limit, 'magnitudes');
    const { bins } = yield* entropyOfMagnitudes(counts, INT8_LEVELS);
    const threshold = (bins / ENTROPY_BINS) * limit;
    return within(-threshold, threshold);
  }
  const counts = countsOf(points, ENTROPY_BINS, limit, 'numbers');
  const { bins } = yield* entropyOfNumbers(counts, UINT8_LEVELS);
  const width = (2 * limit) / ENTROPY_BINS;
  return within(-bins * width, (bins + 1) * width);
}
