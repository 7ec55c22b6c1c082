/**
 * The gate: what passes, what is warned of, and that its numbers are those of the tests it names.
 *
 * The rule: outcomes are made of rows, so that every expected number can be counted by hand.
 */
import { describe, expect, it } from 'vitest';
import { type GateOptions, judge } from '../../lib/compress/gate.js';
import {
  classificationOutcome,
  meanOutcome,
  type Outcome,
  spearmanOutcome,
} from '../../lib/compress/outcome.js';
import { mcnemar } from '../../lib/metrics/index.js';

/** An outcome of two classes with the first `wrong` rows wrong, after `skip`. */
function outcome(rows: number, wrong: number, skip = 0): Outcome {
  const truth = Int32Array.from({ length: rows }, (_, row) => row % 2);
  const predicted = truth.map((label, row) =>
    row >= skip && row < skip + wrong ? 1 - label : label,
  );
  return classificationOutcome({ names: ['no', 'yes'], truth, predicted });
}

const judged = (
  candidate: Outcome,
  more: Partial<GateOptions> = {},
  original = outcome(1000, 50),
) => judge({ original, candidate, maxDrop: 0.01, ...more });

describe('the drop', () => {
  it('may be as large as maxDrop and no larger', async () => {
    // 0.95 - 0.94 is 0.010000000000000009.
    const at = await judged(outcome(1000, 60));
    expect(at).toMatchObject({ passes: true, rows: 1000, allowedDrop: 0.01 });
    expect(at.drop).toBeCloseTo(0.01, 12);
    expect(at.flips).toEqual({ rightToWrong: 10, wrongToRight: 0 });
    expect(at.agreement).toBe(0.99);
    expect(at.mcnemar).toEqual(mcnemar(10, 0));
    const above = await judged(outcome(1000, 61));
    expect(above.passes).toBe(false);
    expect(above.reason).toBe(
      'accuracy drops by 1.10 points on 1,000 rows; at most 1.00 points are allowed',
    );
  });

  it('negative: the candidate is better', async () => {
    const found = await judged(outcome(1000, 40), { maxDrop: 0 });
    expect(found).toMatchObject({ passes: true, rowsNeeded: null });
    expect(found.reason).toContain('accuracy is better by 1.00 points');
  });

  it('that is allowed but no chance is said', async () => {
    const { passes, warnings } = await judged(outcome(1000, 60));
    expect(passes).toBe(true);
    expect(warnings.join()).toContain("is no chance (McNemar's exact p 0.0020)");
  });

  it('strict: its whole interval must be within maxDrop', async () => {
    const candidate = outcome(1000, 55);
    expect((await judged(candidate)).passes).toBe(true);
    const strict = await judged(candidate, { strict: true, maxDrop: 0.009 });
    expect(strict.interval.high).toBeCloseTo(0.01, 12);
    expect(strict.passes).toBe(false);
    expect(strict.reason).toContain('but the interval reaches 1.00 points');
    expect((await judged(candidate, { strict: true })).passes).toBe(true);
  });
});

describe('few rows', () => {
  it('one row is allowed where maxDrop is less, never two', async () => {
    const original = outcome(50, 5);
    const one = await judged(outcome(50, 6), {}, original);
    expect(one).toMatchObject({ passes: true, allowedDrop: 0.02 });
    expect(one.reason).toContain('which is one row: more than 1.00 points');
    expect((await judged(outcome(50, 7), {}, original)).passes).toBe(false);
    expect((await judged(outcome(50, 6), { strict: true }, original)).passes).toBe(false);
  });

  it('say how many could show the drop', async () => {
    // 5 rows turned wrong and 5 right: 1 % of 1,000 differ... of 872, 10 rows.
    const original = outcome(872, 50);
    const { warnings, resolvable, rowsNeeded, interval } = await judge({
      ...{ original, candidate: outcome(872, 50, 5), maxDrop: 0.005 },
    });
    expect(resolvable).toBeCloseTo(1.959964 * Math.sqrt(10 / 872 / 872), 6);
    expect(interval.high).toBeCloseTo(resolvable ?? 0, 2);
    expect(rowsNeeded).toBe(1763);
    expect(warnings).toEqual([
      '872 rows can show no drop below 0.71 points at 95 %; 0.50 points need about 1,763 rows',
    ]);
    const few = await judge({ original: outcome(4, 1), candidate: outcome(4, 1), maxDrop: 0.5 });
    expect(few.resolvable).toBeNull();
    expect(few.warnings[0]).toContain('4 rows can show no drop at all at 95 %');
  });
});

describe('classes', () => {
  it('a class that is lost is named, though the accuracy hardly drops', async () => {
    const truth = Int32Array.from({ length: 1000 }, (_, row) => (row < 6 ? 2 : row % 2));
    const names = ['no', 'yes', 'rare'];
    const original = classificationOutcome({ names, truth, predicted: truth.slice() });
    const predicted = truth.map((label) => (label === 2 ? 0 : label));
    const candidate = classificationOutcome({ names, truth, predicted });
    const found = await judge({ original, candidate, maxDrop: 0.01 });
    expect(found.passes).toBe(true);
    expect(found.warnings.join()).toContain('class "rare" is hit: recall 100.0 to 0.0 %');
    expect(found.perClass[2]).toEqual({
      ...{ name: 'rare', rows: 6, rightToWrong: 6, wrongToRight: 0 },
      recall: { original: 1, candidate: 0 },
      precision: { original: 1, candidate: null },
      f1: { original: 1, candidate: 0 },
    });
    expect(found.perClass[0]?.precision.candidate).toBeCloseTo(497 / 503, 12);
  });

  it('a macro F1 is judged by its own bootstrap', async () => {
    const of = (wrong: number, skip = 0) => {
      const { classes } = outcome(400, wrong, skip);
      if (classes === undefined) throw new Error('no classes');
      return classificationOutcome(classes, { metric: 'macro F1' });
    };
    const found = await judge({
      original: of(20),
      candidate: of(40),
      maxDrop: 0.01,
      resamples: 2000,
    });
    expect(found.metric).toBe('macro F1');
    expect(found.drop).toBeCloseTo(0.05, 3);
    expect(found.interval.low).toBeGreaterThan(0.025);
    expect(found.interval.high).toBeLessThan(0.08);
    expect(found.mcnemar).toEqual(mcnemar(20, 0));
  });

  it('a growing calibration error is warned of', async () => {
    const { classes } = outcome(100, 10);
    if (classes === undefined) throw new Error('no classes');
    const of = (probability: number) =>
      classificationOutcome(classes, { probabilities: new Float64Array(100).fill(probability) });
    const found = await judge({ original: of(0.9), candidate: of(0.97), maxDrop: 0.01 });
    expect(found.calibration?.original).toBeCloseTo(0, 12);
    expect(found.calibration?.candidate).toBeCloseTo(0.07, 12);
    expect(found.warnings.join()).toContain('calibration error 0.0 to 7.0 %');
  });
});

describe('scores without right and wrong rows', () => {
  const gold = Float64Array.from({ length: 200 }, (_, i) => i % 11);
  const noisy = (noise: number) => gold.map((value, i) => value + noise * Math.sin(7 * i));

  it('have an interval, and no McNemar', async () => {
    const original = spearmanOutcome(noisy(1), gold);
    const candidate = spearmanOutcome(noisy(3), gold);
    const found = await judge({ original, candidate, maxDrop: 0.01, seed: 3, resamples: 2000 });
    expect(found).toMatchObject({ passes: false, mcnemar: null, flips: null, agreement: null });
    expect(found.interval.low).toBeLessThan(found.drop);
    expect(found.interval.high).toBeGreaterThan(found.drop);
    expect(found.resolvable).toBeCloseTo((found.interval.high - found.interval.low) / 2, 12);
    expect(found.allowedDrop).toBe(0.01);
    const same = await judge({ original, candidate: original, maxDrop: 0.01, resamples: 100 });
    expect(same).toMatchObject({ passes: true, drop: 0, interval: { low: 0, high: 0 } });
  });

  it('means of numbers; those of 0 and 1 are right and wrong rows', async () => {
    const means = await judge({
      original: meanOutcome(
        'ndcg@10',
        gold.map((x) => x / 11),
      ),
      candidate: meanOutcome(
        'ndcg@10',
        gold.map((x) => x / 12),
      ),
      ...{ maxDrop: 0.01, resamples: 500 },
    });
    expect(means).toMatchObject({ passes: false, mcnemar: null });
    const exact = meanOutcome('exact match', [1, 0, 1, 1]);
    expect((await judge({ original: exact, candidate: exact, maxDrop: 0 })).flips).toEqual({
      ...{ rightToWrong: 0, wrongToRight: 0 },
    });
  });
});

describe('mistakes', () => {
  it('are refused at once', async () => {
    const original = outcome(10, 1);
    const fails = async (candidate: Outcome, more: object = {}) =>
      judge({ original, candidate, maxDrop: 0.1, ...more }).then(
        () => 'judged',
        (error: unknown) => String(error),
      );
    expect(await fails(outcome(11, 1))).toContain('candidate must be of as many rows');
    expect(await fails(spearmanOutcome([1, 2], [1, 2]))).toContain('of the metric of the original');
    const { classes } = outcome(10, 0);
    if (classes === undefined) throw new Error('no classes');
    const shifted = { ...classes, truth: classes.truth.map((x, i) => (i === 3 ? 1 - x : x)) };
    expect(await fails(classificationOutcome(shifted))).toContain('another label in row 3');
    const short = { ...original, right: new Uint8Array(9) };
    expect(await fails(short)).toContain('candidate.right must be as long as there are rows (10)');
    expect(await fails(original, { maxDrop: -1 })).toContain('maxDrop must be a number from 0');
    expect(await fails(original, { maxdrop: 1 })).toContain('did you mean maxDrop?');
    const constant = spearmanOutcome([1, 1], [1, 2]);
    const judgedConstant = judge({ original: constant, candidate: constant, maxDrop: 0.1 });
    await expect(judgedConstant).rejects.toThrow('original must be of a finite score, got NaN');
    expect(() => meanOutcome('x', [])).toThrow('rows must be one row or more');
  });
});
