/**
 * The options of a training run, checked and with defaults filled in.
 *
 * The defaults suit small encoders (MiniLM); larger models need a lower learning rate (BERT-base: 2e-5).
 */

import { readOptions } from '../core/options.js';
import { OPTIMIZER_KINDS } from '../native/native.js';

/** Optimizers of `train`. */
export type OptimizerKind = (typeof OPTIMIZER_KINDS)[number];

/** How a model is trained; the defaults suit small encoders such as MiniLM. */
export interface TrainOptions {
  /** Passes over the rows. Default: 3. */
  readonly epochs?: number;
  /** Texts per step. Default: 32. */
  readonly batchSize?: number;
  /** adamw (default), or sgd: gradient descent with momentum. */
  readonly optimizer?: OptimizerKind;
  /** Peak learning rate. Default: 1e-4. */
  readonly learningRate?: number;
  /**
   * Decay of matrices and tables; biases and norms do not decay. For AdamW it is decoupled from the gradient, for SGD it is
   * added to it. Default: 0.01.
   */
  readonly weightDecay?: number;
  /** Steps of linear warm-up: a share of all steps below 1, a number of steps from 1. Default: 0.1. */
  readonly warmup?: number;
  /** Learning rate after the warm-up: linear decay to 0 (default), or constant. */
  readonly schedule?: 'linear' | 'constant';
  /** Global norm that gradients are clipped to; 0: no clipping. Default: 1. */
  readonly maxGradNorm?: number;
  /** AdamW: decay of the mean of the gradients. Default: 0.9. */
  readonly beta1?: number;
  /** AdamW: decay of the mean of their squares. Default: 0.999. */
  readonly beta2?: number;
  /** AdamW: is added to the root of the squares. Default: 1e-8. */
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

/** All options after readTrainOptions. */
export type TrainSettings = Required<TrainOptions>;

export const TRAIN_OPTIONS = {
  epochs: true,
  batchSize: true,
  optimizer: true,
  learningRate: true,
  weightDecay: true,
  warmup: true,
  schedule: true,
  maxGradNorm: true,
  beta1: true,
  beta2: true,
  epsilon: true,
  momentum: true,
  nesterov: true,
  seed: true,
  shuffle: true,
  groupByLength: true,
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
  return {
    epochs: read.count('epochs', 3),
    batchSize: read.count('batchSize', 32),
    optimizer: read.choice('optimizer', 'adamw', OPTIMIZER_KINDS),
    learningRate: read.positive('learningRate', 1e-4),
    weightDecay: read.nonNegative('weightDecay', 0.01),
    warmup: read.number(
      'warmup',
      0.1,
      'a share below 1 or a whole number of steps',
      (value) => belowOne(value) || (Number.isSafeInteger(value) && value >= 1),
    ),
    schedule: read.choice('schedule', 'linear', ['linear', 'constant']),
    maxGradNorm: read.nonNegative('maxGradNorm', 1),
    beta1: read.number('beta1', 0.9, 'a number from 0, below 1', belowOne),
    beta2: read.number('beta2', 0.999, 'a number from 0, below 1', belowOne),
    epsilon: read.positive('epsilon', 1e-8),
    momentum: read.number('momentum', 0.9, 'a number from 0, below 1', belowOne),
    nesterov: read.boolean('nesterov', false),
    seed: read.count('seed', 42, 0),
    shuffle: read.boolean('shuffle', true),
    groupByLength: read.boolean('groupByLength', false),
  };
}
