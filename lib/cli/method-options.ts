/**
 * Options of `sinter train` that say which weights are trained: all, the head, or low-rank adapters.
 */
import { type Command, Option } from 'commander';
import type { LoraOptions } from '../graph/adapter-options.js';
import { type MethodOption, TRAIN_METHODS, type TrainMethod } from '../models/trainable-model.js';
import { given, positiveNumber, realNumber, usageMistake, wholeNumber } from './arguments.js';

export interface MethodFlags {
  readonly method?: TrainMethod;
  readonly loraR?: number;
  readonly loraAlpha?: number;
  readonly loraDropout?: number;
  readonly loraTargets?: 'all-linear' | readonly string[];
  /** Of a configuration file; the flags are put over it. */
  readonly lora?: LoraOptions;
  readonly adapter?: boolean;
}

export function withMethod(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--method <kind>',
        'full: all weights; head: the encoder stays as it is, and its vectors are computed once (in seconds; for ' +
          'classification, multi-label, regression, pairs); lora: low-rank adapters and the head',
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
    );
}

/** The options of `train` that the flags say. A usage mistake where a flag is for another method. */
export function methodOf(flags: MethodFlags): MethodOption {
  const { method, adapter, loraR: r, loraAlpha: alpha } = flags;
  const { loraDropout: dropout, loraTargets: targets } = flags;
  const own = given({ r, alpha, dropout, targets });
  const lora = { ...flags.lora, ...own };
  const isEmpty = Object.keys(lora).length === 0;
  if (method !== 'lora' && (adapter === true || !isEmpty)) {
    const flag = adapter === true ? '--adapter' : `--lora-${Object.keys(lora)[0]}`;
    throw usageMistake(`${flag} is for --method lora`);
  }
  return { ...(method !== undefined && { method }), ...(!isEmpty && { lora }) };
}
