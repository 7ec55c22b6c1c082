/**
 * The border to the native core: optimizers and trainers.
 */

import type { LossTerm } from './losses.js';
import type { TokenBatch } from './program.js';

/**
 * adamw: decoupled weight decay. sgd: momentum without dampening; weight decay is added to the gradient, so it enters the
 * momentum too. adam: weight decay is added to the gradient, so it enters the moments. These match PyTorch. lamb: algorithm
 * 2 of You et al. 2020. lion: algorithm 2 of Chen et al. 2023.
 */
export type OptimizerSettings =
  | {
      readonly kind: 'adamw' | 'adam' | 'lamb';
      readonly beta1: number;
      readonly beta2: number;
      readonly epsilon: number;
    }
  | { readonly kind: 'lion'; readonly beta1: number; readonly beta2: number }
  | { readonly kind: 'sgd'; readonly momentum: number; readonly nesterov: boolean };

export const OPTIMIZER_KINDS = [
  'adamw',
  'sgd',
  'adam',
  'lamb',
  'lion',
] as const satisfies OptimizerSettings['kind'][];

/** Weights with the same training settings. */
export interface ParameterGroup {
  readonly weights: readonly string[];
  /** Factor on the learning rate of each step. */
  readonly learningRateFactor: number;
  readonly weightDecay: number;
  /** lamb: scales the step to the norm of each weight. Default: true. */
  readonly trustRatio?: boolean;
}

export interface TrainerSettings {
  readonly optimizer: OptimizerSettings;
  /** A weight in no group has factor 1 and no weight decay. */
  readonly groups: readonly ParameterGroup[];
  /**
   * Decay of the exponential moving average of the weights over the steps, which starts as the weights before the first
   * one. 0 or left out: there is no average.
   */
  readonly averageDecay?: number;
  /** true: there is a place for `keep`. Default: false. */
  readonly keeps?: boolean;
}

export interface PassOptions {
  readonly jobId: number;
  /** Key of this pass's dropout; null: no dropout (evaluation mode). */
  readonly dropoutSeed: number | null;
  /**
   * Tokens that go through the network together: the activations of a larger batch are held one slice at a time. Default:
   * 4096.
   */
  readonly sliceTokens?: number;
}

export interface PassResult {
  /** Sum of weight * loss over the terms. */
  readonly loss: number;
  /** Loss of each term, without its weight. */
  readonly losses: readonly number[];
}

/** A flat buffer of a trainer's state; `u8` buffers hold flags. */
export interface StateBuffer {
  readonly name: string;
  readonly dtype: 'f32' | 'u8';
  readonly elements: number;
}

/**
 * The state that the next steps depend on, apart from the batches: trained weights, the optimizer's buffers and its step
 * counter.
 */
export interface TrainerState {
  readonly steps: number;
  readonly buffers: readonly StateBuffer[];
}

/**
 * An optimizer over a trainable program. Calls are queued, so a step may start `accumulate`, `clip` and `apply` without
 * waiting.
 */
export interface NativeTrainer {
  /** Adds the gradients of a batch to those since the last `apply`. If it fails or is cancelled, all gradients are dropped. */
  accumulate(
    batch: TokenBatch,
    terms: readonly LossTerm[],
    options: PassOptions,
  ): Promise<PassResult>;
  /**
   * The global 2-norm of the gradients; `apply` scales them so that it is at most `maxNorm` (0: no limit). INTERNAL without
   * gradients.
   */
  clip(maxNorm: number, jobId: number): Promise<number>;
  /**
   * Limits every number of the gradients to [-maxValue, maxValue]; `readGradient` then gives the limited ones. INTERNAL
   * without gradients.
   */
  clamp(maxValue: number, jobId: number): Promise<void>;
  /**
   * Takes one step of the optimizer and drops the gradients. If `clip` has found a norm that is not finite, no step is taken
   * and the weights stay. INTERNAL without gradients.
   */
  apply(learningRate: number, jobId: number): Promise<void>;
  /** Drops the gradients without a step. */
  clear(jobId: number): Promise<void>;
  /**
   * Gradient of a weight after the last `accumulate`, before clipping: zero where the loss does not depend on the weight.
   * INTERNAL while a call runs.
   */
  readGradient(name: string): Float32Array;
  /** Sizes of the state to save; gradients that wait for `apply` are not part of it. INTERNAL while a call runs. */
  state(): TrainerState;
  /**
   * Bytes [begin, end) of a buffer. Read in pieces of some megabytes: each blocks the JavaScript thread for about a
   * millisecond.
   */
  readState(name: string, begin: number, end: number): Uint8Array;
  /** Writes bytes from offset `begin` on into a buffer, whole elements only. CORRUPT_MODEL if a number is not finite. */
  writeState(name: string, begin: number, bytes: Uint8Array, jobId: number): Promise<void>;
  /** Called when all buffers are written: the trainer continues after step `steps`. */
  restore(steps: number, jobId: number): Promise<void>;
  /** Copies the trained weights into the kept ones. INTERNAL unless the settings have `keeps`. */
  keep(jobId: number): Promise<void>;
  /**
   * Exchanges the trained weights with their average, or with the kept ones; a second call takes it back, bit for bit. There
   * must have been a step, or a call of `keep`. INTERNAL without such a copy.
   */
  exchange(copy: 'average' | 'kept', jobId: number): Promise<void>;
  dispose(): void;
}
