// How weights begin that a checkpoint does not have.
import { describe, expect, it } from 'vitest';
import { drawWeights } from '../../lib/checkpoint/new-weights.js';

describe('new weights', () => {
  it('are zeros, ones, or normal, cut where that is asked for', () => {
    const shape = [200, 100];
    const drawn = drawWeights(
      [
        { name: 'zero', shape: [7], init: { kind: 'zero' } },
        { name: 'one', shape: [7], init: { kind: 'one' } },
        { name: 'normal', shape, init: { kind: 'normal', deviation: 0.5 } },
        { name: 'cut', shape, init: { kind: 'normal', deviation: 0.5, cutoff: 2 } },
      ],
      42,
    );
    expect([...(drawn.get('zero') ?? [])]).toEqual([0, 0, 0, 0, 0, 0, 0]);
    expect([...(drawn.get('one') ?? [])]).toEqual([1, 1, 1, 1, 1, 1, 1]);
    const deviationOf = (values: Float32Array) =>
      Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);
    const [normal, cut] = ['normal', 'cut'].map((name) => drawn.get(name) ?? new Float32Array(0));
    expect(normal).toHaveLength(20_000);
    expect(deviationOf(normal as Float32Array)).toBeCloseTo(0.5, 1);
    expect(Math.max(...(normal as Float32Array))).toBeGreaterThan(1.5);
    // A normal distribution cut at two deviations keeps 0.88 of its deviation.
    expect(deviationOf(cut as Float32Array)).toBeCloseTo(0.44, 2);
    expect(Math.max(...(cut as Float32Array).map(Math.abs))).toBeLessThanOrEqual(1);
  });

  it('are the same for the same seed', () => {
    const weights = [{ name: 'w', shape: [5], init: { kind: 'normal', deviation: 1 } }] as const;
    expect(drawWeights(weights, 7)).toEqual(drawWeights(weights, 7));
    expect(drawWeights(weights, 7)).not.toEqual(drawWeights(weights, 8));
  });
});
