/**
 * What a compression does to single classes and to probabilities: an unchanged accuracy can hide a class that is lost.
 *
 * The rule: of many classes some change by chance, so a class is warned of only where the test holds for all of them together.
 */

import { calibrationError, mcnemar, reliability } from '../metrics/index.js';
import type { Outcome } from './outcome.js';

/** One class before and after. Shares are from 0 to 1; recall is null for a class without rows, precision for one never given. */
export interface ClassChange {
  readonly name: string;
  /** Rows of the class. */
  readonly rows: number;
  readonly recall: ScoreChange;
  readonly precision: ScoreChange;
  readonly f1: ScoreChange;
  /** Of the class's rows, those that only the original and that only the candidate gets right. */
  readonly rightToWrong: number;
  readonly wrongToRight: number;
}

/** A score before and after; null as in `ClassChange`. */
export interface ScoreChange {
  readonly original: number | null;
  readonly candidate: number | null;
}

/** Expected calibration errors in 15 bins, 0 to 1. */
export interface CalibrationChange {
  readonly original: number;
  readonly candidate: number;
}

interface Counts {
  actual: number;
  predicted: number;
  right: number;
}

/** Every class that has rows or predictions, in the order of their numbers. */
export function classChanges(original: Outcome, candidate: Outcome): ClassChange[] {
  const [a, b] = [original.classes, candidate.classes];
  if (a === undefined || b === undefined) return [];
  const countsOf = ({ truth, predicted, names }: typeof a): Counts[] => {
    const counts = names.map(() => ({ actual: 0, predicted: 0, right: 0 }));
    truth.forEach((label, row) => {
      const [own, given] = [counts[label], counts[predicted[row] ?? -1]];
      if (own) own.actual++;
      if (given) given.predicted++;
      if (own && own === given) own.right++;
    });
    return counts;
  };
  const [before, after] = [countsOf(a), countsOf(b)];
  const flips = a.names.map(() => ({ rightToWrong: 0, wrongToRight: 0 }));
  a.truth.forEach((label, row) => {
    const flip = flips[label];
    const [was, is] = [a.predicted[row] === label, b.predicted[row] === label];
    if (flip && was && !is) flip.rightToWrong++;
    if (flip && !was && is) flip.wrongToRight++;
  });
  const share = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole);
  return a.names.flatMap((name, i) => {
    const [was, is, flip] = [before[i], after[i], flips[i]];
    if (!was || !is || !flip || was.actual + was.predicted + is.predicted === 0) return [];
    const both = (of: (counts: Counts) => number | null): ScoreChange => ({
      original: of(was),
      candidate: of(is),
    });
    return [
      {
        ...{ name, rows: was.actual, ...flip },
        recall: both((one) => share(one.right, one.actual)),
        precision: both((one) => share(one.right, one.predicted)),
        f1: both((one) => share(2 * one.right, one.actual + one.predicted)),
      },
    ];
  });
}

/** Warnings of classes that lost rows beyond chance (McNemar's exact test, Bonferroni over classes), or all of at least three. */
export function lostClasses(classes: readonly ClassChange[], confidence: number): string[] {
  return classes.flatMap(({ name, recall, rightToWrong, wrongToRight }) => {
    const { exactP } = mcnemar(rightToWrong, wrongToRight);
    const isLost = recall.candidate === 0 && rightToWrong >= 3;
    const isWorse = rightToWrong > wrongToRight && exactP * classes.length < 1 - confidence;
    if (!isLost && !isWorse) return [];
    const [was, is] = [recall.original, recall.candidate].map((x) => ((x ?? 0) * 100).toFixed(1));
    return [`class ${JSON.stringify(name)} is hit: recall ${was} to ${is} %`];
  });
}

/** null unless both outcomes say of every row whether it is right and how probable its label was. */
export function calibrationChange(original: Outcome, candidate: Outcome): CalibrationChange | null {
  const of = ({ probabilities, right }: Outcome): number | null => {
    if (probabilities === undefined || right === undefined) return null;
    return calibrationError(
      reliability(
        probabilities,
        Array.from(right, (one) => one === 1),
      ),
    );
  };
  const [before, after] = [of(original), of(candidate)];
  return before === null || after === null ? null : { original: before, candidate: after };
}
