/**
 * The learning rate of each step, as the schedules of transformers give it: linear warm-up from 0, then down or level.
 *
 * Steps count from 0 here; with a warm-up the first rate is 0.
 */

export interface Schedule {
  readonly kind: 'linear' | 'constant';
  readonly learningRate: number;
  readonly warmupSteps: number;
  readonly totalSteps: number;
}

/** Steps of warm-up: a share of all steps below 1, rounded up; else a number of steps. */
export function warmupSteps(warmup: number, totalSteps: number): number {
  return warmup < 1 ? Math.ceil(warmup * totalSteps) : warmup;
}

/** The rate that step `step` uses. */
export function learningRateAt(schedule: Schedule, step: number): number {
  const { kind, learningRate, warmupSteps: warmup, totalSteps } = schedule;
  if (step < warmup) return learningRate * (step / Math.max(1, warmup));
  if (kind === 'constant') return learningRate;
  return learningRate * Math.max(0, (totalSteps - step) / Math.max(1, totalSteps - warmup));
}
