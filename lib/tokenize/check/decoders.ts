/**
 * Decoders: from tokens back to a text.
 */

import type { JsonObject, JsonValue } from '../../core/json.js';
import { CheckBudget, type Component, checkComponent } from './components.js';
import { anything, bool, character, count, required, text } from './fields.js';
import { checkPattern } from './pattern.js';
import { type JsonPlace, utf8Length } from './place.js';
import { BYTE_LEVEL, METASPACE } from './pre-tokenizers.js';

const DECODERS: Readonly<Record<string, Component<CheckBudget>>> = {
  BPEDecoder: { fields: { suffix: required(text) }, growth: 2 },
  ByteLevel: { fields: BYTE_LEVEL },
  WordPiece: { fields: { prefix: required(text), cleanup: required(bool) }, growth: 2 },
  Metaspace: { fields: METASPACE },
  CTC: {
    fields: {
      pad_token: required(text),
      word_delimiter_token: required(text),
      cleanup: required(bool),
    },
    growth: 2,
  },
  Fuse: { fields: {} },
  ByteFallback: { fields: {} },
  Strip: {
    fields: { content: required(character), start: required(count), stop: required(count) },
    check: strip,
  },
  Replace: { fields: { pattern: required(anything), content: required(text) }, check: replace },
  Sequence: { fields: { decoders: required(anything) }, parts: 'decoders' },
};

export function checkDecoder(value: JsonValue, at: JsonPlace): void {
  checkComponent(value, at, { table: DECODERS, budget: new CheckBudget() });
}

/** `stop` must be 0: the package ends the process over a token that holds nothing but the characters stripped from its end. */
function strip({ stop }: JsonObject, at: JsonPlace): void {
  if (stop !== 0) throw at.at('stop').unsupported('0', stop);
}

/** The length of a decoded text has no limit, so a pattern that backtracks is refused. */
function replace({ pattern, content }: JsonObject, at: JsonPlace, budget: CheckBudget): void {
  const { bytes, stepsBack } = checkPattern(pattern, at.at('pattern'));
  if (stepsBack)
    throw at.at('pattern').unsupported('one that never steps back, in a decoder', pattern);
  budget.grow(utf8Length(String(content)) / bytes, at.at('content'));
}
