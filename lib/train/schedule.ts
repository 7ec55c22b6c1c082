/**
 * The learning rate of each step, as in the schedules of transformers: linear warm-up from 0, then linear decay or constant.
 *
 * Steps count from 0 here, so the first rate is 0 if there is a warm-up.
 */

export interface Schedule {
  readonly kind: 'linear' | 'constant';
  readonly learningRate: number;
  readonly warmupSteps: number;
  readonly totalSteps: number;
}

/** Number of warm-up steps. `warmup` below 1 is a share of all steps, rounded up; otherwise it is the number of steps. */
export function warmupSteps(warmup: number, totalSteps: number): number {
  return warmup < 1 ? Math.ceil(warmup * totalSteps) : warmup;
}

/** The learning rate of step `step`. */
export function learningRateAt(schedule: Schedule, step: number): number {
  const { kind, learningRate, warmupSteps: warmup, totalSteps } = schedule;
  if (step < warmup) return learningRate * (step / Math.max(1, warmup));
  if (kind === 'constant') return learningRate;
  return learningRate * Math.max(0, (totalSteps - step) / Math.max(1, totalSteps - warmup));
}
