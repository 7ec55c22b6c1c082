/** What a training tells of itself on the way: the caller's functions, and the log files. */

import { type KnownOptions, readOptions } from '../core/options.js';
import { readLogOptions } from '../train/log-options.js';
import type { TrainRequest } from '../train/train-model.js';
import type { TrainOptions } from '../train/train-options.js';
import type { ModelTrainOptions } from './trainable-model.js';

/** The hooks that the options ask for. Throws TypeError or RangeError that names an option. */
export function readTrainHooks<Row, S, O extends ModelTrainOptions<Row, S>>(
  where: string,
  options: O,
  known: KnownOptions<O>,
): TrainRequest<S>['hooks'] {
  const read = readOptions<ModelTrainOptions<Row, S>>(where, options, known as never);
  return {
    onStep: read.callback('onStep'),
    onEpoch: read.callback('onEpoch'),
    onEvaluation: read.callback('onEvaluation'),
    logs: readLogOptions<TrainOptions>(where, options, known as never),
  };
}
