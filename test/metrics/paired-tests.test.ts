/**
 * Tests and intervals of paired results, against scipy's values, brute force, and each other.
 *
 * The rule: exact values agree within 1e-12; what is drawn at random lies within what its theory says.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../lib/core/random.js';
import { atOnce } from '../../lib/core/turns.js';
import { sumOfDraws } from '../../lib/metrics/accuracy-bootstrap.js';
import {
  accuracyBootstrap,
  averagedScores,
  calibrationError,
  f1Of,
  mcnemar,
  meanOf,
  pairedBootstrap,
  reliability,
  resolvableDrop,
  rowsToResolve,
  spearman,
  spearmanOf,
  wilson,
} from '../../lib/metrics/index.js';
import { erfc, upperQuantile, upperTail } from '../../lib/metrics/normal.js';
import { expectSame } from './fixture.js';

type Numbers = Readonly<Record<string, number>>;

const file: {
  readonly mcnemar: readonly Readonly<Record<string, number | null>>[];
  readonly wilson: readonly Numbers[];
  readonly 'z_0.975': number;
  readonly paired_bootstrap: readonly Numbers[];
  readonly accuracy_bootstrap: readonly Numbers[];
  readonly calibration: {
    readonly logits: readonly (readonly number[])[];
    readonly labels: readonly number[];
    readonly best_temperature: number;
    readonly temperature_1: Numbers;
    readonly temperature_best: Numbers;
  };
} = JSON.parse(
  readFileSync(new URL('../fixtures/compression/statistics.json', import.meta.url), 'utf8'),
);

const at = (values: Numbers, name: string): number => values[name] ?? Number.NaN;
const wholeNumbers = (n: number): Int32Array => Int32Array.from({ length: n }, (_, i) => i);

describe('the normal distribution', () => {
  it('has the tails and quantiles of tables', () => {
    expect(Math.abs(upperQuantile(0.025) - file['z_0.975'])).toBeLessThan(1e-12);
    // Both branches meet where one takes over, and erfc(-x) = 2 - erfc(x).
    expect(erfc(2 - 1e-9) / erfc(2) - 1).toBeCloseTo(1e-9 * 4.4182, 12);
    expect(erfc(0)).toBe(1);
    expect(erfc(-0.7) + erfc(0.7)).toBe(2);
    // scipy.special.erfc(5), norm.sf(1).
    expect(erfc(5) / 1.5374597944280349e-12).toBeCloseTo(1, 12);
    expect(upperTail(1)).toBeCloseTo(0.15865525393145707, 14);
  });
});

describe('mcnemar', () => {
  it.each(file.mcnemar.map((one) => [one.b ?? 0, one.c ?? 0, one] as const))(
    'of %d and %d is as scipy has it',
    (b, c, wanted) => {
      const { exactP, midP, chi2, chi2P, chi2Corrected, chi2CorrectedP } = mcnemar(b, c);
      expectSame(
        {
          ...{ b, c, exact_p: exactP, mid_p: midP, chi2, chi2_p: chi2P },
          ...{ chi2_corrected: chi2Corrected, chi2_corrected_p: chi2CorrectedP },
        },
        wanted,
      );
    },
  );

  it('stays exact for many rows, and refuses what is no count', () => {
    const { exactP, chi2P } = mcnemar(60_500, 59_500);
    expect(exactP).toBeCloseTo(chi2P ?? 0, 4);
    expect(mcnemar(0, 2000).exactP).toBe(0);
    expect(() => mcnemar(-1, 2)).toThrow('b must be a whole number from 0, got -1');
    expect(() => mcnemar(1, 2.5)).toThrow(RangeError);
  });
});

describe('wilson', () => {
  it.each(file.wilson.map((one) => [at(one, 'successes'), at(one, 'n'), one] as const))(
    '%d of %d',
    (successes, n, { confidence, low, high }) => {
      expectSame(wilson(successes, n, confidence), { low, high });
    },
  );

  it('refuses impossible counts', () => {
    expect(() => wilson(3, 2)).toThrow('successes must be a whole number from 0 to 2, got 3');
    expect(() => wilson(0, 0)).toThrow('n must be a whole number from 1, got 0');
    expect(() => wilson(1, 2, 1)).toThrow('confidence must be a number above 0 and below 1');
  });
});

describe('the exact bootstrap of accuracies', () => {
  it.each(file.paired_bootstrap.map((one, i) => [i, one] as const))(
    'case %d has the interval of the difference',
    async (_, one) => {
      const onlyFirst = at(one, 'only_first_right');
      const onlySecond = at(one, 'only_second_right');
      const bothRight = at(one, 'n') - onlyFirst - onlySecond;
      const found = await accuracyBootstrap({ bothRight, onlyFirst, onlySecond, bothWrong: 0 });
      expectSame(found.difference, {
        score: one.difference,
        interval: { low: one['low_2.5'], high: one['high_97.5'] },
      });
      const n = at(one, 'n');
      const { first, probabilities } = atOnce(sumOfDraws(n, onlySecond / n, onlyFirst / n));
      const sums = [...probabilities].map((p, i) => [first + i, p] as const);
      const total = (kept: typeof sums) => kept.reduce((sum, [, p]) => sum + p, 0);
      expect(total(sums)).toBeCloseTo(1, 12);
      expect(total(sums.filter(([sum]) => sum <= 0))).toBeCloseTo(
        at(one, 'probability_not_above_zero'),
        12,
      );
      expect(total(sums.filter(([sum]) => sum === 0))).toBeCloseTo(at(one, 'probability_zero'), 12);
    },
  );

  it('has the interval of one accuracy', async () => {
    for (const one of file.accuracy_bootstrap) {
      const [n, bothRight] = [at(one, 'n'), at(one, 'right')];
      const bothWrong = n - bothRight;
      const found = await accuracyBootstrap({ bothRight, onlyFirst: 0, onlySecond: 0, bothWrong });
      const interval = { low: one['low_2.5'], high: one['high_97.5'] };
      expectSame(found.first, { score: one.accuracy, interval });
      expectSame(found.difference, { score: 0, interval: { low: 0, high: 0 } });
    }
  });

  it('stays near the normal approximation for a million rows', async () => {
    const counts = { bothRight: 880_000, onlyFirst: 31_000, onlySecond: 30_000, bothWrong: 59_000 };
    const { difference } = await accuracyBootstrap(counts);
    const half = (1.959964 * Math.sqrt(61_000 - 1)) / 1e6;
    expect(difference.score).toBeCloseTo(0.001, 12);
    expect(Math.abs(difference.interval.low - (0.001 - half))).toBeLessThan(2e-6);
    expect(Math.abs(difference.interval.high - (0.001 + half))).toBeLessThan(2e-6);
  });

  it('refuses no rows', async () => {
    const counts = { bothRight: 0, onlyFirst: 0, onlySecond: 0, bothWrong: 0 };
    await expect(accuracyBootstrap(counts)).rejects.toThrow('counts must be those of one row');
  });
});

describe('the paired bootstrap', () => {
  it('is within a row of the exact one for accuracies', async () => {
    for (const one of file.paired_bootstrap) {
      const [n, b, c] = ['n', 'only_first_right', 'only_second_right'].map((name) => at(one, name));
      const rows = n ?? 0;
      const first = Float64Array.from({ length: rows }, (_, i) => Number(i < (b ?? 0)));
      const second = Float64Array.from({ length: rows }, (_, i) => Number(i >= rows - (c ?? 0)));
      const { difference } = await pairedBootstrap({
        ...{ rows, first: meanOf(first), second: meanOf(second), seed: 3 },
      });
      expect(difference.score).toBeCloseTo(at(one, 'difference'), 12);
      const { low, high } = difference.interval;
      expect(Math.abs(low - at(one, 'low_2.5'))).toBeLessThanOrEqual(1 / rows + 1e-12);
      expect(Math.abs(high - at(one, 'high_97.5'))).toBeLessThanOrEqual(1 / rows + 1e-12);
    }
  });

  it('gives the same for a seed, and another for another', async () => {
    const values = Float64Array.from({ length: 60 }, (_, i) => Math.sin(i));
    const run = (seed: number) =>
      pairedBootstrap({
        ...{ rows: 60, first: meanOf(values), second: () => 0, seed, resamples: 500 },
      });
    expect(await run(4)).toEqual(await run(4));
    expect((await run(4)).difference.interval).not.toEqual((await run(5)).difference.interval);
  });

  it('leaves undefined resamples out and counts them', async () => {
    const gold = [0, 0, 0, 0, 0, 0, 0, 1];
    const score = spearmanOf([1, 2, 3, 4, 5, 6, 7, 8], gold);
    const found = await pairedBootstrap({
      ...{ rows: 8, first: score, second: score, resamples: 1000 },
    });
    // The one row is missing from (7/8)^8 = 34 % of them.
    expect(found.undefinedResamples).toBeGreaterThan(280);
    expect(found.undefinedResamples).toBeLessThan(410);
    expect(found.difference.interval).toEqual({ low: 0, high: 0 });
  });

  it('lets the event loop turn, and can be cancelled', async () => {
    const values = new Float64Array(5000);
    const controller = new AbortController();
    let turns = 0;
    const timer = setInterval(() => {
      if (++turns === 3) controller.abort();
    }, 1);
    const options = { rows: 5000, first: meanOf(values), second: meanOf(values) };
    const run = pairedBootstrap({ ...options, signal: controller.signal });
    await expect(run).rejects.toMatchObject({ code: 'CANCELLED' });
    clearInterval(timer);
  });

  it('refuses wrong options', async () => {
    const options = { first: () => 0, second: () => 0 };
    await expect(pairedBootstrap({ ...options, rows: 0 })).rejects.toThrow('rows must be');
    await expect(pairedBootstrap({ ...options, rows: 2, confidence: 2 })).rejects.toThrow(
      RangeError,
    );
    const misspelt = { ...options, rows: 2, resample: 3 };
    await expect(pairedBootstrap(misspelt)).rejects.toThrow('unknown option "resample"');
  });
});

describe('scores of a sample', () => {
  const random = new SeededRandom(8);
  const column = (below: number) => Int32Array.from({ length: 200 }, () => random.below(below));
  const sample = Int32Array.from({ length: 200 }, () => random.below(200));
  const drawn = (values: ArrayLike<number>) => [...sample].map((row) => values[row] ?? 0);

  it('spearman is that of the plain metric, with ties', () => {
    const [a, b] = [column(30), column(9)];
    const score = spearmanOf(a, b);
    expect(score(wholeNumbers(200))).toBeCloseTo(spearman(a, b), 13);
    expect(score(sample)).toBeCloseTo(spearman(drawn(a), drawn(b)), 13);
  });

  it('F1 is that of the plain metric, also where a class is missing', () => {
    // Class 6 is in neither column.
    const [truth, predicted] = [column(6), column(5)];
    for (const average of ['macro', 'weighted'] as const) {
      const score = f1Of(truth, predicted, 7, average);
      const plain = averagedScores(drawn(truth), drawn(predicted), average);
      expect(score(sample)).toBeCloseTo(plain.f1, 13);
    }
    expect(() => f1Of(truth, predicted, 5)).toThrow('a class must be from 0 to 4, got 5');
  });
});

describe('resolvableDrop', () => {
  it('is the drop at which the interval is just clear of 0', () => {
    const rows = 872;
    const drop = resolvableDrop(rows, { disagreement: 0.05 });
    expect(drop).toBeCloseTo(1.959964 * Math.sqrt(0.05 / rows), 6);
    expect(rowsToResolve(drop, { disagreement: 0.05 })).toBe(rows);
    // 872 rows cannot show half a point.
    expect(drop).toBeGreaterThan(0.005);
    expect(rowsToResolve(0.005, { disagreement: 0.05 })).toBe(7683);
  });

  it('is larger for more power, as Connor has it', () => {
    const design = { disagreement: 0.2, power: 0.8 };
    // (1.959964 sqrt(0.2) + 0.841621 sqrt(0.19))^2 / 0.01 = 154.6.
    expect(rowsToResolve(0.1, design)).toBe(155);
    expect(resolvableDrop(155, design)).toBeLessThan(0.1);
    expect(resolvableDrop(154, design)).toBeGreaterThan(0.1);
  });

  it('is never below six rows at 95 %, which the exact test needs', () => {
    expect(resolvableDrop(100, { disagreement: 0 })).toBe(0.06);
    expect(mcnemar(6, 0).exactP).toBeLessThan(0.05);
    expect(mcnemar(5, 0).exactP).toBeGreaterThan(0.05);
    expect(resolvableDrop(5, { disagreement: 0.5 })).toBe(Number.POSITIVE_INFINITY);
    expect(rowsToResolve(0.01, { disagreement: 0 })).toBe(600);
    expect(() => rowsToResolve(0, { disagreement: 0 })).toThrow('drop must be');
  });
});

describe('calibration error', () => {
  const { logits, labels, best_temperature, ...wanted } = file.calibration;
  it.each([
    ['temperature_1', 1],
    ['temperature_best', best_temperature],
  ] as const)('of logits at %s is that of the fixture', (name, temperature) => {
    const tops = logits.map((row) => {
      const top = Math.max(...row);
      const total = row.reduce((sum, x) => sum + Math.exp((x - top) / temperature), 0);
      return { probability: 1 / total, label: row.indexOf(top) };
    });
    const probabilities = tops.map(({ probability }) => probability);
    const right = tops.map(({ label }, i) => label === labels[i]);
    const error = calibrationError(reliability(probabilities, right));
    expect(error).toBeCloseTo(at(wanted[name], 'ece'), 12);
  });
});
