/** The options of few-shot training about its first phase, which trains the encoder on pairs of rows; names are setfit's. */

import { rangeMistake } from '../core/errors.js';
import { readOptions } from '../core/options.js';

/** Which of all pairs of rows are trained on. */
export const SAMPLING_STRATEGIES = ['oversampling', 'undersampling', 'unique'] as const;

/** Name of a way to choose pairs. */
export type SamplingStrategy = (typeof SAMPLING_STRATEGIES)[number];

/** For `method: 'few-shot'`: how the encoder is trained on pairs of rows, before the head is trained on its vectors. */
export interface FewShotOptions {
  /**
   * Of all pairs of different rows: `oversampling` (default) takes each once, and pairs of the rarer kind (same label, or other
   * labels) again until there are as many of both; `undersampling` takes as many of both kinds as there are of the rarer one;
   * `unique` takes each pair once. The number of pairs grows with the square of the rows.
   */
  readonly samplingStrategy?: SamplingStrategy;
  /**
   * In place of `samplingStrategy`: for each row so many pairs with a random row of its label, and as many with a random row of
   * another label. The number of pairs grows with the rows. Default: all pairs, as `samplingStrategy` says.
   */
  readonly numIterations?: number;
  /** Passes over the pairs. Default: 1. */
  readonly numEpochs?: number;
  /** Ends the phase after so many steps. Default: no limit. */
  readonly maxSteps?: number;
  /** Pairs per step. Default: 16. */
  readonly batchSize?: number;
  /** Peak learning rate of the encoder. Default: 2e-5. */
  readonly bodyLearningRate?: number;
}

/** The options after their check. `numIterations`, `maxSteps` 0: none. */
export type FewShotSettings = Required<FewShotOptions>;

const OPTIONS = {
  samplingStrategy: true,
  numIterations: true,
  numEpochs: true,
  maxSteps: true,
  batchSize: true,
  bodyLearningRate: true,
} as const;

/** Checks the options. Throws TypeError or RangeError that names the option. */
export function readFewShotOptions(where: string, options: FewShotOptions = {}): FewShotSettings {
  const read = readOptions<FewShotOptions>(`${where}: fewShot`, options, OPTIONS);
  const numIterations = read.count('numIterations', 0);
  const samplingStrategy = read.choice('samplingStrategy', 'oversampling', SAMPLING_STRATEGIES);
  if (numIterations > 0 && options.samplingStrategy !== undefined) {
    const what = 'left out where numIterations says how many pairs are drawn';
    throw rangeMistake(`${where}: fewShot: samplingStrategy`, what, samplingStrategy);
  }
  return {
    samplingStrategy,
    numIterations,
    numEpochs: read.count('numEpochs', 1),
    maxSteps: read.count('maxSteps', 0),
    batchSize: read.count('batchSize', 16),
    bodyLearningRate: read.positive('bodyLearningRate', 2e-5),
  };
}
