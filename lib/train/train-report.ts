/** The report of a training run: plain numbers, ready for JSON. */

import type { ErrorDetails } from '../core/errors.js';
import type { BestScore } from './best-score.js';
import type { TrainAdvice } from './train-advice.js';

/** One optimizer step. Steps and epochs count from 1. */
export interface StepRecord {
  readonly step: number;
  readonly epoch: number;
  /** Mean loss over the batch, before the step. */
  readonly loss: number;
  readonly learningRate: number;
  /** Norm of the gradients before clipping. */
  readonly gradNorm: number;
}

/** The phases of a few-shot training, in their order: the encoder on pairs of rows, then the head. */
export type TrainPhase = 'embedding' | 'head';

/** The first phase of a few-shot training. */
export interface EmbeddingPhase {
  /** Pairs of an epoch. */
  readonly pairs: number;
  /** Pairs of rows with the same label. */
  readonly positives: number;
  readonly steps: readonly StepRecord[];
  readonly epochs: readonly Pick<EpochRecord, 'epoch' | 'trainLoss'>[];
  readonly seconds: number;
  readonly tokensPerSecond: number;
}

/** Scores of a single-label classifier on the held-out rows. */
export interface EvalScores {
  readonly accuracy: number;
  readonly macroF1: number;
  readonly loss: number;
}

/** Record of an epoch. `S`: type of the scores of this kind of model. */
export interface EpochRecord<S = EvalScores> {
  readonly epoch: number;
  /** Mean over all rows, each measured in its own step. */
  readonly trainLoss: number;
  /** Scores on the held-out rows, the last ones of the epoch; null without such rows, or if no evaluation was due. */
  readonly eval: S | null;
}

/** One evaluation on the held-out rows. */
export interface EvaluationRecord<S = EvalScores> {
  readonly step: number;
  readonly epoch: number;
  readonly scores: S;
  /** Whether it is the best one so far. */
  readonly isBest: boolean;
}

/** The step at which a training diverged, and what happened; `message` says which weights the model has. */
export interface Divergence {
  readonly step: number;
  /** The step after which the model's weights were. */
  readonly keptStep: number;
  readonly message: string;
  readonly details: ErrorDetails;
}

export interface TrainReport<S = EvalScores> {
  readonly steps: readonly StepRecord[];
  readonly epochs: readonly EpochRecord<S>[];
  /** All evaluations, in their order; empty without held-out rows. */
  readonly evaluations: readonly EvaluationRecord<S>[];
  /** The evaluation with the best `metricForBestModel`; null without any. */
  readonly best: BestScore | null;
  /** Whether the patience, or a divergence, ended the training before its last step. */
  readonly stoppedEarly: boolean;
  /**
   * What ended a training whose numbers became infinite or NaN: the model has its last good weights, those of the best
   * evaluation, of an epoch, or of a checkpoint. null where nothing did; where there are no such weights yet it is the error of
   * the call.
   */
  readonly diverged: Divergence | null;
  readonly rows: number;
  /** Number of rows that exceeded the length limit and were truncated. */
  readonly truncated: number;
  /** Duration of the whole run, evaluations included; of a resumed one since it was resumed. */
  readonly seconds: number;
  /** Tokens per second of training, without evaluations. */
  readonly tokensPerSecond: number;
  /** With `method: 'few-shot'`: the training of the encoder; all else is about the head. */
  readonly embedding?: EmbeddingPhase;
  /** Why the result may be poor, and what to try; empty where nothing was seen. */
  readonly advice: readonly TrainAdvice[];
}

/** Argument of `onStep`. */
export interface StepProgress extends StepRecord {
  /** Tokens per second of the steps so far, without evaluations. */
  readonly tokensPerSecond: number;
  readonly totalSteps: number;
  readonly totalEpochs: number;
  readonly seconds: number;
  /** With `method: 'few-shot'`; each phase counts its own steps and epochs. */
  readonly phase?: TrainPhase;
}

/** Argument of `onEpoch`. */
export interface EpochProgress<S = EvalScores> extends EpochRecord<S> {
  readonly totalEpochs: number;
  readonly seconds: number;
  /** With `method: 'few-shot'`. */
  readonly phase?: TrainPhase;
}
