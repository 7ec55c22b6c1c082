/** The options of a training that use its held-out rows: when they are measured, when to stop, and what to keep. */

import type { OptionReader } from '../core/options.js';

export interface EvalOptions {
  /** Evaluates after every so many steps instead of after each epoch, and at the end. Default: after each epoch. */
  readonly evalSteps?: number;
  /**
   * The score that is compared, by its name in the report (`accuracy`, `macroF1` ...). Default: `loss`; for an encoder, by the
   * rows, `spearman`, `averagePrecision`, `ndcg` or `accuracy`.
   */
  readonly metricForBestModel?: string;
  /** Whether more of that score is better. Default: false for names that end in `loss` or `error`, in any case; else true. */
  readonly greaterIsBetter?: boolean;
  /** At the end the model gets the weights of the best evaluation instead of the last ones. Default: false. */
  readonly loadBestModelAtEnd?: boolean;
  /** Stops when so many evaluations in a row were not better than the best one. Default: the training does not stop early. */
  readonly earlyStoppingPatience?: number;
  /** A score counts as better for the patience only if it is better by more than this. Default: 0. */
  readonly earlyStoppingThreshold?: number;
}

export const EVAL_OPTIONS = {
  evalSteps: true,
  metricForBestModel: true,
  greaterIsBetter: true,
  loadBestModelAtEnd: true,
  earlyStoppingPatience: true,
  earlyStoppingThreshold: true,
} as const;

/** The checked options; 0 steps or patience: none. */
export type EvalSettings = Required<EvalOptions>;

export function readEvalOptions(read: OptionReader<EvalOptions>): EvalSettings {
  const metricForBestModel = read.text('metricForBestModel', 'loss');
  return {
    evalSteps: read.count('evalSteps', 0),
    metricForBestModel,
    greaterIsBetter: read.boolean('greaterIsBetter', !/(loss|error)$/i.test(metricForBestModel)),
    loadBestModelAtEnd: read.boolean('loadBestModelAtEnd', false),
    earlyStoppingPatience: read.count('earlyStoppingPatience', 0),
    earlyStoppingThreshold: read.nonNegative('earlyStoppingThreshold', 0),
  };
}

/** The settings with `metric`, of which more is better, as the score that is compared where the options name none. */
export function withMetric<T extends EvalSettings>(
  settings: T,
  options: EvalOptions,
  metric: string | undefined,
): T {
  if (metric === undefined || options.metricForBestModel !== undefined) return settings;
  const greaterIsBetter = options.greaterIsBetter ?? true;
  return { ...settings, metricForBestModel: metric, greaterIsBetter };
}

/** Throws RangeError if an option needs held-out rows. */
export function checkNeedsRows(where: string, options: EvalOptions, hasRows: boolean): void {
  if (hasRows) return;
  const name = Object.keys(EVAL_OPTIONS).find(
    (option) => ![undefined, false].includes(options[option as keyof EvalOptions] as undefined),
  );
  if (name === undefined) return;
  throw new RangeError(`${where}: ${name} needs eval, the held-out rows that it is about`);
}
