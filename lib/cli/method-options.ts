/**
 * Options of `sinter train` that say which weights are trained: all, the head, or adapters.
 */
import { type Command, Option } from 'commander';
import {
  BOTTLENECK_KINDS,
  type BottleneckKind,
  type BottleneckOptions,
  type Ia3Options,
  type LoraOptions,
} from '../graph/adapter-options.js';
import { ACTIVATION_KINDS } from '../graph/types.js';
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
  /** Of a configuration file; the flags are put over them. */
  readonly lora?: LoraOptions;
  readonly ia3?: Ia3Options;
  readonly bottleneck?: BottleneckOptions;
  readonly fewShot?: FewShotOptions;
  readonly ia3Targets?: readonly string[];
  readonly ia3Feedforward?: readonly string[];
  readonly bottleneckKind?: BottleneckKind;
  readonly bottleneckSize?: number;
  readonly bottleneckReductionFactor?: number;
  readonly bottleneckActivation?: NonNullable<BottleneckOptions['activation']>;
  readonly adapter?: boolean;
  readonly fewShotSamplingStrategy?: SamplingStrategy;
  readonly fewShotNumIterations?: number;
  readonly fewShotNumEpochs?: number;
  readonly fewShotMaxSteps?: number;
  readonly fewShotBatchSize?: number;
  readonly fewShotBodyLearningRate?: number;
}

/** Names of a flag, which commas separate. */
export const namesOf = (text: string): readonly string[] =>
  text.split(',').map((name) => name.trim());

export function withMethod(command: Command): Command {
  return withFewShot(withAdapters(command));
}

function withAdapters(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--method <kind>',
        'full: all weights; head: the encoder stays as it is, and its vectors are computed once (in seconds; for ' +
          'classification, multi-label, regression, pairs); lora, ia3: low-rank adapters or vectors beside the ' +
          'matrices, and the head; bottleneck: bottleneck adapters inside the layers, and the head; few-shot: for few ' +
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
      (text) => (text === 'all-linear' ? text : namesOf(text)),
    )
    .option(
      '--ia3-targets <names>',
      '--method ia3: as --lora-targets (default: key,value,output.dense)',
      namesOf,
    )
    .option(
      '--ia3-feedforward <names>',
      '--method ia3: those of them whose input is multiplied (default: output.dense)',
      namesOf,
    )
    .addOption(
      new Option(
        '--bottleneck-kind <kind>',
        '--method bottleneck: where they are (default: pfeiffer)',
      ).choices(BOTTLENECK_KINDS),
    )
    .option(
      '--bottleneck-reduction-factor <x>',
      '--method bottleneck: width of the layers divided by that of the adapters (default: 16)',
      positiveNumber,
    )
    .option('--bottleneck-size <n>', '--method bottleneck: their width itself', wholeNumber(1))
    .addOption(
      new Option('--bottleneck-activation <kind>', '--method bottleneck: (default: relu)').choices(
        ACTIVATION_KINDS.filter((kind) => kind !== 'none'),
      ),
    )
    .option(
      '--adapter',
      '--method lora, ia3, bottleneck: write the adapters alone too, into the folder adapter inside',
    );
}

/** Flags of `--method few-shot`. */
function withFewShot(command: Command): Command {
  return command
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
  const { method, adapter } = flags;
  const options = {
    lora: {
      ...flags.lora,
      ...given({
        r: flags.loraR,
        alpha: flags.loraAlpha,
        dropout: flags.loraDropout,
        targets: flags.loraTargets,
      }),
    },
    ia3: {
      ...flags.ia3,
      ...given({ targets: flags.ia3Targets, feedforward: flags.ia3Feedforward }),
    },
    bottleneck: {
      ...flags.bottleneck,
      ...given({
        kind: flags.bottleneckKind,
        size: flags.bottleneckSize,
        reductionFactor: flags.bottleneckReductionFactor,
        activation: flags.bottleneckActivation,
      }),
    },
    fewShot: { ...flags.fewShot, ...fewShotOf(flags) },
  };
  for (const [name, set] of Object.entries(options)) {
    const [first] = Object.keys(set);
    const own = flagOf(name).slice(2);
    if (first !== undefined && method !== own)
      throw usageMistake(`--${own}-${flagOf(first).slice(2)} is for --method ${own}`);
  }
  if (adapter === true && (method === undefined || !Object.hasOwn(options, method)))
    throw usageMistake('--adapter is for --method lora, ia3 and bottleneck');
  const own = Object.entries(options).filter(([, set]) => Object.keys(set).length > 0);
  return { ...(method !== undefined && { method }), ...Object.fromEntries(own) };
}
