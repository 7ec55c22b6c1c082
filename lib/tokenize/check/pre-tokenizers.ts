/**
 * Checks pre-tokenizers, which split a normalized text into words.
 *
 * They lengthen texts too: a prefix for each word, two bytes for one.
 */

import type { JsonObject, JsonValue } from '../../core/json.js';
import { type CheckBudget, type Component, checkComponent } from './components.js';
import {
  anything,
  bool,
  character,
  oneOf,
  optional,
  orNull,
  positive,
  required,
  text,
} from './fields.js';
import { checkPattern } from './pattern.js';
import { type JsonPlace, utf8Length } from './place.js';

const behavior = oneOf('Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous');

export const BYTE_LEVEL = {
  add_prefix_space: required(bool),
  trim_offsets: required(bool),
  use_regex: optional(bool),
};

export const METASPACE = {
  replacement: required(character),
  prepend_scheme: optional(oneOf('always', 'first', 'never')),
  split: optional(orNull(bool)),
  add_prefix_space: optional(orNull(bool)),
  str_rep: optional(orNull(text)),
};

const PRE_TOKENIZERS: Readonly<Record<string, Component<CheckBudget>>> = {
  BertPreTokenizer: { fields: {} },
  Whitespace: { fields: {} },
  WhitespaceSplit: { fields: {} },
  UnicodeScripts: { fields: {} },
  ByteLevel: {
    fields: BYTE_LEVEL,
    check: ({ add_prefix_space: space }, at, budget) => budget.grow(space === true ? 4 : 2, at),
  },
  Metaspace: {
    fields: METASPACE,
    check: ({ replacement }, at, budget) => budget.grow(1 + utf8Length(String(replacement)), at),
  },
  CharDelimiterSplit: { fields: { delimiter: required(character) } },
  Punctuation: { fields: { behavior: optional(behavior) } },
  Digits: { fields: { individual_digits: required(bool) } },
  FixedLength: { fields: { length: optional(positive) } },
  Split: {
    fields: { pattern: required(anything), behavior: required(behavior), invert: required(bool) },
    check: split,
  },
  Sequence: { fields: { pretokenizers: required(anything) }, parts: 'pretokenizers' },
};

export function checkPreTokenizer(value: JsonValue, at: JsonPlace, budget: CheckBudget): void {
  checkComponent(value, at, { table: PRE_TOKENIZERS, budget });
}

function split({ pattern }: JsonObject, at: JsonPlace, budget: CheckBudget): void {
  const { stepsBack } = checkPattern(pattern, at.at('pattern'));
  budget.stepsBack ||= stepsBack;
}
