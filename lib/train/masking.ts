/**
 * Random masking as BERT was trained (Devlin et al. 2019): of the tokens chosen, 80 % become the mask, 10 % a random token,
 * 10 % stay; the model is to say what each of them was.
 *
 * Drawn from a seeded generator only.
 */

import type { SeededRandom } from '../core/random.js';
import type { TokenBatch } from '../native/native.js';

export interface MaskSettings {
  /** Share of the tokens that are chosen. */
  readonly probability: number;
  readonly maskId: number;
  /** Random tokens are drawn from ids below it. */
  readonly vocabulary: number;
  /** Ids that are never chosen: special tokens. */
  readonly kept: ReadonlySet<number>;
}

export interface MaskedBatch {
  /** With `selected`: the chosen tokens. */
  readonly tokens: TokenBatch & { readonly selected: Int32Array };
  /** What the chosen tokens were. */
  readonly labels: Int32Array;
}

/** At least one token is chosen where there is one that may be. */
export function maskTokens(
  batch: TokenBatch,
  settings: MaskSettings,
  random: SeededRandom,
): MaskedBatch {
  const { probability, maskId, vocabulary, kept } = settings;
  const ids = batch.ids.slice();
  const ordinary = [...ids.keys()].filter((i) => !kept.has(ids[i] ?? -1));
  const limit = probability * 2 ** 32;
  let chosen = ordinary.filter(() => random.next() < limit);
  if (chosen.length === 0 && ordinary.length > 0) {
    chosen = ordinary.slice(random.below(ordinary.length)).slice(0, 1);
  }
  const selected = Int32Array.from(chosen);
  const labels = selected.map((i) => ids[i] ?? -1);
  for (const i of selected) {
    const fate = random.below(10);
    if (fate < 8) ids[i] = maskId;
    else if (fate === 8) ids[i] = random.below(vocabulary);
  }
  return { tokens: { ...batch, ids, selected }, labels };
}
