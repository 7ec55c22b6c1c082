/**
 * Checks a tokenizer.json before the `tokenizers` package gets it, because the package trusts the file.
 *
 * The package ends the process over a file that it did not expect, and takes whatever time and memory the file makes it take. So
 * every component and field is looked up in a table, and what has no bound is refused.
 */

import type { JsonObject } from '../../core/json.js';
import type { Steps } from '../../core/turns.js';
import { checkAddedTokens } from './added-tokens.js';
import { checkDecoder } from './decoders.js';
import {
  checkFields,
  count,
  type Fields,
  oneOf,
  optional,
  orNull,
  positive,
  required,
  text,
} from './fields.js';
import { type CheckedVocabulary, checkModel } from './models.js';
import { checkNormalizer, Normalizing } from './normalizers.js';
import { JsonPlace } from './place.js';
import { checkPreTokenizer } from './pre-tokenizers.js';
import { checkProcessor } from './processors.js';

/** Backtracking steps at one place of a text after which the package's regular expressions end the process. */
const MAX_STEPS = 10_000_000;

const direction = oneOf('Left', 'Right');

const TRUNCATION: Fields = {
  direction: optional(direction),
  max_length: required(count),
  strategy: required(oneOf('LongestFirst', 'OnlyFirst', 'OnlySecond')),
  stride: required(count),
};

const PADDING: Fields = {
  strategy: required((value, at) => {
    if (value === 'BatchLongest') return;
    checkFields(at.object(value), { Fixed: required(count) }, at);
  }),
  direction: required(direction),
  pad_to_multiple_of: required(orNull(positive)),
  pad_id: required(count),
  pad_type_id: required(count),
  pad_token: required(text),
};

export interface CheckedTokenizer extends CheckedVocabulary {
  /** Longest text that may be given to the package, in UTF-16 units. */
  readonly maxTextLength: number;
}

const NO_VOCABULARY: CheckedVocabulary = { words: null, largestId: -1 };

/** Throws CORRUPT_MODEL or UNSUPPORTED_MODEL with the file and the place. The vocabulary is checked last, in steps. */
export function* checkTokenizer(tokenizer: JsonObject, file: string): Steps<CheckedTokenizer> {
  const root = new JsonPlace(file, '');
  const budget = new Normalizing();
  let rest: Steps<CheckedVocabulary> | undefined;
  const parts: Fields = {
    version: optional(oneOf('1.0')),
    truncation: optional(orNull((value, at) => checkFields(at.object(value), TRUNCATION, at))),
    padding: optional(orNull((value, at) => checkFields(at.object(value), PADDING, at))),
    normalizer: optional(orNull((value, at) => checkNormalizer(value, at, budget))),
    pre_tokenizer: optional(orNull((value, at) => checkPreTokenizer(value, at, budget))),
    model: required((value, at) => {
      rest = checkModel(value, at);
    }),
    post_processor: optional(orNull(checkProcessor)),
    decoder: optional(orNull(checkDecoder)),
    added_tokens: optional((value, at) => {
      const normalizing = (tokenizer.normalizer ?? null) === null ? null : budget;
      checkAddedTokens(value, at, normalizing);
    }),
  };
  checkFields(tokenizer, parts, root);
  yield;
  const vocabulary = rest === undefined ? NO_VOCABULARY : yield* rest;
  const { growth, stepsBack } = budget;
  // A UTF-16 unit has at most three bytes.
  return {
    ...vocabulary,
    maxTextLength: stepsBack ? Math.floor(MAX_STEPS / 3 / growth) : Number.POSITIVE_INFINITY,
  };
}
