/**
 * Regression errors and correlations against scikit-learn's and scipy's.
 *
 * The rule: besides the fixtures, fast methods are compared with the plain definition on random columns.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  averageRanks,
  kendallTauB,
  maxError,
  meanAbsoluteError,
  meanSquaredError,
  medianAbsoluteError,
  pearson,
  r2Score,
  rootMeanSquaredError,
  spearman,
} from '../../lib/metrics/index.js';
import { expectSame, regressionCases } from './fixture.js';

const functions = {
  mse: meanSquaredError,
  rmse: rootMeanSquaredError,
  mae: meanAbsoluteError,
  r2: r2Score,
  max_error: maxError,
  median_absolute_error: medianAbsoluteError,
  spearman,
  pearson,
  kendall_tau_b: kendallTauB,
};

describe.each(regressionCases)('$name', ({ y_true: truth, y_pred: predicted, expected }) => {
  it.each(Object.entries(functions))('%s', (name, metric) => {
    expectSame(metric(truth, predicted), expected[name], name);
    expectSame(
      metric(Float64Array.from(truth), Float64Array.from(predicted)),
      expected[name],
      name,
    );
  });
});

describe('ranks', () => {
  it('share the mean rank among equal values', () => {
    expect([...averageRanks([10, 20, 10, 30, 20, 10])]).toEqual([2, 4.5, 2, 6, 4.5, 2]);
  });
});

describe('kendallTauB', () => {
  it('equals the definition over all pairs', () => {
    const column = fc.array(
      fc.tuple(fc.integer({ max: 5, min: -5 }), fc.integer({ max: 5, min: -5 })),
      {
        minLength: 2,
        maxLength: 40,
      },
    );
    fc.assert(
      fc.property(column, (pairs) => {
        let score = 0;
        let untiedX = 0;
        let untiedY = 0;
        pairs.forEach(([x, y], i) => {
          for (const [u, v] of pairs.slice(0, i)) {
            score += Math.sign(x - u) * Math.sign(y - v);
            untiedX += Math.abs(Math.sign(x - u));
            untiedY += Math.abs(Math.sign(y - v));
          }
        });
        const actual = kendallTauB(
          pairs.map(([x]) => x),
          pairs.map(([, y]) => y),
        );
        if (untiedX === 0 || untiedY === 0) expect(actual).toBeNaN();
        else expect(actual).toBeCloseTo(score / Math.sqrt(untiedX) / Math.sqrt(untiedY), 12);
      }),
    );
  });
});

describe('arguments', () => {
  it('NaN values give NaN, columns that are too short a RangeError', () => {
    expect(spearman([1, Number.NaN, 3], [1, 2, 3])).toBeNaN();
    expect(kendallTauB([1, Number.NaN, 3], [1, 2, 3])).toBeNaN();
    expect(() => pearson([1], [1])).toThrow('truth must be at least two values, got 1');
    expect(() => meanSquaredError([], [])).toThrow(RangeError);
  });
});
