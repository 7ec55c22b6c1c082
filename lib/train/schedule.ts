/**
 * The learning rate of each step, as in the schedules of transformers: linear warm-up from 0, then the curve of a kind.
 * `one_cycle` is that of PyTorch and has a warm-up of its own.
 *
 * Steps count from 0 here, so the first rate is 0 if there is a warm-up.
 */

import { rangeMistake, typeMistake } from '../core/errors.js';

/** Kinds of schedules, by the names of transformers and of PyTorch (`one_cycle`). */
export type ScheduleKind =
  | 'linear'
  | 'constant'
  | 'cosine'
  | 'cosine_with_restarts'
  | 'polynomial'
  | 'inverse_sqrt'
  | 'one_cycle';

/** A schedule with its numbers, each of which has a default. */
export type ScheduleOptions =
  | { readonly kind: 'linear' | 'constant' }
  /** `numCycles`: waves of the cosine until the end. Default: 0.5, from the peak to 0. */
  | { readonly kind: 'cosine'; readonly numCycles?: number }
  /** `numCycles`: falls from the peak to 0, a whole number. Default: 1. */
  | { readonly kind: 'cosine_with_restarts'; readonly numCycles?: number }
  /** `power` of the share of steps that are left (default: 1), and the rate at the end (default: 1e-7). */
  | {
      readonly kind: 'polynomial';
      readonly power?: number;
      readonly endLearningRate?: number;
    }
  /** `timescale`: steps that the rate is inverse to the root of. Default: the warm-up steps, or 10,000 without any. */
  | { readonly kind: 'inverse_sqrt'; readonly timescale?: number }
  /** Begins at the peak / `divFactor` (default: 25), ends at that / `finalDivFactor` (default: 10,000). */
  | {
      readonly kind: 'one_cycle';
      readonly divFactor?: number;
      readonly finalDivFactor?: number;
    };

export interface Schedule {
  readonly kind: ScheduleKind;
  readonly learningRate: number;
  readonly warmupSteps: number;
  readonly totalSteps: number;
  /** The numbers of the kind; those left out have their defaults. */
  readonly numbers?: Readonly<Record<string, number>>;
}

interface ScheduleRow {
  readonly numbers: Readonly<Record<string, { what: string; accept: (value: number) => boolean }>>;
  /** true: the curve covers the warm-up too. */
  readonly ownWarmup?: boolean;
  /** The learning rate of a step after the warm-up. */
  readonly rate: (
    schedule: Schedule,
    step: number,
    numbers: Readonly<Record<string, number>>,
  ) => number;
}

const positive = { what: 'a positive number', accept: (value: number) => value > 0 };
const fromZero = { what: 'a number from 0', accept: (value: number) => value >= 0 };
const whole = {
  what: 'a whole number from 1',
  accept: (value: number) => Number.isSafeInteger(value) && value >= 1,
};

/** The share of the steps after the warm-up that are over. */
function progressOf({ warmupSteps: warmup, totalSteps }: Schedule, step: number): number {
  return (step - warmup) / Math.max(1, totalSteps - warmup);
}

/** From `start` to `end` along half a wave of a cosine; `share` from 0 to 1. */
function anneal(start: number, end: number, share: number): number {
  return end + ((start - end) / 2) * (1 + Math.cos(Math.PI * Math.min(1, share)));
}

const SCHEDULES: Readonly<Record<ScheduleKind, ScheduleRow>> = {
  linear: {
    numbers: {},
    rate: ({ learningRate, warmupSteps: warmup, totalSteps }, step) =>
      learningRate * Math.max(0, (totalSteps - step) / Math.max(1, totalSteps - warmup)),
  },
  constant: { numbers: {}, rate: ({ learningRate }) => learningRate },
  cosine: {
    numbers: { numCycles: positive },
    rate: (schedule, step, { numCycles = 0.5 }) => {
      const angle = Math.PI * numCycles * 2 * progressOf(schedule, step);
      return schedule.learningRate * Math.max(0, 0.5 * (1 + Math.cos(angle)));
    },
  },
  cosine_with_restarts: {
    numbers: { numCycles: whole },
    rate: (schedule, step, { numCycles = 1 }) => {
      const progress = progressOf(schedule, step);
      if (progress >= 1) return 0;
      const angle = Math.PI * ((numCycles * progress) % 1);
      return schedule.learningRate * Math.max(0, 0.5 * (1 + Math.cos(angle)));
    },
  },
  polynomial: {
    numbers: { power: positive, endLearningRate: fromZero },
    rate: (schedule, step, { power = 1, endLearningRate = 1e-7 }) => {
      if (step >= schedule.totalSteps) return endLearningRate;
      const left = 1 - progressOf(schedule, step);
      return (schedule.learningRate - endLearningRate) * left ** power + endLearningRate;
    },
  },
  inverse_sqrt: {
    numbers: { timescale: positive },
    rate: ({ learningRate, warmupSteps: warmup }, step, { timescale = warmup || 10_000 }) =>
      learningRate / Math.sqrt((step + timescale - warmup) / timescale),
  },
  one_cycle: {
    numbers: { divFactor: positive, finalDivFactor: positive },
    ownWarmup: true,
    rate: (
      { learningRate, warmupSteps: warmup, totalSteps },
      step,
      { divFactor = 25, finalDivFactor = 1e4 },
    ) => {
      const first = learningRate / divFactor;
      const peak = Math.max(0, warmup - 1);
      if (step < peak) return anneal(first, learningRate, step / peak);
      const share = (step - peak) / Math.max(1, totalSteps - 1 - peak);
      return anneal(learningRate, first / finalDivFactor, share);
    },
  },
};

export const SCHEDULE_KINDS = Object.keys(SCHEDULES) as ScheduleKind[];

/** Number of warm-up steps. `warmup` below 1 is a share of all steps, rounded up; otherwise it is the number of steps. */
export function warmupSteps(warmup: number, totalSteps: number): number {
  return warmup < 1 ? Math.ceil(warmup * totalSteps) : warmup;
}

/** The learning rate of step `step`. */
export function learningRateAt(schedule: Schedule, step: number): number {
  const { kind, learningRate, warmupSteps: warmup, numbers = {} } = schedule;
  const row = SCHEDULES[kind];
  if (step < warmup && row.ownWarmup !== true) return learningRate * (step / Math.max(1, warmup));
  return row.rate(schedule, step, numbers);
}

/** The kind and the numbers of a schedule option. */
export function scheduleParts(schedule: ScheduleKind | ScheduleOptions) {
  const { kind, ...numbers } = typeof schedule === 'string' ? { kind: schedule } : schedule;
  return { kind, numbers: numbers as Readonly<Record<string, number>> };
}

/** Checks a schedule option: a kind, or an object of a kind and its numbers. Throws TypeError or RangeError that names it. */
export function readSchedule(where: string, value: unknown): ScheduleKind | ScheduleOptions {
  const kinds = SCHEDULE_KINDS.map((kind) => JSON.stringify(kind)).join(', ');
  const what = `one of ${kinds}, or an object with such a kind`;
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (typeof value !== 'string' && !isObject) throw typeMistake(where, what, value);
  const { kind, ...given } = (isObject ? value : { kind: value }) as Record<string, unknown>;
  const known = SCHEDULE_KINDS.find((one) => one === kind);
  if (known === undefined) throw rangeMistake(isObject ? `${where}.kind` : where, what, kind);
  const { numbers } = SCHEDULES[known];
  for (const [name, number] of Object.entries(given)) {
    const check = Object.hasOwn(numbers, name) ? numbers[name] : undefined;
    if (check === undefined) {
      const names = Object.keys(numbers).join(' and ') || 'no numbers';
      throw new TypeError(`${where}: ${known} has no ${JSON.stringify(name)}; it has ${names}`);
    }
    const at = `${where}.${name}`;
    if (typeof number !== 'number') throw typeMistake(at, check.what, number);
    if (!Number.isFinite(number) || !check.accept(number))
      throw rangeMistake(at, check.what, number);
  }
  return value as ScheduleKind | ScheduleOptions;
}
