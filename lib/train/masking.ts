/**
 * Random masking as in the training of BERT (Devlin et al. 2019): of the chosen tokens, 80 % become the mask token, 10 % a
 * random token, and 10 % stay. The model learns to predict the original of each chosen token.
 *
 * All randomness is from a seeded generator.
 */

import type { SeededRandom } from '../core/random.js';
import type { TokenBatch } from '../native/program.js';

export interface MaskSettings {
  /** Share of the tokens that is chosen. */
  readonly probability: number;
  readonly maskId: number;
  /** Random tokens have ids below this number. */
  readonly vocabulary: number;
  /** Ids that are never chosen: special tokens. */
  readonly kept: ReadonlySet<number>;
}

export interface MaskedBatch {
  /** The batch after masking; `selected` holds the indices of the chosen tokens. */
  readonly tokens: TokenBatch & { readonly selected: Int32Array };
  /** Original ids of the chosen tokens. */
  readonly labels: Int32Array;
}

/**
 * Masks a copy of a batch. If any token may be chosen, at least one is. `continues`: 1 for each token that continues the word
 * of the token before it; then words are chosen, with all of their tokens, as in DataCollatorForWholeWordMask of transformers.
 * Left out: tokens are chosen one by one.
 */
export function maskTokens(
  batch: TokenBatch,
  settings: MaskSettings,
  random: SeededRandom,
  continues?: ArrayLike<number>,
): MaskedBatch {
  const { probability, maskId, vocabulary, kept } = settings;
  const ids = batch.ids.slice();
  const ordinary = [...ids.keys()].filter((i) => !kept.has(ids[i] ?? -1));
  const units = wordsOf(ordinary, continues);
  const limit = probability * 2 ** 32;
  let drawn = units.filter(() => random.next() < limit);
  if (drawn.length === 0 && units.length > 0) {
    drawn = units.slice(random.below(units.length)).slice(0, 1);
  }
  const chosen = drawn.flat();
  const selected = Int32Array.from(chosen);
  const labels = selected.map((i) => ids[i] ?? -1);
  for (const i of selected) {
    const fate = random.below(10);
    if (fate < 8) ids[i] = maskId;
    else if (fate === 8) ids[i] = random.below(vocabulary);
  }
  return { tokens: { ...batch, ids, selected }, labels };
}

/** Tokens that are chosen together: those of a word, or each alone. A token before which one is kept begins a word. */
function wordsOf(tokens: readonly number[], continues?: ArrayLike<number>): number[][] {
  const words: number[][] = [];
  for (const token of tokens) {
    const last = words.at(-1);
    if (continues?.[token] === 1 && last?.at(-1) === token - 1) last.push(token);
    else words.push([token]);
  }
  return words;
}
