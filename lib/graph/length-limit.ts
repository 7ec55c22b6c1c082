/**
 * The longest text that a model takes, in tokens.
 *
 * The length in the files is a default; the number of the model's positions is a limit.
 */

import { rangeMistake } from '../core/errors.js';
import type { Checkpoint, GraphRequest } from './checkpoint.js';

/**
 * The wanted `maxTokens`, else the length that the files state for the task (a sentence encoder has its own); never more
 * than `positions`. Throws RangeError if `maxTokens` is not a whole number from 1 to `positions`.
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
