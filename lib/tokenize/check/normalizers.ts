/**
 * Normalizers, and how much longer they can make a text.
 *
 * Rules that lengthen a text multiply; a file whose product is beyond MAX_GROWTH is refused, whatever its texts are.
 */

import type { JsonObject, JsonValue } from '../../core/json.js';
import { checkCharsmap } from './charsmap.js';
import { Budget, type Component, checkComponent } from './components.js';
import { anything, bool, orNull, required } from './fields.js';
import { checkPattern } from './pattern.js';
import { type Place, utf8Length } from './place.js';

const MAX_CONTENT = 256;

/** What a chain of normalizers can do to a text, as far as others must know. */
export class Normalizing extends Budget {
  /** A rule can take away letters, digits or signs of ASCII, or make white space of them. */
  deletesPlain = false;
}

const NORMALIZERS: Readonly<Record<string, Component<Normalizing>>> = {
  BertNormalizer: {
    fields: {
      clean_text: required(bool),
      handle_chinese_chars: required(bool),
      strip_accents: { check: orNull(bool), optional: true },
      lowercase: required(bool),
    },
    // A space before and after each ideograph of three bytes.
    growth: 5 / 3,
  },
  Strip: { fields: { strip_left: required(bool), strip_right: required(bool) } },
  StripAccents: { fields: {} },
  // The forms of Unicode lengthen few characters, and those once: what the rules below insert is measured in NFKD.
  NFC: { fields: {} },
  NFD: { fields: {} },
  NFKC: { fields: {} },
  NFKD: { fields: {} },
  Lowercase: { fields: {} },
  Nmt: { fields: {} },
  ByteLevel: { fields: {}, growth: 2 },
  Prepend: { fields: { prepend: required(anything) }, check: prepend },
  Precompiled: { fields: { precompiled_charsmap: required(anything) }, check: precompiled },
  Replace: { fields: { pattern: required(anything), content: required(anything) }, check: replace },
  Sequence: { fields: { normalizers: required(anything) }, parts: 'normalizers' },
};

export function checkNormalizer(value: JsonValue, at: Place, budget: Normalizing): void {
  checkComponent(value, at, { table: NORMALIZERS, budget });
}

function prepend({ prepend: text }: JsonObject, at: Place, budget: Normalizing): void {
  const place = at.at('prepend');
  // Each part between added tokens gets one, and may have a single character.
  budget.grow(1 + longest(place.text(text, MAX_CONTENT)), place);
}

function precompiled(
  { precompiled_charsmap: map }: JsonObject,
  at: Place,
  budget: Normalizing,
): void {
  const place = at.at('precompiled_charsmap');
  const { growth, deletesPlain } = checkCharsmap(map, place);
  budget.grow(growth, place);
  budget.deletesPlain ||= deletesPlain;
}

function replace({ pattern, content }: JsonObject, at: Place, budget: Normalizing): void {
  const text = at.at('content').text(content, MAX_CONTENT);
  const { bytes, spaceOnly, stepsBack } = checkPattern(pattern, at.at('pattern'));
  budget.grow(longest(text) / bytes, at.at('content'));
  budget.stepsBack ||= stepsBack;
  budget.deletesPlain ||= !spaceOnly && !/[!-~]/.test(text);
}

/** Bytes of a text whatever form of Unicode it is brought into. */
function longest(text: string): number {
  return Math.max(utf8Length(text), utf8Length(text.normalize('NFKD')));
}
