/**
 * What a training minimises: from a batch of texts with their targets to loss terms of the native trainer.
 *
 * Plain functions, which may await (a teacher's answer, say); what they draw comes from the run's generator, so that a run
 * can be repeated.
 */

import { SinterError } from '../core/errors.js';
import type { SeededRandom } from '../core/random.js';
import type { LossKind, LossTerm, TokenBatch } from '../native/native.js';
import type { LabelledBatch } from './corpus.js';
import { type MaskSettings, maskTokens } from './masking.js';
import type { TargetNumbers } from './targets.js';

/** A batch as the trainer gets it. */
export interface LossBatch {
  readonly tokens: TokenBatch;
  readonly terms: readonly LossTerm[];
}

export type Objective = (
  batch: LabelledBatch,
  random: SeededRandom,
) => LossBatch | Promise<LossBatch>;

/** The usual single term, on `logits`. */
function onLogits(kind: LossKind, targets: TargetNumbers): readonly LossTerm[] {
  return [{ kind, output: 'logits', weight: 1, targets }];
}

/** Mean cross entropy of softmax: a class per text or per token. */
export const crossEntropy: Objective = ({ tokens, targets }) => ({
  tokens,
  terms: onLogits('cross_entropy', integers(targets.values)),
});

/** Mean binary cross entropy of sigmoid: a number from 0 to 1 per text and label. */
export const binaryCrossEntropy: Objective = ({ tokens, targets }) => ({
  tokens,
  terms: onLogits('bce', floats(targets.values)),
});

/** Mean squared error: a number per text and output. */
export const meanSquares: Objective = ({ tokens, targets }) => ({
  tokens,
  terms: onLogits('mse', floats(targets.values)),
});

/** Cross entropy of where an answer starts and ends: two numbers per text, counted from its first token. */
export const answerSpan: Objective = ({ tokens, targets }) => ({
  tokens,
  terms: onLogits('span', integers(targets.values)),
});

/** Cross entropy of what masked tokens were, masked anew in every step. */
export function maskedTokens(settings: MaskSettings): Objective {
  return ({ tokens }, random) => {
    const masked = maskTokens(tokens, settings, random);
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
