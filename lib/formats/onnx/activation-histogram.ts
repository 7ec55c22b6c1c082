/**
 * A histogram of activations, from which the range of most of them follows without keeping them.
 *
 * The bins lie on a logarithmic scale of magnitudes, one set for each sign: so there is no second pass over the data, and the
 * relative error is half a percent whatever the scale of the activations.
 */

import type { Steps } from '../../core/turns.js';
import type { Range } from './ranges.js';

/** Bins for each doubling of the magnitude. */
const PER_DOUBLING = 64;
/** Magnitudes below 2^-40 count as 0, those above 2^40 as 2^40. */
const DOUBLINGS = 40;
/** Numbers counted before others may have their turn. */
const PER_STEP = 1 << 13;
const BINS = 2 * DOUBLINGS * PER_DOUBLING;

export class ActivationHistogram {
  readonly #negative = new Float64Array(BINS);
  readonly #positive = new Float64Array(BINS);
  #total = 0;
  #min = 0;
  #max = 0;

  /** Counts `values`, multiplied by `factors` channel by channel where there are some. */
  *add(values: Float32Array, factors: Float32Array | null): Steps<void> {
    for (let begin = 0; begin < values.length; begin += PER_STEP) {
      this.#count(values, factors, begin, Math.min(begin + PER_STEP, values.length));
      yield;
    }
    this.#total += values.length;
  }

  #count(values: Float32Array, factors: Float32Array | null, begin: number, end: number): void {
    const width = factors?.length ?? 1;
    for (let i = begin; i < end; i++) {
      const value = (values[i] ?? 0) * (factors === null ? 1 : (factors[i % width] ?? 1));
      if (value < this.#min) this.#min = value;
      if (value > this.#max) this.#max = value;
      if (value === 0) continue;
      const bins = value < 0 ? this.#negative : this.#positive;
      const at = Math.floor((Math.log2(Math.abs(value)) + DOUBLINGS) * PER_DOUBLING);
      const bin = Math.min(Math.max(at, 0), BINS - 1);
      bins[bin] = (bins[bin] ?? 0) + 1;
    }
  }

  /** The range that leaves out (100 - percentile) / 2 percent of all numbers at either end; 0 is always in it. */
  range(percentile: number): Range {
    if (percentile === 100) return { min: this.#min, max: this.#max };
    const left = (this.#total * (100 - percentile)) / 200;
    return {
      min: Math.max(this.#min, -magnitude(this.#negative, left)),
      max: Math.min(this.#max, magnitude(this.#positive, left)),
    };
  }
}

/** Upper end of the lowest bin with at most `left` numbers above it; 0 when all bins together hold no more. */
function magnitude(bins: Float64Array, left: number): number {
  let above = 0;
  for (let bin = BINS - 1; bin >= 0; bin--) {
    above += bins[bin] ?? 0;
    if (above > left) return 2 ** ((bin + 1) / PER_DOUBLING - DOUBLINGS);
  }
  return 0;
}
