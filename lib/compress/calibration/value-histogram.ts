/**
 * A histogram of activations in bins of one width, for thresholds that compare shapes: entropy and mean square error.
 *
 * The rule: one pass and no range known beforehand. The width is a power of two and doubles when a number does not fit: pairs of
 * bins are merged then, so the counts are those of a histogram with this width from the start.
 */

import { SinterError } from '../../core/errors.js';
import type { Steps } from '../../core/turns.js';

/** Bins for each sign; at least half of them lie below the largest magnitude. */
const BINS = 1 << 14;
/** Numbers counted before others may have their turn. */
const PER_STEP = 1 << 13;
/** Largest magnitudes that are told apart from 0: 2^-100. */
const LEAST_EXPONENT = -100;

/** Numbers and how often each of them was there. `width`: the numbers stand for bins of this width; 0 for numbers themselves. */
export interface WeightedValues {
  readonly values: Float64Array;
  readonly counts: Float64Array;
  readonly width: number;
}

/** Smallest and largest number, 0 included. */
export interface ValueRange {
  readonly min: number;
  readonly max: number;
}

export class ValueHistogram {
  #negative = new Float64Array(BINS);
  #positive = new Float64Array(BINS);
  #width = 2 ** LEAST_EXPONENT / BINS;
  #zeros = 0;
  #min = 0;
  #max = 0;

  get range(): ValueRange {
    return { min: this.#min, max: this.#max };
  }

  /**
   * Counts `values`, multiplied by `factors` channel by channel where there are some. Throws INVALID_DATA for a number that is
   * not finite, because no range holds it.
   */
  *add(values: Float32Array, factors: Float32Array | null): Steps<void> {
    for (let begin = 0; begin < values.length; begin += PER_STEP) {
      this.#count(values, factors, begin, Math.min(begin + PER_STEP, values.length));
      yield;
    }
  }

  #count(values: Float32Array, factors: Float32Array | null, begin: number, end: number): void {
    const width = factors?.length ?? 1;
    for (let i = begin; i < end; i++) {
      const value = (values[i] ?? 0) * (factors === null ? 1 : (factors[i % width] ?? 1));
      const size = Math.abs(value);
      if (size >= this.#width * BINS) this.#widen(size);
      if (value < this.#min) this.#min = value;
      if (value > this.#max) this.#max = value;
      if (value === 0) {
        this.#zeros++;
        continue;
      }
      if (Number.isNaN(value)) throw notFinite();
      const bins = value < 0 ? this.#negative : this.#positive;
      const bin = Math.floor(size / this.#width);
      bins[bin] = (bins[bin] ?? 0) + 1;
    }
  }

  #widen(size: number): void {
    if (!Number.isFinite(size)) throw notFinite();
    while (size >= this.#width * BINS) {
      this.#negative = merged(this.#negative);
      this.#positive = merged(this.#positive);
      this.#width *= 2;
    }
  }

  /** The middles of the bins that are not empty, and 0 itself. */
  points(): WeightedValues {
    const [values, counts]: [number[], number[]] = [[], []];
    const add = (value: number, count: number): void => {
      if (count === 0) return;
      values.push(value);
      counts.push(count);
    };
    for (let i = BINS - 1; i >= 0; i--) add(-(i + 0.5) * this.#width, this.#negative[i] ?? 0);
    add(0, this.#zeros);
    for (let i = 0; i < BINS; i++) add((i + 0.5) * this.#width, this.#positive[i] ?? 0);
    const width = this.#width;
    return { values: Float64Array.from(values), counts: Float64Array.from(counts), width };
  }
}

/** Every two bins as one, from 0 on. */
function merged(bins: Float64Array): Float64Array<ArrayBuffer> {
  const half = new Float64Array(bins.length);
  for (let i = 0; i < bins.length / 2; i++) half[i] = (bins[2 * i] ?? 0) + (bins[2 * i + 1] ?? 0);
  return half;
}

function notFinite(): SinterError {
  const why = 'the model gives numbers that are not finite for one of the texts';
  return new SinterError('INVALID_DATA', `calibration: no range can be measured: ${why}`);
}

/**
 * Counts in `bins` bins of one width: of magnitudes over [0, limit], or of numbers over [-limit, limit]. The last bin includes
 * its upper end. A bin of the values goes where its middle is.
 */
export function countsOf(
  { values, counts }: WeightedValues,
  bins: number,
  limit: number,
  kind: 'magnitudes' | 'numbers',
): Float64Array {
  const found = new Float64Array(bins);
  const low = kind === 'numbers' ? -limit : 0;
  const width = (limit - low) / bins;
  values.forEach((value, i) => {
    const place = ((kind === 'numbers' ? value : Math.abs(value)) - low) / width;
    const bin = Math.min(Math.max(Math.floor(place), 0), bins - 1);
    found[bin] = (found[bin] ?? 0) + (counts[i] ?? 0);
  });
  return found;
}
