/** The flags of `sinter train` that say how it optimizes, when it ends and what it keeps, and their meaning for the library. */

import { relative, resolve, sep } from 'node:path';
import { type Command, Option } from 'commander';
import { OPTIMIZER_KINDS } from '../native/training.js';
import { SCHEDULE_KINDS } from '../train/schedule.js';
import type { TrainOptions } from '../train/train-options.js';
import type { TrainReport } from '../train/train-report.js';
import {
  given,
  numberFromZero,
  positiveNumber,
  realNumber,
  usageMistake,
  wholeNumber,
} from './arguments.js';
import { flagOf } from './option-names.js';
import { withStreaming } from './train-rows.js';

/** Options of the library that are flags of the same name. */
const NAMES = [
  'schedule',
  'optimizer',
  'maxGradNorm',
  'maxGradValue',
  'beta1',
  'beta2',
  'epsilon',
  'momentum',
  'nesterov',
  'shuffle',
  'streaming',
  'shuffleBuffer',
  'groupByLength',
  'gradientAccumulationSteps',
  'maxSteps',
  'freeze',
  'trainable',
  'layerDecay',
  'averageDecay',
  'evalSteps',
  'metricForBestModel',
  'greaterIsBetter',
  'loadBestModelAtEnd',
  'earlyStoppingPatience',
  'earlyStoppingThreshold',
  'saveTo',
  'saveEvery',
  'saveTotalLimit',
  'resume',
  'logTo',
  'tensorboard',
  'loggingSteps',
] as const satisfies readonly (keyof TrainOptions)[];

export type TrainControl = Pick<TrainOptions, (typeof NAMES)[number]>;

const share = realNumber('a number from 0, below 1', (value) => value >= 0 && value < 1);
const factor = realNumber('a number above 0, at most 1', (value) => value > 0 && value <= 1);

export function withTrainControl(command: Command): Command {
  return withStreaming(command)
    .addOption(
      new Option('--schedule <kind>', 'of the learning rate')
        .choices(SCHEDULE_KINDS)
        .default('linear'),
    )
    .addOption(
      new Option('--optimizer <kind>', 'rule of the steps (default: adamw)').choices(
        OPTIMIZER_KINDS,
      ),
    )
    .option('--beta1 <x>', 'adamw, adam, lamb, lion: decay of the mean of gradients', share)
    .option('--beta2 <x>', 'of the mean of their squares; lion: of the mean that is kept', share)
    .option(
      '--epsilon <x>',
      'adamw, adam, lamb: is added to the root of the squares',
      positiveNumber,
    )
    .option('--momentum <x>', 'sgd (default: 0.9)', share)
    .option('--nesterov', "sgd: Nesterov's momentum")
    .option('--no-shuffle', 'take the rows in the order of the file in every epoch')
    .option('--group-by-length', 'batches of texts of similar length')
    .option('--max-grad-norm <x>', 'norm that gradients are clipped to; 0: none', numberFromZero)
    .option('--max-grad-value <x>', 'limit of every number of the gradients', positiveNumber)
    .option('--gradient-accumulation-steps <n>', 'batches of one step', wholeNumber(1))
    .option('--max-steps <n>', 'end after so many steps, whatever --epochs says', wholeNumber(1))
    .option(
      '--freeze <list>',
      'parts that stay: embeddings,encoder,layer.0,head or names of weights',
      (text) => text.split(',').map((part) => part.trim()),
    )
    .addOption(
      new Option('--trainable <what>', 'biases: only they and the head change').choices([
        'all',
        'biases',
      ]),
    )
    .option('--layer-decay <x>', 'learning rate of each layer against the next one', factor)
    .option('--average-decay <x>', 'average the weights over the steps with this decay', share)
    .option('--eval-steps <n>', 'evaluate every so many steps, not each epoch', wholeNumber(1))
    .option('--metric-for-best-model <name>', 'score to compare evaluations by (default: loss)')
    .option('--greater-is-better', 'more of that score is better, whatever its name')
    .option('--load-best-model-at-end', 'keep the weights of the best evaluation')
    .option(
      '--early-stopping-patience <n>',
      'stop after so many evaluations in a row that were no better',
      wholeNumber(1),
    )
    .option('--early-stopping-threshold <x>', 'better by at most this is no better', numberFromZero)
    .option('--save-to <dir>', 'folder for checkpoints of the training')
    .option('--save-every <n>', 'steps between checkpoints (default: each epoch)', wholeNumber(1))
    .option('--save-total-limit <n>', 'newest checkpoints that stay (default: 1)', wholeNumber(1))
    .option('--resume', 'go on from the newest checkpoint in --save-to')
    .option('--log-to <file>', 'write every step and evaluation as a line of JSON')
    .option('--tensorboard <dir>', 'folder for event files of TensorBoard')
    .option('--logging-steps <n>', 'steps between logs of the loss (default: 1)', wholeNumber(1));
}

/** The settings for the library. Throws for flags that do not fit each other. */
export function controlOf(
  options: TrainControl & {
    readonly out: string;
    readonly eval?: string;
    readonly holdOut?: number;
  },
): TrainOptions {
  if (options.saveTo === undefined)
    needsFlag(options, ['saveEvery', 'saveTotalLimit', 'resume'], '--save-to');
  if (options.logTo === undefined && options.tensorboard === undefined)
    needsFlag(options, ['loggingSteps'], '--log-to or --tensorboard');
  for (const name of ['saveTo', 'logTo', 'tensorboard'] as const)
    checkOutside(options.out, name, options[name]);
  if (options.eval === undefined && options.holdOut === undefined) {
    const evalNames = [
      'evalSteps',
      'metricForBestModel',
      'greaterIsBetter',
      'loadBestModelAtEnd',
      'earlyStoppingPatience',
      'earlyStoppingThreshold',
    ] as const;
    needsFlag(options, evalNames, '--eval or --hold-out');
  }
  return given(Object.fromEntries(NAMES.map((name) => [name, options[name]])));
}

/** Throws for a place inside the folder of the model, which is written as a whole at the end. */
function checkOutside(out: string, name: keyof TrainControl, path: string | undefined): void {
  if (path === undefined) return;
  const way = relative(resolve(out), resolve(path));
  if (way.startsWith(`..${sep}`) || way === '..') return;
  const what = name === 'logTo' ? 'file' : 'folder';
  throw usageMistake(
    `${flagOf(name)} must be a ${what} outside --out, which is written at the end`,
  );
}

function needsFlag(
  options: TrainControl,
  names: readonly (keyof TrainControl)[],
  flag: string,
): void {
  const name = names.find((one) => options[one] !== undefined);
  if (name === undefined) return;
  throw usageMistake(`${flagOf(name)} needs ${flag}`);
}

/** Steps of a training over `rows` rows. */
export function stepsOf(
  rows: number,
  settings: TrainOptions & { readonly epochs: number; readonly batchSize: number },
): number {
  const { epochs, batchSize, gradientAccumulationSteps = 1, maxSteps } = settings;
  return maxSteps ?? epochs * Math.ceil(rows / (batchSize * gradientAccumulationSteps));
}

/** The scores of the weights that the model has now; null without held-out rows. */
export function finalScores<S>(
  { evaluations, best, diverged }: Pick<TrainReport<S>, 'evaluations' | 'best' | 'diverged'>,
  { loadBestModelAtEnd }: Pick<TrainOptions, 'loadBestModelAtEnd'>,
): S | null {
  const at = (step: number | undefined) => evaluations.find((one) => one.step === step);
  const last = loadBestModelAtEnd === true ? at(best?.step) : evaluations.at(-1);
  return (diverged === null ? last : at(diverged.keptStep))?.scores ?? null;
}
