/**
 * The gate: whether a compressed model may take the place of the original, and what the held-out rows can say about it.
 *
 * The rule: the measured drop decides. What the rows cannot show is said as a warning, with the number of rows that could, because a gate
 * that fails on chance is switched off, and one that passes in silence is believed.
 */

import { rangeMistake } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import { formatNumber } from '../core/units.js';
import {
  accuracyBootstrap,
  type Interval,
  type McNemarTest,
  mcnemar,
  type PairedComparison,
  pairedBootstrap,
  resolvableDrop,
  rowsToResolve,
  type ScoreWithInterval,
} from '../metrics/index.js';
import {
  type CalibrationChange,
  type ClassChange,
  calibrationChange,
  classChanges,
  lostClasses,
} from './gate-classes.js';
import type { Outcome } from './outcome.js';

export interface GateOptions {
  readonly original: Outcome;
  /** On the same rows in the same order. */
  readonly candidate: Outcome;
  /** The largest drop of the score that is accepted, from 0; 0.01 is a point. */
  readonly maxDrop: number;
  /** true: the upper end of the drop's interval must be within `maxDrop` too. Default: false. */
  readonly strict?: boolean;
  /** Of the intervals, above 0 and below 1. Default: 0.95. */
  readonly confidence?: number;
  /** Of the bootstrap. Default: 0. */
  readonly seed?: number;
  /** Of the bootstrap, for scores other than accuracies. Default: 10,000. */
  readonly resamples?: number;
  readonly signal?: AbortSignal;
}

export interface GateVerdict {
  readonly passes: boolean;
  /** Why, in a sentence. */
  readonly reason: string;
  readonly metric: string;
  readonly rows: number;
  readonly maxDrop: number;
  /** What the drop was held against: `maxDrop`, or one row where that is more. */
  readonly allowedDrop: number;
  readonly strict: boolean;
  readonly confidence: number;
  readonly original: ScoreWithInterval;
  readonly candidate: ScoreWithInterval;
  /** The original's score less the candidate's; negative where the candidate is better. */
  readonly drop: number;
  /** Of the drop. */
  readonly interval: Interval;
  /** null for scores without right and wrong rows. Its first model is the original. */
  readonly mcnemar: McNemarTest | null;
  /** The smallest drop that so many rows can show; null where they can show none. */
  readonly resolvable: number | null;
  /** Rows that could show a drop of `maxDrop`; null where that is 0. */
  readonly rowsNeeded: number | null;
  /** Rows that changed sides; null as for `mcnemar`. */
  readonly flips: { readonly rightToWrong: number; readonly wrongToRight: number } | null;
  /** Share of the rows with the same label from both; null for scores without classes. */
  readonly agreement: number | null;
  /** Classes that have rows or predictions; empty for scores without classes. */
  readonly perClass: readonly ClassChange[];
  /** null unless both outcomes have probabilities. */
  readonly calibration: CalibrationChange | null;
  readonly warnings: readonly string[];
}

const WHERE = 'judge';
/** Differences of scores below it are rounding. */
const ROUNDING = 1e-9;
/** A growth of the calibration error that is worth a warning. */
const ECE_GROWTH = 0.02;

/**
 * Judges a candidate by the drop of its score on held-out rows. It passes if the drop is at most `maxDrop`. Where `maxDrop` is less
 * than one row, one row is allowed: otherwise any single changed row would decide. No more is allowed, however few the
 * rows are: a drop that was measured is the best estimate of the true one, and few rows only make it less sure. Where the rows
 * cannot show a drop of `maxDrop` at all, a warning says so, and how many rows could. `strict` asks for proof instead: the
 * upper end of the drop's interval must be within `maxDrop`, and no row is given away.
 *
 * Intervals are percentiles of the paired bootstrap, exact for accuracies. `resolvable` is `resolvableDrop` where rows are right
 * or wrong and half the interval's width otherwise. Throws TypeError or RangeError for options and for outcomes that are not of
 * the same rows and metric, SinterError CANCELLED.
 */
export async function judge(options: GateOptions): Promise<GateVerdict> {
  const { maxDrop, strict, confidence } = readGateOptions(options);
  const { original, candidate } = options;
  const compared = await compare(options, confidence);
  const { score: drop, interval } = compared.difference;
  const test = testOf(original, candidate);
  const { rows } = original;
  const allowedDrop = strict || test === null ? maxDrop : Math.max(maxDrop, 1 / rows);
  const passes = drop <= allowedDrop + ROUNDING && (!strict || interval.high <= maxDrop + ROUNDING);
  const { resolvable, rowsNeeded } = powerOf(test, { rows, interval, maxDrop, confidence });
  const perClass = classChanges(original, candidate);
  const calibration = calibrationChange(original, candidate);
  const verdict = {
    ...{ passes, metric: original.metric, rows, maxDrop, allowedDrop, strict, confidence },
    ...{ original: compared.first, candidate: compared.second, drop, interval, mcnemar: test },
    ...{ resolvable, rowsNeeded, perClass, calibration },
    flips: test && { rightToWrong: test.onlyFirst, wrongToRight: test.onlySecond },
    agreement: agreementOf(original, candidate),
  };
  return { ...verdict, reason: reasonOf(verdict), warnings: warningsOf(verdict) };
}

function readGateOptions(options: GateOptions) {
  const read = readOptions(WHERE, options, {
    ...{ original: true, candidate: true, maxDrop: true, strict: true, confidence: true },
    ...{ seed: true, resamples: true, signal: true },
  });
  const isShare = (value: number): boolean => value > 0 && value < 1;
  const { original, candidate } = options;
  if (original.metric !== candidate.metric) {
    const what = `of the metric of the original (${original.metric})`;
    throw rangeMistake(`${WHERE}: candidate`, what, candidate.metric);
  }
  if (original.rows !== candidate.rows) {
    const what = `of as many rows as the original (${original.rows})`;
    throw rangeMistake(`${WHERE}: candidate`, what, candidate.rows);
  }
  checkLengths(original, 'original');
  checkLengths(candidate, 'candidate');
  const [truth, other] = [original.classes?.truth, candidate.classes?.truth];
  const differing = truth?.findIndex((label, row) => other !== undefined && other[row] !== label);
  if (differing !== undefined && differing >= 0) {
    const what = 'of the same rows as the original in the same order';
    throw rangeMistake(`${WHERE}: candidate`, what, `another label in row ${differing}`);
  }
  return {
    maxDrop: read.nonNegative('maxDrop', Number.NaN),
    strict: read.boolean('strict', false),
    confidence: read.number('confidence', 0.95, 'a number above 0 and below 1', isShare),
  };
}

/** RangeError unless everything that is there for each row is there for all rows. */
function checkLengths({ rows, right, classes, probabilities }: Outcome, name: string): void {
  const lists = { right, probabilities, truth: classes?.truth, predicted: classes?.predicted };
  for (const [list, values] of Object.entries(lists)) {
    if (values === undefined || values.length === rows) continue;
    throw rangeMistake(
      `${WHERE}: ${name}.${list}`,
      `as long as there are rows (${rows})`,
      values.length,
    );
  }
}

/** Scores, difference and intervals: exact where the score is the share of right rows. */
async function compare(options: GateOptions, confidence: number): Promise<PairedComparison> {
  const { original, candidate, seed, resamples, signal } = options;
  for (const [name, one] of Object.entries({ original, candidate })) {
    const score = one.scoreOf();
    if (!Number.isFinite(score))
      throw rangeMistake(`${WHERE}: ${name}`, 'of a finite score', score);
  }
  const counts = isShareOfRight(original) && isShareOfRight(candidate);
  const [a, b] = [original.right, candidate.right];
  if (counts && a !== undefined && b !== undefined) {
    const found = { bothRight: 0, onlyFirst: 0, onlySecond: 0, bothWrong: 0 };
    a.forEach((right, row) => {
      if (right) found[b[row] ? 'bothRight' : 'onlyFirst']++;
      else found[b[row] ? 'onlySecond' : 'bothWrong']++;
    });
    return accuracyBootstrap(found, confidence);
  }
  return pairedBootstrap({
    ...{ rows: original.rows, first: original.scoreOf, second: candidate.scoreOf, confidence },
    ...(seed !== undefined && { seed }),
    ...(resamples !== undefined && { resamples }),
    ...(signal !== undefined && { signal }),
  });
}

const isShareOfRight = ({ metric, right }: Outcome): boolean =>
  right !== undefined && (metric === 'accuracy' || metric === 'exact match');

function testOf(original: Outcome, candidate: Outcome): McNemarTest | null {
  const [a, b] = [original.right, candidate.right];
  if (a === undefined || b === undefined) return null;
  let [lost, won] = [0, 0];
  a.forEach((right, row) => {
    if (right && !b[row]) lost++;
    if (!right && b[row]) won++;
  });
  return mcnemar(lost, won);
}

/** What the rows can show, and how many could show `maxDrop`: an interval's width falls with the root of the number of rows. */
function powerOf(
  test: McNemarTest | null,
  measured: {
    readonly rows: number;
    readonly interval: Interval;
    readonly maxDrop: number;
    readonly confidence: number;
  },
): { resolvable: number | null; rowsNeeded: number | null } {
  const { rows, interval, maxDrop, confidence } = measured;
  if (test !== null) {
    const disagreement = (test.onlyFirst + test.onlySecond) / rows;
    const design = { disagreement, confidence };
    const drop = resolvableDrop(rows, design);
    const isUsable = maxDrop > 0 && maxDrop <= 1;
    return {
      resolvable: Number.isFinite(drop) ? drop : null,
      rowsNeeded: isUsable ? rowsToResolve(maxDrop, design) : null,
    };
  }
  const half = (interval.high - interval.low) / 2;
  return {
    resolvable: Number.isFinite(half) ? half : null,
    rowsNeeded: maxDrop > 0 ? Math.max(2, Math.ceil(rows * (half / maxDrop) ** 2)) : null,
  };
}

function agreementOf(original: Outcome, candidate: Outcome): number | null {
  const [a, b] = [original.classes?.predicted, candidate.classes?.predicted];
  if (a === undefined || b === undefined) return null;
  return a.reduce((sum, label, row) => sum + Number(label === b[row]), 0) / a.length;
}

type Judged = Omit<GateVerdict, 'reason' | 'warnings'>;

/** A difference of scores in points: hundredths. */
export const inPoints = (value: number): string => `${(value * 100).toFixed(2)} points`;

function reasonOf(verdict: Judged): string {
  const { passes, drop, allowedDrop, maxDrop, strict, interval, rows } = verdict;
  const change = drop < 0 ? `is better by ${inPoints(-drop)}` : `drops by ${inPoints(drop)}`;
  const measured = `${verdict.metric} ${change} on ${formatNumber(rows)} rows`;
  if (drop > allowedDrop + ROUNDING)
    return `${measured}; at most ${inPoints(allowedDrop)} are allowed`;
  if (!passes) {
    const end = inPoints(interval.high);
    return `${measured}, but the interval reaches ${end}; strict asks for at most ${inPoints(maxDrop)}`;
  }
  if (strict) return `${measured}, and its interval ends within ${inPoints(maxDrop)}`;
  return allowedDrop > maxDrop && drop > maxDrop + ROUNDING
    ? `${measured}, which is one row: more than ${inPoints(maxDrop)}, but less cannot be measured`
    : `${measured}; ${inPoints(allowedDrop)} are allowed`;
}

function warningsOf(verdict: Judged): string[] {
  const { resolvable, rowsNeeded, rows, maxDrop, mcnemar: test, calibration, confidence } = verdict;
  const level = `${Math.round(confidence * 1000) / 10} %`;
  const warnings: string[] = [];
  if (maxDrop > 0 && (resolvable === null || resolvable > maxDrop + ROUNDING)) {
    const least = resolvable === null ? 'no drop at all' : `no drop below ${inPoints(resolvable)}`;
    const wanted =
      rowsNeeded === null
        ? ''
        : `; ${inPoints(maxDrop)} need about ${formatNumber(rowsNeeded)} rows`;
    warnings.push(`${formatNumber(rows)} rows can show ${least} at ${level}${wanted}`);
  }
  if (verdict.passes && verdict.drop > 0 && test !== null && test.exactP < 1 - confidence) {
    warnings.push(
      `the drop is allowed, but it is no chance (McNemar's exact p ${test.exactP.toPrecision(2)})`,
    );
  }
  warnings.push(...lostClasses(verdict.perClass, confidence));
  if (calibration !== null && calibration.candidate - calibration.original > ECE_GROWTH) {
    const [was, is] = [calibration.original, calibration.candidate].map((x) =>
      (x * 100).toFixed(1),
    );
    warnings.push(`probabilities are less to be believed: calibration error ${was} to ${is} %`);
  }
  return warnings;
}
