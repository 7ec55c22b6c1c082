/**
 * Options of `sinter train` that say which weights are trained: all, the head, or low-rank adapters.
 */
import { type Command, Option } from 'commander';
import { type MethodOption, TRAIN_METHODS, type TrainMethod } from '../models/train-method.js';
import {
  type FewShotOptions,
  SAMPLING_STRATEGIES,
  type SamplingStrategy,
} from '../train/few-shot-options.js';
import { given, positiveNumber, realNumber, usageMistake, wholeNumber } from './arguments.js';
import { flagOf } from './option-names.js';

export interface MethodFlags {
  readonly method?: TrainMethod;
  readonly loraR?: number;
  readonly loraAlpha?: number;
  readonly loraDropout?: number;
  readonly loraTargets?: 'all-linear' | readonly string[];
  readonly adapter?: boolean;
  readonly fewShotSamplingStrategy?: SamplingStrategy;
  readonly fewShotNumIterations?: number;
  readonly fewShotNumEpochs?: number;
  readonly fewShotMaxSteps?: number;
  readonly fewShotBatchSize?: number;
  readonly fewShotBodyLearningRate?: number;
}

export function withMethod(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--method <kind>',
        'full: all weights; head: the encoder stays as it is, and its vectors are computed once (in seconds; for ' +
          'classification, multi-label, regression, pairs); lora: low-rank adapters and the head; few-shot: for few ' +
          'rows, the encoder on pairs of rows, then the head (classification, multi-label)',
      ).choices(TRAIN_METHODS),
    )
    .option('--lora-r <n>', '--method lora: rank of the adapters (default: 8)', wholeNumber(1))
    .option('--lora-alpha <x>', '--method lora: scale times the rank (default: 16)', positiveNumber)
    .option(
      '--lora-dropout <x>',
      '--method lora: dropout of their inputs (default: 0)',
      realNumber('a number from 0, below 1', (value) => value >= 0 && value < 1),
    )
    .option(
      '--lora-targets <names>',
      '--method lora: ends of the names of modules, with commas (default: all-linear)',
      (text) => (text === 'all-linear' ? text : text.split(',')),
    )
    .option(
      '--adapter',
      '--method lora: write the adapters alone too, into the folder adapter inside',
    )
    .addOption(
      new Option(
        '--few-shot-sampling-strategy <kind>',
        '--method few-shot: which of all pairs (default: oversampling)',
      ).choices(SAMPLING_STRATEGIES),
    )
    .option(
      '--few-shot-num-iterations <n>',
      '--method few-shot: for each row so many pairs of each kind, instead of all pairs',
      wholeNumber(1),
    )
    .option(
      '--few-shot-num-epochs <n>',
      '--method few-shot: passes over the pairs (default: 1)',
      wholeNumber(1),
    )
    .option(
      '--few-shot-max-steps <n>',
      '--method few-shot: the most steps over pairs',
      wholeNumber(1),
    )
    .option(
      '--few-shot-batch-size <n>',
      '--method few-shot: pairs per step (default: 16)',
      wholeNumber(1),
    )
    .option(
      '--few-shot-body-learning-rate <x>',
      '--method few-shot: learning rate of the encoder (default: 2e-5)',
      positiveNumber,
    );
}

function fewShotOf(flags: MethodFlags): FewShotOptions {
  return given({
    samplingStrategy: flags.fewShotSamplingStrategy,
    numIterations: flags.fewShotNumIterations,
    numEpochs: flags.fewShotNumEpochs,
    maxSteps: flags.fewShotMaxSteps,
    batchSize: flags.fewShotBatchSize,
    bodyLearningRate: flags.fewShotBodyLearningRate,
  });
}

/** The options of `train` that the flags say. A usage mistake where a flag is for another method. */
export function methodOf(flags: MethodFlags): MethodOption {
  const { method, adapter, loraR: r, loraAlpha: alpha } = flags;
  const { loraDropout: dropout, loraTargets: targets } = flags;
  const lora = given({ r, alpha, dropout, targets });
  const isEmpty = Object.keys(lora).length === 0;
  if (method !== 'lora' && (adapter === true || !isEmpty)) {
    const flag = adapter === true ? '--adapter' : `--lora-${Object.keys(lora)[0]}`;
    throw usageMistake(`${flag} is for --method lora`);
  }
  const fewShot = fewShotOf(flags);
  const [first] = Object.keys(fewShot);
  if (method !== 'few-shot' && first !== undefined)
    throw usageMistake(`--few-shot${flagOf(first).slice(1)} is for --method few-shot`);
  return {
    ...(method !== undefined && { method }),
    ...(!isEmpty && { lora }),
    ...(first !== undefined && { fewShot }),
  };
}
