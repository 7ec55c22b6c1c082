/**
 * The options of a training run, checked and with defaults filled in.
 *
 * The defaults suit small encoders (MiniLM); larger models need a lower learning rate (BERT-base: 2e-5).
 */

import { typeMistake } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import { OPTIMIZER_KINDS } from '../native/training.js';
import { CHECKPOINT_OPTIONS, type CheckpointOptions } from './checkpoint-options.js';
import { EVAL_OPTIONS, type EvalOptions, readEvalOptions } from './eval-options.js';
import { LOG_OPTIONS, type LogOptions } from './log-options.js';
import { OPTIMIZERS, type OptimizerKind } from './optimizers.js';
import { readSchedule, type ScheduleKind, type ScheduleOptions } from './schedule.js';
import {
  readStreamOptions,
  STREAM_OPTIONS,
  type StreamOptions,
  type StreamSettings,
} from './stream-options.js';

export type { OptimizerKind } from './optimizers.js';

/** How a model is trained; the defaults suit small encoders such as MiniLM. */
export interface TrainOptions extends EvalOptions, CheckpointOptions, LogOptions, StreamOptions {
  /** Passes over the rows. Default: 3. */
  readonly epochs?: number;
  /** Ends after so many steps, whatever `epochs` says; the rows are repeated as often as needed. Default: no limit. */
  readonly maxSteps?: number;
  /** Texts per step. Default: 32. */
  readonly batchSize?: number;
  /** Batches that make one step together, with the bits of one batch of all their rows. Default: 1. */
  readonly gradientAccumulationSteps?: number;
  /** adamw (default), adam, lamb, lion, or sgd: gradient descent with momentum. */
  readonly optimizer?: OptimizerKind;
  /** Peak learning rate. Default: 1e-4. */
  readonly learningRate?: number;
  /**
   * Decay of matrices and tables; biases and norms do not decay. For AdamW and Lion it is decoupled from the gradient, for
   * Adam and SGD it is added to it, for LAMB to the step before its norm is taken. Default: 0.01.
   */
  readonly weightDecay?: number;
  /** Steps of linear warm-up: a share of all steps below 1, a number of steps from 1. Default: 0.1. */
  readonly warmup?: number;
  /** Learning rate after the warm-up: linear decay to 0 (default), or another kind, or an object of a kind and its numbers. */
  readonly schedule?: ScheduleKind | ScheduleOptions;
  /** Global norm that gradients are clipped to; 0: no clipping. Default: 1. */
  readonly maxGradNorm?: number;
  /** Limits every number of the gradients to this size, before `maxGradNorm`; 0: no limit. Default: 0. */
  readonly maxGradValue?: number;
  /**
   * Parts that do not change: `embeddings`, `encoder` (all but the head), `layer.0` ..., `head`, or the begin of weight names
   * up to a point. Default: none.
   */
  readonly freeze?: readonly string[];
  /** `biases`: of the encoder only the biases change, and the head as a whole (BitFit). Default: `all`. */
  readonly trainable?: 'all' | 'biases';
  /** Factor on the learning rate for each layer further from the head, the embeddings last. Default: 1. */
  readonly layerDecay?: number;
  /**
   * Decay of an exponential moving average of the weights, which is evaluated and becomes the model; 0: no average. Default:
   * 0.
   */
  readonly averageDecay?: number;
  /** All but SGD: decay of the mean of the gradients. Default: 0.9. */
  readonly beta1?: number;
  /** AdamW, Adam, LAMB: decay of the mean of their squares; Lion: of the mean that is kept. Default: 0.999; Lion: 0.99. */
  readonly beta2?: number;
  /** AdamW, Adam, LAMB: is added to the root of the squares. Default: 1e-8; LAMB: 1e-6. */
  readonly epsilon?: number;
  /** SGD: the momentum. Default: 0.9. */
  readonly momentum?: number;
  /** SGD: uses Nesterov momentum. Default: false. */
  readonly nesterov?: boolean;
  /** Seed of the order of rows and of dropout: the same seed gives the same losses, bit for bit. Default: 42. */
  readonly seed?: number;
  /** Draws a new order of rows in each epoch. Default: true. */
  readonly shuffle?: boolean;
  /**
   * Makes batches of texts of similar length. It saves no work, because nothing is padded here; use it to repeat runs of
   * trainers that group. Default: false.
   */
  readonly groupByLength?: boolean;
}

/** All options after readTrainOptions, without those of saving and logs, which change no bit. 0 stands for "no limit". */
export type TrainSettings = Required<
  Omit<TrainOptions, keyof CheckpointOptions | keyof LogOptions | keyof StreamOptions>
> &
  StreamSettings;

export const TRAIN_OPTIONS = {
  epochs: true,
  batchSize: true,
  optimizer: true,
  learningRate: true,
  weightDecay: true,
  warmup: true,
  schedule: true,
  maxGradNorm: true,
  maxGradValue: true,
  freeze: true,
  trainable: true,
  layerDecay: true,
  averageDecay: true,
  beta1: true,
  beta2: true,
  epsilon: true,
  momentum: true,
  nesterov: true,
  seed: true,
  shuffle: true,
  groupByLength: true,
  maxSteps: true,
  gradientAccumulationSteps: true,
  ...EVAL_OPTIONS,
  ...CHECKPOINT_OPTIONS,
  ...LOG_OPTIONS,
  ...STREAM_OPTIONS,
} as const;

/**
 * Checks the options and fills in defaults. `known` holds all option names of the caller, these and its own. Throws
 * TypeError or RangeError: `train: learningRate must be a positive number, got "x"`.
 */
export function readTrainOptions<T extends TrainOptions>(
  where: string,
  options: T,
  known: Readonly<Record<keyof Required<T>, true>>,
): TrainSettings {
  const read = readOptions<TrainOptions>(where, options, known);
  const belowOne = (value: number) => value >= 0 && value < 1;
  const optimizer = read.choice('optimizer', 'adamw', OPTIMIZER_KINDS);
  const { schedule = 'linear' } = options;
  return {
    ...readEvalOptions(read),
    ...readStreamOptions<TrainOptions>(where, options, known as never),
    epochs: read.count('epochs', 3),
    maxSteps: read.count('maxSteps', 0),
    batchSize: read.count('batchSize', 32),
    gradientAccumulationSteps: read.count('gradientAccumulationSteps', 1),
    optimizer,
    learningRate: read.positive('learningRate', 1e-4),
    weightDecay: read.nonNegative('weightDecay', 0.01),
    warmup: read.number(
      'warmup',
      0.1,
      'a share below 1 or a whole number of steps',
      (value) => belowOne(value) || (Number.isSafeInteger(value) && value >= 1),
    ),
    schedule: readSchedule(`${where}: schedule`, schedule),
    maxGradNorm: read.nonNegative('maxGradNorm', 1),
    maxGradValue: read.nonNegative('maxGradValue', 0),
    freeze: readParts(`${where}: freeze`, options.freeze),
    trainable: read.choice('trainable', 'all', ['all', 'biases']),
    layerDecay: read.number(
      'layerDecay',
      1,
      'a number above 0, at most 1',
      (value) => value > 0 && value <= 1,
    ),
    averageDecay: read.number('averageDecay', 0, 'a number from 0, below 1', belowOne),
    beta1: read.number('beta1', 0.9, 'a number from 0, below 1', belowOne),
    beta2: read.number('beta2', OPTIMIZERS[optimizer].beta2, 'a number from 0, below 1', belowOne),
    epsilon: read.positive('epsilon', OPTIMIZERS[optimizer].epsilon),
    momentum: read.number('momentum', 0.9, 'a number from 0, below 1', belowOne),
    nesterov: read.boolean('nesterov', false),
    seed: read.count('seed', 42, 0),
    shuffle: read.boolean('shuffle', true),
    groupByLength: read.boolean('groupByLength', false),
  };
}

function readParts(where: string, value: unknown): readonly string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw typeMistake(where, 'an array of names', value);
  for (const [i, part] of value.entries())
    if (typeof part !== 'string') throw typeMistake(`${where}[${i}]`, 'a name', part);
  return [...value] as string[];
}
