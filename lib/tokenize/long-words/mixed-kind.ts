/**
 * Cuts between any two letters, for tokenizers whose words depend on nothing but two neighbours, or that have none.
 *
 * Nothing joins two letters there but an added token. Its margins have none inside, and are longer than what one that begins
 * beyond them could have in common with them.
 */

import { isJsonObject } from '../../core/json.js';
import { type Added, type Component, joinsBlanks, literalOf } from '../tokenizer-parts.js';
import type { InnerKind } from './inner-cuts.js';
import { BASES } from './scripts.js';

/** Signs that most added tokens have, and that are in no margin of this kind; for a class of a regular expression. */
export const SIGNS = '<>\\[\\]{}|\u2581@#$%&*+=^~_/\\\\`';
/** Margins of a text have these beside the letters that are counted. */
const OTHERS = 12;

export interface MixedKind {
  /** UTF-16 units that the margins need. */
  readonly margin: number;
  /** Before what a cut may be; for a class of a regular expression. */
  readonly units: string;
  kind(margin: number): InnerKind;
}

/** null for tokenizers whose words depend on more. */
export function mixedKind(
  normalizers: readonly Component[],
  splitters: readonly Component[],
  added: readonly Added[],
): MixedKind | null {
  if (!normalizers.every(isSmall) || !splitters.every(isNear)) return null;
  const rules = normalizers.filter(({ type }) => type === 'Replace');
  // Blanks that a rule has written could be joined over a letter that was replaced.
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

/** At the ends of a text half of a surrogate pair. */
const HALF_PAIR = /^[\udc00-\udfff]|[\ud800-\udbff]$/;

/** The most characters in a row that are such. */
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

/** Replaces single characters, if any. */
function isSmall(normalizer: Component): boolean {
  return normalizer.type !== 'Replace' || [...literalOf(normalizer)].length <= 1;
}

/** Splits between two characters because of these two and the ones beside them. */
function isNear(splitter: Component): boolean {
  const { type, use_regex: regex, pattern, invert } = splitter;
  if (type === 'ByteLevel') return regex === false;
  if (type !== 'Split') return true;
  const { String: literal } = isJsonObject(pattern) ? pattern : {};
  return typeof literal === 'string' && [...literal].length === 1 && invert !== true;
}
