/**
 * Training objectives: each turns a batch of texts and targets into loss terms of the native trainer.
 *
 * They are plain functions, which may await (a teacher's logits, say). Their random numbers are from the run's generator, so
 * that a run can be repeated.
 */

import { SinterError } from '../core/errors.js';
import type { SeededRandom } from '../core/random.js';
import type { LossKind, LossTerm } from '../native/losses.js';
import type { TokenBatch } from '../native/program.js';
import type { LabelledBatch } from './corpus.js';
import { type MaskSettings, maskTokens } from './masking.js';
import type { TargetNumbers } from './targets.js';

/** A batch and its loss terms, as the trainer takes them. */
export interface LossBatch {
  readonly tokens: TokenBatch;
  readonly terms: readonly LossTerm[];
}

export type Objective = (
  batch: LabelledBatch,
  random: SeededRandom,
) => LossBatch | Promise<LossBatch>;

/** A single term on the output `logits`. */
function onLogits(kind: LossKind, targets: TargetNumbers): readonly LossTerm[] {
  return [{ kind, output: 'logits', weight: 1, targets }];
}

/** Mean softmax cross entropy; a target is a class per text or per token. */
export const crossEntropy: Objective = ({ tokens, targets }) => ({
  tokens,
  terms: onLogits('cross_entropy', integers(targets.values)),
});

/** Mean sigmoid binary cross entropy; targets are numbers from 0 to 1, one per text and label. */
export const binaryCrossEntropy: Objective = ({ tokens, targets }) => ({
  tokens,
  terms: onLogits('bce', floats(targets.values)),
});

/** Mean squared error; targets are numbers, one per text and output. */
export const meanSquares: Objective = ({ tokens, targets }) => ({
  tokens,
  terms: onLogits('mse', floats(targets.values)),
});

/** Cross entropy of the start and the end of an answer; targets are two token indices per text, counted from its first token. */
export const answerSpan: Objective = ({ tokens, targets }) => ({
  tokens,
  terms: onLogits('span', integers(targets.values)),
});

/**
 * Cross entropy of the original ids of masked tokens, which are chosen anew in every step. Targets per token tell which ones
 * continue a word; without them tokens are chosen one by one.
 */
export function maskedTokens(settings: MaskSettings): Objective {
  return ({ tokens, targets }, random) => {
    const continues = targets.unit === 'token' ? targets.values : undefined;
    const masked = maskTokens(tokens, settings, random, continues);
    return { tokens: masked.tokens, terms: onLogits('cross_entropy', masked.labels) };
  };
}

function integers(values: TargetNumbers): Int32Array {
  if (values instanceof Int32Array) return values;
  throw new SinterError('INTERNAL', 'targets must be classes');
}

function floats(values: TargetNumbers): Float32Array {
  if (values instanceof Float32Array) return values;
  throw new SinterError('INTERNAL', 'targets must be numbers');
}
