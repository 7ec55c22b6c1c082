/**
 * Decoders: from tokens back to a text.
 */

import type { JsonObject, JsonValue } from '../../core/json.js';
import { Budget, type Component, checkComponent } from './components.js';
import { anything, bool, character, count, required, text } from './fields.js';
import { checkPattern } from './pattern.js';
import { type Place, utf8Length } from './place.js';
import { BYTE_LEVEL, METASPACE } from './pre-tokenizers.js';

const DECODERS: Readonly<Record<string, Component<Budget>>> = {
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

export function checkDecoder(value: JsonValue, at: Place): void {
  checkComponent(value, at, { table: DECODERS, budget: new Budget() });
}

/** `stop` must be 0: the package ends the process over a token that holds nothing but the characters stripped from its end. */
function strip({ stop }: JsonObject, at: Place): void {
  if (stop !== 0) throw at.at('stop').unsupported('0', stop);
}

/** The length of a decoded text has no limit, so a pattern that backtracks is refused. */
function replace({ pattern, content }: JsonObject, at: Place, budget: Budget): void {
  const { bytes, stepsBack } = checkPattern(pattern, at.at('pattern'));
  if (stepsBack)
    throw at.at('pattern').unsupported('one that never steps back, in a decoder', pattern);
  budget.grow(utf8Length(String(content)) / bytes, at.at('content'));
}
