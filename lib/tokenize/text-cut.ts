/**
 * Where a long text may be cut so that its pieces, tokenized one by one, give the tokens of the whole.
 *
 * A tokenizer gets a rule only where that is known: every normalizer works on its surroundings alone, and some pre-tokenizer ends
 * a word at the cut. Texts of other tokenizers are tokenized whole.
 */

import { isJsonObject, type JsonObject } from '../core/json.js';
import {
  type Added,
  addedTokens,
  type Component,
  flat,
  isWordPattern,
  LOCAL_NORMALIZERS,
  LOCAL_SPLITTERS,
} from './tokenizer-parts.js';

export interface CutRule {
  /** A class of a regular expression: UTF-16 units before which a cut may be. */
  readonly units: string;
  /** Whether the tokens of text[0, i) and text[i, end) are together those of the text; text[i] is one of `units`. */
  isSafe(text: string, i: number): boolean;
  /** Length in letters from which on every word is unknown; null where no length makes a word unknown. */
  readonly unknownFrom: number | null;
  /** Whether the space at a cut is stripped from the piece after it. */
  readonly stripsSpace: boolean;
}

/** The rule for a tokenizer.json, or null when its texts must not be cut. */
export function cutRuleOf(tokenizer: JsonObject): CutRule | null {
  const added = addedTokens(tokenizer.added_tokens);
  const normalizers = flat(tokenizer.normalizer, 'normalizers');
  const splitters = flat(tokenizer.pre_tokenizer, 'pretokenizers');
  // Blanks inside an added token may lie on both sides of a cut.
  if (added.some(({ content }) => /\S\s/u.test(content))) return null;
  if (!normalizers.every(isLocalNormalizer) || !areLocal(splitters)) return null;
  const stripsSpace = normalizers.some(
    ({ type, strip_left: l }) => type === 'Strip' && l !== false,
  );
  const unknownFrom = added.some(isInsideWords) ? null : unknownLength(tokenizer, splitters);
  if (splitters.length === 1 && splitters[0]?.type === 'BertPreTokenizer') {
    const units = wordUnits(normalizers, added);
    const strips = added.some(({ lstrip, rstrip }) => lstrip || rstrip);
    const isSafe = notAfter(added, strips ? afterNoBlank : () => true);
    return { units, isSafe, unknownFrom, stripsSpace: false };
  }
  const blanksDropped = splitters.some(({ type }) => DROPS_BLANKS.has(String(type)));
  const stripped = stripsSpace && !blanksDropped;
  if (!splitters.some(endsWordsAtSpaces)) return null;
  // Only a tokenizer that marks every word puts back the space that was stripped.
  const marked = splitters.some(marksAllWords);
  if (stripped && (!marked || added.some(({ content }) => /\p{L}$/u.test(content)))) return null;
  const lines = splitters.every(splitsAtLines);
  return {
    units: lines ? '[ \\n]' : '[ ]',
    isSafe: notAfter(added, stripped ? betweenLetters : betweenWords),
    unknownFrom,
    stripsSpace: stripped,
  };
}

const DROPS_BLANKS = new Set(['BertPreTokenizer', 'Whitespace', 'WhitespaceSplit']);
/** Splitters that never divide a run of letters and digits. */
const DIVIDES_NO_WORD = new Set([...DROPS_BLANKS, 'Punctuation', 'Metaspace']);
/** Patterns that replace blanks but keep a single blank before a word as one character. */
const BLANK_PATTERNS = new Set([' {2,}', '\\s+', ' +']);

function isLocalNormalizer({ type, pattern, content }: Component): boolean {
  if (type !== 'Replace') return LOCAL_NORMALIZERS.has(String(type));
  const { String: literal, Regex: regex } = isJsonObject(pattern) ? pattern : {};
  if (typeof literal === 'string') return !/\s/u.test(`${literal}${String(content)}`);
  const joins = typeof regex === 'string' && BLANK_PATTERNS.has(regex);
  return joins && (content === ' ' || (regex === ' {2,}' && content === '\u2581'));
}

/**
 * Splitters after the one that drops blanks never see them, so only those up to it must be local. A later splitter that marks
 * only the first word would mark the first word of each piece.
 */
function areLocal(splitters: readonly Component[]): boolean {
  if (splitters.slice(1).some(({ prepend_scheme: scheme }) => scheme === 'first')) return false;
  const dropper = splitters.findIndex(({ type }) => DROPS_BLANKS.has(String(type)));
  return splitters.slice(0, dropper === -1 ? splitters.length : dropper).every(isLocalSplitter);
}

function isLocalSplitter(splitter: Component): boolean {
  const { type, behavior = 'Isolated' } = splitter;
  if (type === 'Punctuation') return behavior === 'Isolated' || behavior === 'Removed';
  return LOCAL_SPLITTERS.has(String(type)) || isWordPattern(splitter);
}

function endsWordsAtSpaces(splitter: Component): boolean {
  const { type, split, use_regex: regex } = splitter;
  if (type === 'Metaspace') return split !== false;
  if (type === 'ByteLevel') return regex !== false;
  return DROPS_BLANKS.has(String(type)) || isWordPattern(splitter);
}

/** Whether a line break begins a word as a space does, and no space is put before it. */
function splitsAtLines(splitter: Component): boolean {
  const { type, add_prefix_space: prefix } = splitter;
  if (type === 'ByteLevel') return prefix === false;
  return DROPS_BLANKS.has(String(type)) || isWordPattern(splitter);
}

function marksAllWords({ type, prepend_scheme: scheme, add_prefix_space: prefix }: Component) {
  return type === 'Metaspace' && (scheme === 'always' || (scheme === undefined && prefix === true));
}

/**
 * Blanks, and the marks and ideographs that are words of their own, unless an added token contains them after its first
 * character.
 */
function wordUnits(normalizers: readonly Component[], added: readonly Added[]): string {
  const blanks = '\\t\\n\\r ';
  if (added.some(({ singleWord }) => singleWord)) return `[${blanks}]`;
  const forms = added.flatMap(({ content }) => [content, content.normalize('NFKD')]);
  const inside = new Set(forms.flatMap((form) => [...form].slice(1)));
  const marks = [...'!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~'].filter((mark) => !inside.has(mark));
  const whole = normalizers.length === 1 && normalizers[0]?.handle_chinese_chars === true;
  const ideographs = whole && ![...inside].some((unit) => /[\u4e00-\u9fff]/.test(unit));
  const listed = marks.map((mark) => `\\${mark}`).join('');
  return `[${blanks}${listed}${ideographs ? '\u4e00-\u9fff' : ''}]`;
}

/** Forbids cuts after the last character of a token that takes along the blanks after it. */
function notAfter(added: readonly Added[], isSafe: CutRule['isSafe']): CutRule['isSafe'] {
  const tokens = added.filter(({ rstrip }) => rstrip);
  if (tokens.length === 0) return isSafe;
  const lasts = new Set(tokens.map(({ content }) => lastOf(content)));
  return (text, i) => {
    const before = lastOf(text.slice(Math.max(0, i - 2), i));
    // Normalizers may delete other characters.
    return SOLID.test(before) && !lasts.has(before) && isSafe(text, i);
  };
}

function lastOf(text: string): string {
  return [...text.normalize('NFKD').toLowerCase()].at(-1) ?? '';
}

/** A token that takes along the blanks beside it takes all of them, so no run of blanks may be divided. */
function afterNoBlank(text: string, i: number): boolean {
  return !/[\s\u0085]/.test(text.charAt(i - 1));
}

/** A single blank between two characters that no normalizer joins to a neighbour. */
function betweenWords(text: string, i: number): boolean {
  const before = text.charCodeAt(i - 1) >> 10 === 0x37 ? text.slice(i - 2, i) : text.charAt(i - 1);
  if (text.charAt(i) === '\n' && !/[\p{L}\p{N}]/u.test(before)) return false;
  return isSolid(before) && isSolid(String.fromCodePoint(text.codePointAt(i + 1) ?? 0));
}

/**
 * As `betweenWords`, with letters on both sides: before other characters the space might be a word of its own, and after an
 * added token it is stripped in the whole text too.
 */
function betweenLetters(text: string, i: number): boolean {
  return betweenWords(text, i) && /\p{L}\s\p{L}/u.test(text.slice(i - 1, i + 2));
}

/**
 * Visible ASCII, letters, digits and pictures. Beyond U+FFFF only ideographs are taken: some letters there, like U+0D4E, form one
 * grapheme with the character after them.
 */
const SOLID =
  /^(?:[!-~\p{Extended_Pictographic}\p{Script=Han}]|(?![\u0d4e\u{10000}-\u{10ffff}])[\p{L}\p{N}])$/u;

/** Whether a character is in SOLID, and NFKD does not turn it into a space and a mark. */
function isSolid(character: string): boolean {
  return SOLID.test(character) && !/\s/.test(character.normalize('NFKD'));
}

/** Whether an added token may divide a word of letters and digits: it is one itself, and is found inside of others. */
function isInsideWords({ forms, singleWord }: Added): boolean {
  return !singleWord && forms.some((form) => /^[\p{L}\p{M}\p{Nd}]+$/u.test(form));
}

/**
 * Letters that make a word too long for any entry of the vocabulary, even if normalizing joins several to one; null when unknown.
 */
function unknownLength(tokenizer: JsonObject, splitters: readonly Component[]): number | null {
  if (!splitters.some(({ type }) => DROPS_BLANKS.has(String(type)))) return null;
  if (!splitters.every(({ type }) => DIVIDES_NO_WORD.has(String(type)))) return null;
  const model = isJsonObject(tokenizer.model) ? tokenizer.model : {};
  const { type, max_input_chars_per_word: stated = 100 } = model;
  if (type !== 'WordPiece' && type !== 'WordLevel') return null;
  const longest = type === 'WordPiece' ? stated : longestWord(model);
  return typeof longest === 'number' ? 4 * longest + 16 : null;
}

function longestWord({ vocab }: JsonObject): number {
  const words = isJsonObject(vocab) ? Object.keys(vocab) : [];
  return words.reduce((longest, { length }) => Math.max(longest, length), 0);
}
