/**
 * The best evaluation of a training, and the count of those since that were no better.
 *
 * The count is that of EarlyStoppingCallback in transformers: it starts anew only where a score is better than the best one
 * by more than the threshold, while the best one is replaced by any better score. Many small gains can stop a training.
 */

import type { JsonObject } from '../core/json.js';
import type { EvalSettings } from './eval-options.js';

/** The best evaluation of a training. */
export interface BestScore {
  readonly step: number;
  readonly epoch: number;
  /** The value of `metricForBestModel`. */
  readonly value: number;
}

export class BestScores {
  best: BestScore | null = null;
  /** Evaluations in a row that were not better by more than the threshold. */
  misses = 0;
  private readonly settings: EvalSettings;

  constructor(settings: EvalSettings) {
    this.settings = settings;
  }

  /** Notes an evaluation; returns whether it is the best one so far. A score that is no finite number is never better. */
  add(score: BestScore): boolean {
    const { greaterIsBetter, earlyStoppingThreshold } = this.settings;
    const { best } = this;
    const gain = (greaterIsBetter ? 1 : -1) * (score.value - (best?.value ?? Number.NaN));
    const isFirst = best === null && Number.isFinite(score.value);
    const isBetter = isFirst || gain > 0;
    const counts =
      isBetter && (isFirst || Math.abs(score.value - (best?.value ?? 0)) > earlyStoppingThreshold);
    this.misses = counts ? 0 : this.misses + 1;
    if (isBetter) this.best = score;
    return isBetter;
  }

  /** Whether the training is to stop. */
  get isOver(): boolean {
    const { earlyStoppingPatience } = this.settings;
    return earlyStoppingPatience > 0 && this.misses >= earlyStoppingPatience;
  }

  toJson(): JsonObject {
    return { best: this.best === null ? null : { ...this.best }, misses: this.misses };
  }
}
