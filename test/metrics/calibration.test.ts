/** Reliability, calibration error and coverage on cases that can be counted by hand. */
import { describe, expect, it } from 'vitest';
import { calibrationError, coverageCurve, reliability } from '../../lib/metrics/index.js';

describe('reliability', () => {
  it('puts each probability into one bin, its upper end included', () => {
    const bins = reliability([0, 0.5, 0.51, 1], [false, true, false, true], 2);
    expect(bins).toEqual([
      { from: 0, to: 0.5, count: 2, probability: 0.25, share: 0.5 },
      { from: 0.5, to: 1, count: 2, probability: 0.755, share: 0.5 },
    ]);
    expect(calibrationError(bins)).toBeCloseTo((2 * 0.25 + 2 * 0.255) / 4, 12);
  });

  it('has no error where each share is the probability', () => {
    const bins = reliability([0.5, 0.5, 1], [true, false, true], 10);
    expect(bins.map(({ count }) => count)).toEqual([2, 1]);
    expect(calibrationError(bins)).toBe(0);
  });

  it('refuses what is no probability, and lists of different lengths', () => {
    expect(() => reliability([1.5], [true])).toThrow(
      'probabilities[0] must be a number from 0 to 1',
    );
    expect(() => reliability([Number.NaN], [true])).toThrow(RangeError);
    expect(() => reliability([0.5], [])).toThrow('outcomes must be as many as probabilities (1)');
    expect(() => reliability([], [])).toThrow('probabilities must be at least one number');
    expect(() => reliability([0.5], [true], 0)).toThrow('bins must be a whole number from 1');
  });
});

it('coverageCurve counts what reaches each limit', () => {
  expect(coverageCurve([0.2, 0.6, 0.9], [false, false, true], [0, 0.5, 0.9, 0.95])).toEqual([
    { minScore: 0, coverage: 1, accuracy: 1 / 3 },
    { minScore: 0.5, coverage: 2 / 3, accuracy: 0.5 },
    { minScore: 0.9, coverage: 1 / 3, accuracy: 1 },
    { minScore: 0.95, coverage: 0, accuracy: Number.NaN },
  ]);
});
