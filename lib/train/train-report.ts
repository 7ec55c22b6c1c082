/**
 * What a training run leaves behind: plain numbers, ready for JSON.
 */

import type { TrainAdvice } from './train-advice.js';

/** One optimizer step. Steps and epochs count from 1. */
export interface StepRecord {
  readonly step: number;
  readonly epoch: number;
  /** Mean over the batch, before the step. */
  readonly loss: number;
  readonly learningRate: number;
  /** Before clipping. */
  readonly gradNorm: number;
}

/** Of a single-label classifier on the held-out rows. */
export interface EvalScores {
  readonly accuracy: number;
  readonly macroF1: number;
  readonly loss: number;
}

/** `S`: the scores that the kind of model has. */
export interface EpochRecord<S = EvalScores> {
  readonly epoch: number;
  /** Mean over all rows, each measured when its turn came. */
  readonly trainLoss: number;
  /** On the held-out rows; null when there are none. */
  readonly eval: S | null;
}

export interface TrainReport<S = EvalScores> {
  readonly steps: readonly StepRecord[];
  readonly epochs: readonly EpochRecord<S>[];
  readonly rows: number;
  /** Rows that were longer than the limit and cut. */
  readonly truncated: number;
  /** Of the whole run, evaluations included. */
  readonly seconds: number;
  /** Tokens trained on per second of training, evaluations left out. */
  readonly tokensPerSecond: number;
  /** Why the result may be poor, and what to try; empty where nothing was seen. */
  readonly advice: readonly TrainAdvice[];
}

/** A step as `onStep` sees it. */
export interface StepProgress extends StepRecord {
  readonly totalSteps: number;
  readonly totalEpochs: number;
  readonly seconds: number;
}

/** An epoch as `onEpoch` sees it. */
export interface EpochProgress<S = EvalScores> extends EpochRecord<S> {
  readonly totalEpochs: number;
  readonly seconds: number;
}
