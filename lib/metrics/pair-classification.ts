/**
 * Scores of a similarity that decides between two kinds of pairs: those that belong together and others.
 *
 * The rule: pairs with equal similarities are on the same side of every threshold.
 */
import { rangeMistake } from '../core/errors.js';
import { checkColumns } from './labels.js';
import type { Numbers } from './regression.js';

/** A threshold and the scores of saying "together" from it on. */
export interface ThresholdScores {
  readonly threshold: number;
  readonly accuracy: number;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

/** How well a similarity tells pairs apart, with the best thresholds. */
export interface PairClassificationScores {
  /** Average precision: sum over the thresholds of (recall - last recall) * precision, as in scikit-learn. */
  readonly averagePrecision: number;
  /** The threshold with the best accuracy. */
  readonly bestAccuracy: ThresholdScores;
  /** The threshold with the best F1. */
  readonly bestF1: ThresholdScores;
}

/**
 * Scores of similarities against labels (1 or true: the pair belongs together). Thresholds lie in the middle between two
 * neighbouring similarities. RangeError unless both kinds of pairs occur.
 */
export function pairClassification(
  labels: readonly (0 | 1 | boolean)[],
  similarities: Numbers,
): PairClassificationScores {
  checkColumns(labels, similarities);
  const order = Array.from({ length: similarities.length }, (_, i) => i);
  order.sort((i, j) => (similarities[j] ?? 0) - (similarities[i] ?? 0));
  const positives = labels.filter(Boolean).length;
  if (positives === 0 || positives === labels.length) {
    throw rangeMistake('labels', 'of both kinds', positives === 0 ? 'only 0' : 'only 1');
  }
  const cuts: ThresholdScores[] = [];
  let [truePositive, averagePrecision, lastRecall] = [0, 0, 0];
  for (const [at, i] of order.entries()) {
    truePositive += labels[i] ? 1 : 0;
    const here = similarities[i] ?? 0;
    const next = order[at + 1];
    const below = next === undefined ? here : (similarities[next] ?? 0);
    if (next !== undefined && below === here) continue;
    const counts = { truePositive, predicted: at + 1, positives, pairs: labels.length };
    const cut = scoresAt((here + below) / 2, counts);
    averagePrecision += (cut.recall - lastRecall) * cut.precision;
    lastRecall = cut.recall;
    cuts.push(cut);
  }
  const best = (score: (cut: ThresholdScores) => number) =>
    cuts.reduce((top, cut) => (score(cut) > score(top) ? cut : top));
  return {
    averagePrecision,
    bestAccuracy: best(({ accuracy }) => accuracy),
    bestF1: best(({ f1 }) => f1),
  };
}

function scoresAt(
  threshold: number,
  counts: {
    readonly truePositive: number;
    readonly predicted: number;
    readonly positives: number;
    readonly pairs: number;
  },
): ThresholdScores {
  const { truePositive, predicted, positives, pairs } = counts;
  const wrong = predicted - truePositive + (positives - truePositive);
  return {
    threshold,
    accuracy: (pairs - wrong) / pairs,
    precision: truePositive / predicted,
    recall: truePositive / positives,
    f1: (2 * truePositive) / (predicted + positives),
  };
}
