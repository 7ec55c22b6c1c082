/**
 * Checks normalizers, and how much longer they can make a text.
 *
 * The factors of rules that lengthen a text multiply; a file whose product is beyond MAX_GROWTH is refused, whatever its texts
 * are.
 */

import type { JsonObject, JsonValue } from '../../core/json.js';
import { checkCharsmap } from './charsmap.js';
import { CheckBudget, type Component, checkComponent } from './components.js';
import { anything, bool, orNull, required } from './fields.js';
import { checkPattern } from './pattern.js';
import { type JsonPlace, utf8Length } from './place.js';

const MAX_CONTENT = 256;
/** How many times longer the rules of a file may make an ASCII text. */
const MAX_LENGTHENING = 16;

/** A rule that replaces a match by `content`, which is up to `factor` times longer. */
interface Rule {
  readonly factor: number;
  readonly content: string;
  /** The text that the rule replaces; null when that is not known. */
  readonly pattern: string | null;
}

/** What a chain of normalizers can do to a text. */
export class Normalizing extends CheckBudget {
  /** Whether a rule can delete letters, digits or signs of ASCII, or turn them into white space. */
  deletesPlain = false;
  private lengthening = 1;
  /** Characters that rules have written; null when some are not known. */
  private written: Set<string> | null = new Set();

  /** Counts a rule. Factors multiply where it can match what another rule has written; else the largest counts. */
  lengthen({ factor, content, pattern }: Rule, at: JsonPlace): void {
    const { written } = this;
    const feeds =
      written === null ||
      (pattern === null ? written.size > 0 : [...folded(pattern)].some((one) => written.has(one)));
    const before = this.lengthening;
    this.lengthening = feeds ? before * Math.max(1, factor) : Math.max(before, factor);
    for (const one of folded(content)) written?.add(one);
    if (this.lengthening > MAX_LENGTHENING) {
      throw at.error(
        'UNSUPPORTED_MODEL',
        `must not make a text more than ${MAX_LENGTHENING} times longer, with all rules before it, got ${Math.ceil(this.lengthening)}`,
      );
    }
    this.grow(this.lengthening / before, at);
  }

  /** Counts a rule whose content is not known. */
  lengthenUnknown(factor: number, at: JsonPlace): void {
    this.lengthen({ factor, content: '', pattern: null }, at);
    if (factor > 1) this.written = null;
  }
}

/** The text without the differences that other normalizers may remove: case, accents, Unicode forms. */
function folded(text: string): string {
  return text.normalize('NFKD').toLowerCase();
}

const NORMALIZERS: Readonly<Record<string, Component<Normalizing>>> = {
  BertNormalizer: {
    fields: {
      clean_text: required(bool),
      handle_chinese_chars: required(bool),
      strip_accents: { check: orNull(bool), optional: true },
      lowercase: required(bool),
    },
    // Puts a space before and after each ideograph, which has three bytes.
    growth: 5 / 3,
  },
  Strip: { fields: { strip_left: required(bool), strip_right: required(bool) } },
  StripAccents: { fields: {} },
  // Unicode forms lengthen few characters, and each only once: what the rules below insert is measured in NFKD.
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

export function checkNormalizer(value: JsonValue, at: JsonPlace, budget: Normalizing): void {
  checkComponent(value, at, { table: NORMALIZERS, budget });
}

function prepend({ prepend: text }: JsonObject, at: JsonPlace, budget: Normalizing): void {
  const place = at.at('prepend');
  // With an empty `prepend` the package makes offsets that belong to no character, and ends the process over them.
  const content = place.text(text, MAX_CONTENT, 1);
  // Each part between added tokens gets the text, and may be a single character.
  budget.lengthen({ factor: 1 + longest(content), content, pattern: null }, place);
}

function precompiled(
  { precompiled_charsmap: map }: JsonObject,
  at: JsonPlace,
  budget: Normalizing,
): void {
  const place = at.at('precompiled_charsmap');
  const { growth, plainGrowth, deletesPlain } = checkCharsmap(map, place);
  budget.lengthenUnknown(plainGrowth, place);
  budget.grow(growth / plainGrowth, place);
  budget.deletesPlain ||= deletesPlain;
}

function replace({ pattern, content }: JsonObject, at: JsonPlace, budget: Normalizing): void {
  const text = at.at('content').text(content, MAX_CONTENT);
  const { bytes, spaceOnly, stepsBack, literal } = checkPattern(pattern, at.at('pattern'));
  const rule = { factor: longest(text) / bytes, content: text, pattern: literal };
  budget.lengthen(rule, at.at('content'));
  budget.stepsBack ||= stepsBack;
  budget.deletesPlain ||= !spaceOnly && !/[!-~]/.test(text);
}

/** Bytes of a text in the longer of its own form and NFKD. */
function longest(text: string): number {
  return Math.max(utf8Length(text), utf8Length(text.normalize('NFKD')));
}
