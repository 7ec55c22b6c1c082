/**
 * Takes one optimizer step with the trainer's calls.
 *
 * They are queued together, so that no other call of this thread runs between them. The first failure is the error of the
 * step.
 */

import { runJob } from '../native/jobs.js';
import type { LossTerm } from '../native/losses.js';
import type { TokenBatch } from '../native/program.js';
import type { NativeTrainer, PassResult } from '../native/training.js';

export interface StepOptions {
  readonly learningRate: number;
  /** Global 2-norm to clip to; 0: no clipping. */
  readonly maxGradNorm: number;
  /** Size that every number of the gradients is limited to before that; 0 or left out: no limit. */
  readonly maxGradValue?: number;
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

/** Takes a step: accumulate, clip, apply. A gradient norm that is not finite takes no step. */
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
  { maxGradNorm, maxGradValue = 0, dropoutSeed, sliceTokens, signal }: StepOptions,
  end: (jobId: number) => Promise<void>,
): Promise<StepResult> {
  const slice = sliceTokens === undefined ? {} : { sliceTokens };
  const call = <T>(start: (jobId: number) => Promise<T>) => runJob('train', signal, start);
  const pass = call((jobId) => trainer.accumulate(tokens, terms, { jobId, dropoutSeed, ...slice }));
  // The reported norm is that of the gradients before any limit.
  const isLimited = maxGradValue > 0;
  const norm = call((jobId) => trainer.clip(isLimited ? 0 : maxGradNorm, jobId));
  const limits = isLimited
    ? [
        call((jobId) => trainer.clamp(maxGradValue, jobId)),
        call((jobId) => trainer.clip(maxGradNorm, jobId)),
      ]
    : [];
  const calls = [pass, norm, ...limits, call(end)];
  // Waits for all calls, because the caller may dispose of the trainer after an error.
  await Promise.allSettled(calls);
  await Promise.all(calls);
  return { ...(await pass), gradNorm: await norm };
}
