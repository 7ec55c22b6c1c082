/** The time of a compression: its limit, its stages, and what a progress line says. */

import type { CompressProgress, CompressStage } from './progress.js';

/** About how much of the whole work a stage is; measured on classifiers of MiniLM with some thousand rows. */
const WEIGHTS: Readonly<Record<CompressStage, number>> = {
  original: 2,
  vocabulary: 2,
  latency: 5,
  depth: 5,
  importance: 6,
  candidates: 5,
  recovery: 65,
  precision: 6,
  verdict: 4,
};

export class Clock {
  readonly stages: { stage: CompressStage; seconds: number }[] = [];
  private readonly begin = performance.now();
  /** Whether something was left out because the time was over. */
  isCutShort = false;
  private current: { readonly stage: CompressStage; readonly begin: number } | null = null;
  private finished = 0;

  constructor(
    private readonly budgetMs: number,
    private readonly onProgress: (progress: CompressProgress) => void,
    private readonly planned: readonly CompressStage[],
  ) {}

  /** Whether the time for the search is over. */
  get isOver(): boolean {
    return performance.now() - this.begin > this.budgetMs;
  }

  /** Whether what comes next must be left out because the time is over. What is left out is remembered. */
  mustStop(): boolean {
    if (this.isOver) this.isCutShort = true;
    return this.isOver;
  }

  get seconds(): number {
    return (performance.now() - this.begin) / 1000;
  }

  /** Runs a stage. */
  async run<T>(stage: CompressStage, work: () => Promise<T>): Promise<T> {
    const begin = performance.now();
    const outer = this.current;
    this.current = { stage, begin };
    try {
      return await work();
    } finally {
      this.current = outer;
      const seconds = (performance.now() - begin) / 1000;
      const known = this.stages.find((one) => one.stage === stage);
      if (known === undefined) {
        this.stages.push({ stage, seconds });
        this.finished += WEIGHTS[stage];
      } else known.seconds += seconds;
    }
  }

  /** Tells what was found; `done`: share of the present stage. */
  say(message: string, done: number | null = null): void {
    const stage = this.current?.stage ?? 'original';
    const all = this.planned.reduce((sum, one) => sum + WEIGHTS[one], 0);
    const isCounted = this.stages.some((one) => one.stage === stage);
    const own = isCounted ? 0 : (done ?? 0) * WEIGHTS[stage];
    const total = Math.min(1, (this.finished + own) / all);
    const { seconds } = this;
    const secondsLeft = total > 0.05 ? (seconds * (1 - total)) / total : null;
    this.onProgress({ stage, message, done, total, seconds, secondsLeft });
  }
}
