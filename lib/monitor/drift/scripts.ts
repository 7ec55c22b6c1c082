/**
 * The script that a text is written in, by Unicode's property Script: what can be said of its language without a model.
 *
 * The rule: a text counts once, for the script that most of its first letters have; digits, spaces and signs have none.
 */

/** Scripts that are told apart; a letter of another one is `Other`. Han, kana and Hangul are what Chinese, Japanese and Korean share and do not. */
const SCRIPTS = [
  ...['Latin', 'Cyrillic', 'Greek', 'Arabic', 'Hebrew', 'Devanagari', 'Bengali', 'Tamil', 'Telugu'],
  ...['Thai', 'Han', 'Hiragana', 'Katakana', 'Hangul', 'Armenian', 'Georgian', 'Ethiopic', 'Khmer'],
] as const;

const OTHER = SCRIPTS.length;
const NO_LETTER = SCRIPTS.length + 1;

/** Names of all answers of `scriptOf`, in the order of the counts. `None`: a text without letters. */
export const SCRIPT_NAMES: readonly string[] = [...SCRIPTS, 'Other', 'None'];

const PATTERNS = SCRIPTS.map((name) => new RegExp(`\\p{Script=${name}}`, 'u'));
const LETTER = /\p{Letter}/u;

/** 1 + the script of each character below U+10000 that was met; 0: not met yet. */
const met = new Uint8Array(0x10000);

function scriptOfCharacter(code: number): number {
  const known = code < met.length ? (met[code] ?? 0) : 0;
  if (known > 0) return known - 1;
  const char = String.fromCodePoint(code);
  const found = PATTERNS.findIndex((pattern) => pattern.test(char));
  const script = !LETTER.test(char) ? NO_LETTER : found < 0 ? OTHER : found;
  if (code < met.length) met[code] = script + 1;
  return script;
}

/** Characters that are looked at. */
const LOOKED_AT = 256;

/** Number in SCRIPT_NAMES of the script of a text. */
export function scriptOf(text: string): number {
  const counts = new Uint16Array(SCRIPT_NAMES.length);
  let looked = 0;
  for (const char of text) {
    if (looked++ === LOOKED_AT) break;
    const script = scriptOfCharacter(char.codePointAt(0) ?? 0);
    counts[script] = (counts[script] ?? 0) + 1;
  }
  let best = NO_LETTER;
  let most = 0;
  for (let script = 0; script < NO_LETTER; script++) {
    const count = counts[script] ?? 0;
    if (count > most) [best, most] = [script, count];
  }
  return best;
}
