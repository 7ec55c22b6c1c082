/**
 * Takes one optimizer step with the trainer's calls.
 *
 * They are queued together, so that no other call of this thread runs between them. The first failure is the error of the
 * step.
 */

import { runJob } from '../native/jobs.js';
import type { LossTerm, NativeTrainer, PassResult, TokenBatch } from '../native/native.js';

export interface StepOptions {
  readonly learningRate: number;
  /** Global 2-norm to clip to; 0: no clipping. */
  readonly maxGradNorm: number;
  /** Key of this step's dropout; null: no dropout (evaluation mode). */
  readonly dropoutSeed: number | null;
  /** Tokens that go through the network together; left out: the trainer's default. */
  readonly sliceTokens?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface StepResult extends PassResult {
  /** Global 2-norm of the gradients before clipping. */
  readonly gradNorm: number;
}

/** Takes a step: accumulate, clip, apply. */
export function trainStep(
  trainer: NativeTrainer,
  tokens: TokenBatch,
  terms: readonly LossTerm[],
  options: StepOptions,
): Promise<StepResult> {
  return runStep(trainer, tokens, terms, options, (jobId) =>
    trainer.apply(options.learningRate, jobId),
  );
}

/** The losses and the gradient norm of a batch, without taking a step: no weight changes. */
export function tryStep(
  trainer: NativeTrainer,
  tokens: TokenBatch,
  terms: readonly LossTerm[],
  options: Omit<StepOptions, 'learningRate' | 'maxGradNorm'>,
): Promise<StepResult> {
  const settings = { ...options, learningRate: 0, maxGradNorm: 0 };
  return runStep(trainer, tokens, terms, settings, (jobId) => trainer.clear(jobId));
}

async function runStep(
  trainer: NativeTrainer,
  tokens: TokenBatch,
  terms: readonly LossTerm[],
  { maxGradNorm, dropoutSeed, sliceTokens, signal }: StepOptions,
  end: (jobId: number) => Promise<void>,
): Promise<StepResult> {
  const slice = sliceTokens === undefined ? {} : { sliceTokens };
  const calls = [
    runJob('train', signal, (jobId) =>
      trainer.accumulate(tokens, terms, { jobId, dropoutSeed, ...slice }),
    ),
    runJob('train', signal, (jobId) => trainer.clip(maxGradNorm, jobId)),
    runJob('train', signal, end),
  ] as const;
  // Waits for all calls, because the caller may dispose of the trainer after an error.
  await Promise.allSettled(calls);
  const [result, gradNorm] = await Promise.all(calls);
  return { ...result, gradNorm };
}
