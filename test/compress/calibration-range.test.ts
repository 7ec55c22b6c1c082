/**
 * Ranges of activations by entropy and mean square error: against onnxruntime's own choices, numpy, and brute force.
 *
 * The rule: from counts of the numbers themselves the choice is the very same; a streamed histogram may choose another width near it, because
 * the minimum of a divergence is flat.
 */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { calibrationRange } from '../../lib/compress/calibration/calibration-range.js';
import {
  entropyOfMagnitudes,
  entropyOfNumbers,
} from '../../lib/compress/calibration/entropy-thresholds.js';
import { mseRange } from '../../lib/compress/calibration/mse-thresholds.js';
import { countsOf, ValueHistogram } from '../../lib/compress/calibration/value-histogram.js';
import { SeededRandom } from '../../lib/core/random.js';
import { atOnce } from '../../lib/core/turns.js';
import { ActivationHistogram } from '../../lib/formats/onnx/activation-histogram.js';

interface Choice {
  readonly range: readonly [number, number];
  readonly half_width_in_bins: number;
  readonly kl: number;
}

interface OneSided {
  readonly best_bin_count: number;
  readonly threshold: number;
  readonly kl: number;
  readonly kl_at_2048_bins: number;
}

interface Distribution {
  readonly name: string;
  readonly min_max: { readonly min: number; readonly max: number; readonly abs_max: number };
  readonly percentile_two_sided: Readonly<Record<string, readonly [number, number]>>;
  readonly onnxruntime: Readonly<Record<string, Choice>>;
  readonly entropy_one_sided: Readonly<Record<string, OneSided>>;
  readonly mse_int8: {
    readonly k: number;
    readonly threshold: number;
    readonly mse: number;
    readonly mse_of_every_k: readonly number[];
  };
  readonly mse_uint8: {
    readonly k: number;
    readonly range: readonly [number, number];
    readonly mse: number;
    readonly runner_up_mse: number;
  };
}

const close = (a: number, b: number, digits = 1e-9): void =>
  expect(Math.abs(a - b)).toBeLessThanOrEqual(digits * Math.max(1, Math.abs(b)));

function checkEntropies(
  one: Pick<Distribution, 'onnxruntime' | 'entropy_one_sided' | 'min_max'>,
  numbers: Float64Array,
  magnitudes: Float64Array,
): void {
  const limit = one.min_max.abs_max;
  for (const levels of [128, 255]) {
    const wanted = one.onnxruntime[`entropy_2048_bins_${levels}_levels`];
    const found = atOnce(entropyOfNumbers(numbers, levels));
    expect(found.bins).toBe(wanted?.half_width_in_bins);
    close(found.divergence, wanted?.kl ?? Number.NaN, 1e-4);
    const sided = one.entropy_one_sided[`${levels}_levels`];
    const chosen = atOnce(entropyOfMagnitudes(magnitudes, levels));
    expect(chosen.bins).toBe(sided?.best_bin_count);
    close(chosen.divergence, sided?.kl ?? Number.NaN);
    close((chosen.bins / 2048) * limit, sided?.threshold ?? Number.NaN);
  }
}

describe('entropy', () => {
  it('chooses as onnxruntime and TensorRT do from the same counts', () => {
    const path = new URL('../fixtures/compression/calibration-counts.json', import.meta.url);
    const one = JSON.parse(readFileSync(path, 'utf8'));
    const { numbers, magnitudes } = one.counts;
    checkEntropies(one, Float64Array.from(numbers), Float64Array.from(magnitudes));
  });

  it('of few bins takes all of them', () => {
    expect(atOnce(entropyOfMagnitudes(new Float64Array(20).fill(3), 128)).bins).toBe(20);
    const counts = new Float64Array(128).fill(3);
    expect(atOnce(entropyOfNumbers(counts, 128))).toEqual({ bins: 64, divergence: 0 });
  });
});

/** Roughly normal numbers with some far outliers. */
function sampleOf(count: number, outliers: number): Float32Array {
  const random = new SeededRandom(11);
  const uniform = (): number => random.next() / 2 ** 32 - 0.5;
  return Float32Array.from({ length: count }, (_, i) => {
    const value = Array.from({ length: 6 }, uniform).reduce((a, b) => a + b, 0);
    return i < outliers ? 12 * value + 20 * Math.sign(value) : value;
  });
}

function errorOf(values: Float32Array, min: number, max: number): number {
  const scale = (max - min) / 255;
  const zero = Math.round(-min / scale);
  const errors = Array.from(values, (x) => {
    const code = Math.min(Math.max(Math.round(x / scale) + zero, 0), 255);
    return ((code - zero) * scale - x) ** 2;
  });
  return errors.reduce((a, b) => a + b, 0) / values.length;
}

function histogramOf(values: Float32Array, pieces = 7): ValueHistogram {
  const histogram = new ValueHistogram();
  const size = Math.ceil(values.length / pieces);
  for (let begin = 0; begin < values.length; begin += size) {
    atOnce(histogram.add(values.subarray(begin, begin + size), null));
  }
  return histogram;
}

const pointsOf = (values: Float32Array) => ({
  ...{ values: Float64Array.from(values), counts: new Float64Array(values.length).fill(1) },
  width: 0,
});

describe('mean square error', () => {
  it('finds the range that brute force finds, and the histogram one as good', () => {
    const values = sampleOf(4000, 1);
    const full = { min: Math.min(...values), max: Math.max(...values) };
    const errors = Array.from({ length: 100 }, (_, i) =>
      errorOf(values, (full.min * (i + 1)) / 100, (full.max * (i + 1)) / 100),
    );
    const least = Math.min(...errors);
    const found = atOnce(mseRange(pointsOf(values), full, 'uint8'));
    expect(found.k).toBe(errors.indexOf(least) + 1);
    expect(found.k).toBeLessThan(100);
    close(found.error, least);
    const { min, max } = atOnce(calibrationRange(histogramOf(values), 'mse', 'uint8'));
    expect(errorOf(values, min, max)).toBeLessThan(least * 1.02);
  });

  it('clips outliers that waste most codes, though bins are wider than the steps then', () => {
    // One number a million times as large as the others: clipping it costs more than all others together.
    const values = sampleOf(50_000, 0);
    values[0] = 1e6;
    const { max } = atOnce(calibrationRange(histogramOf(values), 'mse', 'int8'));
    expect(max).toBeGreaterThan(5e5);
  });
});

describe('the streamed histogram', () => {
  it('has the counts of its last width whatever the order of the numbers', () => {
    const values = sampleOf(3000, 5);
    const forth = histogramOf(values).points();
    const back = histogramOf(values.slice().reverse(), 3).points();
    expect(back).toEqual(forth);
    expect(forth.counts.reduce((a, b) => a + b, 0)).toBe(3000);
    const limit = Math.max(...values.map(Math.abs));
    expect(forth.width / limit).toBeLessThanOrEqual(1 / 8192);
    const exact = countsOf(pointsOf(values), 64, limit, 'numbers');
    const streamed = countsOf(forth, 64, limit, 'numbers');
    const moved = exact.reduce((sum, count, i) => sum + Math.abs(count - (streamed[i] ?? 0)), 0);
    expect(moved).toBeLessThan(40);
  });

  it('applies factors by channel, and keeps 0 in the range', () => {
    const histogram = new ValueHistogram();
    atOnce(histogram.add(Float32Array.of(1, 2, 3, 4), Float32Array.of(1, 0.5)));
    expect(histogram.range).toEqual({ min: 0, max: 3 });
    expect([...histogram.points().values].map(Math.round)).toEqual([1, 2, 3]);
    expect(atOnce(calibrationRange(new ValueHistogram(), 'mse', 'uint8'))).toEqual({
      ...{ min: 0, max: 0 },
    });
  });

  it('refuses numbers that are not finite', () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const add = () => atOnce(new ValueHistogram().add(Float32Array.of(1, bad), null));
      expect(add).toThrow('numbers that are not finite');
    }
  });
});

const SHARED = '../shared/fixtures/compression';

describe.skipIf(!existsSync(SHARED))('samples of ../shared/fixtures/compression', () => {
  const read = () => {
    const bytes = readFileSync(`${SHARED}/calibration.safetensors`);
    const size = Number(bytes.readBigUInt64LE(0));
    const head = JSON.parse(bytes.toString('utf8', 8, 8 + size));
    const { distributions } = JSON.parse(readFileSync(`${SHARED}/calibration.json`, 'utf8'));
    return (distributions as Distribution[]).map((one) => {
      const [begin, end] = head[one.name].data_offsets as [number, number];
      const data = Uint8Array.from(bytes.subarray(8 + size + begin, 8 + size + end));
      return { one, values: new Float32Array(data.buffer) };
    });
  };

  it('entropy: the same choice from exact counts, a near one from streamed ones (minima are flat)', () => {
    for (const { one, values } of read()) {
      const limit = one.min_max.abs_max;
      const numbers = countsOf(pointsOf(values), 2048, limit, 'numbers');
      const magnitudes = countsOf(pointsOf(values), 2048, limit, 'magnitudes');
      checkEntropies(one, numbers, magnitudes);
      const streamed = countsOf(histogramOf(values).points(), 2048, limit, 'magnitudes');
      const { bins } = atOnce(entropyOfMagnitudes(streamed, 128));
      const wanted = one.entropy_one_sided['128_levels'];
      expect(Math.abs(bins - (wanted?.best_bin_count ?? 0)) / bins).toBeLessThan(0.25);
      const both = atOnce(calibrationRange(histogramOf(values), 'entropy', 'uint8'));
      const theirs = one.onnxruntime.entropy_2048_bins_255_levels?.range ?? [0, 0];
      close(both.min, theirs[0], 0.2);
      close(both.max, theirs[1], 0.2);
    }
  });

  it('mean square error: the same errors from the numbers, as small ones from the histogram', () => {
    for (const { one, values } of read()) {
      const full = { min: Math.min(one.min_max.min, 0), max: Math.max(one.min_max.max, 0) };
      const narrow = atOnce(mseRange(pointsOf(values), full, 'int8'));
      expect(narrow.k).toBe(one.mse_int8.k);
      close(narrow.max, one.mse_int8.threshold);
      close(narrow.error, one.mse_int8.mse);
      const wide = atOnce(mseRange(pointsOf(values), full, 'uint8'));
      expect(wide.k).toBe(one.mse_uint8.k);
      close(wide.error, one.mse_uint8.mse);
      const points = histogramOf(values).points();
      const streamed = atOnce(mseRange(points, full, 'int8'));
      const error = one.mse_int8.mse_of_every_k[streamed.k - 1] ?? Number.NaN;
      expect(error / one.mse_int8.mse).toBeLessThan(1.01);
    }
  });

  it('percentiles of the histogram of the export are those of the numbers, to a bin', () => {
    for (const { one, values } of read()) {
      const histogram = new ActivationHistogram();
      atOnce(histogram.add(values, null));
      const [low, high] = one.percentile_two_sided['99'] ?? [0, 0];
      const found = histogram.range(99);
      close(found.min, low, 0.03);
      close(found.max, high, 0.03);
      for (const percentile of [99, 99.9, 99.99]) {
        const { max } = histogram.range(percentile);
        const left = (values.length * (100 - percentile)) / 200;
        const above = (limit: number): number => values.filter((value) => value > limit).length;
        expect(above(max)).toBeLessThanOrEqual(left);
        expect(above(max / 2 ** (1.01 / 64))).toBeGreaterThan(left - 1);
      }
      expect(histogram.range(100)).toEqual({
        min: Math.min(0, one.min_max.min),
        max: one.min_max.max,
      });
    }
  });
});
