/**
 * How long the texts of a model may be.
 *
 * What files state is a default; the positions that a model has are a limit.
 */

import { rangeMistake } from '../core/errors.js';
import type { Checkpoint, GraphRequest } from './checkpoint.js';

/**
 * The length that the files state for the task (a sentence encoder has one of its own), unless another one is asked for;
 * never more than the model has positions for. RangeError for a wish beyond them.
 */
export function lengthLimit(
  positions: number,
  { sentence, modelMaxLength }: Pick<Checkpoint, 'sentence' | 'modelMaxLength'>,
  { task, maxTokens }: Pick<GraphRequest, 'task' | 'maxTokens'>,
): number {
  if (maxTokens === undefined) {
    const kind = task === 'embedding' ? 'embedding' : 'cross-encoder';
    const own = sentence?.kind === kind ? sentence.maxTokens : null;
    return Math.min(positions, own ?? modelMaxLength ?? positions);
  }
  if (Number.isSafeInteger(maxTokens) && maxTokens >= 1 && maxTokens <= positions) return maxTokens;
  const what = `a whole number from 1 to ${positions}, the tokens that the model has positions for`;
  throw rangeMistake('maxTokens', what, maxTokens);
}
