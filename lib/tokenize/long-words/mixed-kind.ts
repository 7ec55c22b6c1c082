/**
 * Cuts between any two letters, for tokenizers without words, or whose words depend on nothing but two neighbours.
 *
 * There only an added token can join two letters. So no margin contains an added token, and each is longer than its overlap with
 * one that begins outside could be.
 */

import { isJsonObject } from '../../core/json.js';
import { type Added, type Component, joinsBlanks, literalOf } from '../tokenizer-parts.js';
import type { InnerKind } from './inner-cuts.js';
import { BASES } from './scripts.js';

/** Signs that most added tokens contain; no margin of this kind may have one. For a class of a regular expression. */
export const SIGNS = '<>\\[\\]{}|\u2581@#$%&*+=^~_/\\\\`';
/** UTF-16 units that a margin has beside the letters that are required. */
const OTHERS = 12;

export interface MixedKind {
  /** UTF-16 units that the margins need. */
  readonly margin: number;
  /** Characters before which a cut may be, for a class of a regular expression. */
  readonly units: string;
  kind(margin: number): InnerKind;
}

/** null for tokenizers whose words depend on more than two neighbours. */
export function mixedKind(
  normalizers: readonly Component[],
  splitters: readonly Component[],
  added: readonly Added[],
): MixedKind | null {
  if (!normalizers.every(isSmall) || !splitters.every(isNear)) return null;
  const rules = normalizers.filter(({ type }) => type === 'Replace');
  // Blanks that one rule writes in place of a letter could be joined across it by another.
  const writesBlanks = rules.some((rule) => literalOf(rule) !== '' && /\s/.test(`${rule.content}`));
  if (writesBlanks && rules.some(joinsBlanks)) return null;
  const written = rules.map(({ content }) => String(content)).join('');
  const signs = new RegExp(`[${SIGNS}]`);
  const isSign = (character: string) => signs.test(character) && !written.includes(character);
  const normalized = added.filter((one) => one.normalized).flatMap(({ forms }) => forms);
  if (!normalized.every((form) => [...form].some(isSign))) return null;
  const found = added.map(({ content }) => content).filter((content) => !signs.test(content));
  const least = 1 + longestRunOf(normalized, (character) => !isSign(character));
  const base = `[${BASES}0-9]`;
  const letters = new RegExp(base, 'g');
  const hasLetters = (half: string) => (half.match(letters)?.length ?? 0) >= least;
  return {
    margin: least + OTHERS,
    units: `${BASES}0-9`,
    kind: (margin) => {
      const middle = new RegExp(`^[^]{${margin - 1}}${base}{2}`);
      return {
        blanks: null,
        isCut: (around) =>
          middle.test(around) &&
          !HALF_PAIR.test(around) &&
          !signs.test(around.normalize('NFKD')) &&
          !found.some((content) => around.includes(content)) &&
          hasLetters(around.slice(0, margin)) &&
          hasLetters(around.slice(margin)),
      };
    },
  };
}

/** Matches half of a surrogate pair at either end of a text. */
const HALF_PAIR = /^[\udc00-\udfff]|[\ud800-\udbff]$/;

/** Most UTF-16 units in a row whose characters all satisfy `isSuch`. */
export function longestRunOf(
  texts: readonly string[],
  isSuch: (character: string) => boolean,
): number {
  let longest = 0;
  for (const text of texts) {
    let run = 0;
    for (const character of text) {
      run = isSuch(character) ? run + character.length : 0;
      longest = Math.max(longest, run);
    }
  }
  return longest;
}

/** Whether a normalizer replaces at most single characters. */
function isSmall(normalizer: Component): boolean {
  return normalizer.type !== 'Replace' || [...literalOf(normalizer)].length <= 1;
}

/** Whether a splitter decides on a split by the two characters around it alone. */
function isNear(splitter: Component): boolean {
  const { type, use_regex: regex, pattern, invert } = splitter;
  if (type === 'ByteLevel') return regex === false;
  if (type !== 'Split') return true;
  const { String: literal } = isJsonObject(pattern) ? pattern : {};
  return typeof literal === 'string' && [...literal].length === 1 && invert !== true;
}
