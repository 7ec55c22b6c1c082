/**
 * Merges of BPE: pairs of tokens that become one.
 *
 * The package copies the bytes of a pair into a buffer sized for the longest token, and ends the process when they do not fit.
 */

import type { JsonObject, JsonValue } from '../../core/json.js';
import type { Steps } from '../../core/turns.js';
import type { JsonPlace } from './place.js';

/** Most merges; published tokenizers stay below 600,000. */
const MAX_MERGES = 2 ** 21;
/** Merges checked before the event loop turns. */
const PER_STEP = 1024;

export interface MergeSettings {
  readonly ids: JsonObject;
  /** continuing_subword_prefix: the second token of a pair begins with it, and the merged token does not repeat it. */
  readonly prefix: string;
}

/** Checks merges given as pairs, or, in old files, as texts with a space between two tokens. */
export function* checkMerges(
  value: JsonValue | undefined,
  at: JsonPlace,
  settings: MergeSettings,
): Steps<void> {
  const { ids, prefix } = settings;
  const merges = at.list(value, MAX_MERGES);
  const texts = typeof merges[0] === 'string';
  for (const [i, merge] of merges.entries()) {
    if (i % PER_STEP === 0) yield;
    if (texts && typeof merge === 'string' && merge.startsWith('#version')) continue;
    const parts: JsonValue = texts && typeof merge === 'string' ? merge.split(' ') : merge;
    const [left, right, ...more] = !texts || typeof merge === 'string' ? asList(parts) : [];
    if (typeof left !== 'string' || typeof right !== 'string' || more.length > 0) {
      throw at
        .at(i)
        .corrupt(texts ? 'two tokens with a space between them' : 'a pair of tokens', merge);
    }
    if (!right.startsWith(prefix))
      throw at.at(i).corrupt(`a pair whose second token begins with ${prefix}`, right);
    for (const token of [left, right, left + right.slice(prefix.length)]) {
      if (!Object.hasOwn(ids, token))
        throw at.at(i).corrupt('a pair of tokens that the vocabulary has, and has merged', token);
    }
  }
}

function asList(value: JsonValue): readonly JsonValue[] {
  return Array.isArray(value) ? (value as readonly JsonValue[]) : [];
}
