/** Early stopping against the counter of transformers after each evaluation. */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BestScores } from '../../lib/train/best-score.js';
import { readTrainOptions, TRAIN_OPTIONS } from '../../lib/train/train-options.js';

interface Case {
  readonly name: string;
  readonly greater_is_better: boolean;
  readonly patience: number;
  readonly threshold: number;
  readonly evaluations: readonly {
    readonly metric: number;
    readonly counter: number;
    readonly best_metric: number;
    readonly best_index: number;
    readonly stop: boolean;
  }[];
}

const { cases } = JSON.parse(
  readFileSync(new URL('../fixtures/training/early_stopping.json', import.meta.url), 'utf8'),
) as { readonly cases: readonly Case[] };

function scoresOf(options: object): BestScores {
  return new BestScores(readTrainOptions('train', options, TRAIN_OPTIONS));
}

describe('early stopping', () => {
  it.each(cases.map((one) => [one.name, one] as const))('%s', (_, one) => {
    const scores = scoresOf({
      greaterIsBetter: one.greater_is_better,
      earlyStoppingPatience: one.patience,
      earlyStoppingThreshold: one.threshold,
    });
    for (const [
      step,
      { metric, counter, best_metric, best_index, stop },
    ] of one.evaluations.entries()) {
      const isBest = scores.add({ step, epoch: 1, value: metric });
      expect([scores.misses, scores.isOver], `evaluation ${step}`).toEqual([counter, stop]);
      expect(scores.best).toEqual({ step: best_index, epoch: 1, value: best_metric });
      expect(isBest).toBe(best_index === step);
    }
  });

  it('takes a score without a value as no better', () => {
    const scores = scoresOf({ metricForBestModel: 'pearson', earlyStoppingPatience: 2 });
    const add = (value: number) => scores.add({ step: 1, epoch: 1, value });
    expect([Number.NaN, 0.5, Number.NaN].map(add)).toEqual([false, true, false]);
    expect(scores.isOver).toBe(false);
    expect(add(Number.NaN)).toBe(false);
    expect(scores.isOver).toBe(true);
    expect(scores.best?.value).toBe(0.5);
  });
});
