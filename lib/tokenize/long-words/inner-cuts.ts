/**
 * Where a text may be cut inside of words, so that its normalizer and pre-tokenizer do to the parts what they do to the whole, if
 * each part is given a margin of what is beside it.
 *
 * A cut is in a run of characters of one kind, which every known rule treats alike wherever the run began and however it ends.
 */

import { isJsonObject } from '../../core/json.js';
import {
  type Added,
  type Component,
  isWordPattern,
  LOCAL_NORMALIZERS,
  LOCAL_SPLITTERS,
} from '../tokenizer-parts.js';

export interface InnerKind {
  /** Matches the margins of a cut. */
  readonly around: RegExp;
  /** Blanks that this follows, once it is decomposed, may belong to an added token; null for what is no blank. */
  readonly before: RegExp | null;
}

export interface InnerCuts {
  /** UTF-16 units on both sides of a cut that are of one kind, and are given to each part as its margin. */
  readonly margin: number;
  readonly kinds: readonly InnerKind[];
  /** Before what a cut may be. */
  readonly units: string;
}

/** Contractions, of which the longest has an apostrophe and two letters, end within these. */
const LEAST_MARGIN = 4;
/** Added tokens that are longer make no cut worth its search. */
const MOST_MARGIN = 64;

/** Letters that are no grapheme and no composition with a letter beside them, in scripts that have been in Unicode for long. */
const LETTERS =
  'A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u00ff\u0410-\u044f' +
  '\u3041-\u3096\u30a1-\u30fa\u30fc\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3';
/** Visible ASCII without quotes: an apostrophe begins contractions. */
const MARKS = '!#$%&()*+,\\-./:;<=>?@[\\\\\\]^_{|}~';
const BLANKS = ' \\t\\n\\r';
const DELIMITERS = new Set(['Split', 'CharDelimiterSplit']);

/** null when there is a rule that is not known to be local, or no run is safe from all of them. */
export function innerCutsOf(
  normalizers: readonly Component[],
  splitters: readonly Component[],
  added: readonly Added[],
): InnerCuts | null {
  const margin = Math.max(LEAST_MARGIN, ...added.map(({ content }) => content.length));
  if (margin > MOST_MARGIN || added.some(({ content }) => isSymbol(content))) return null;
  if (!normalizers.every(isLocalNormalizer) || !splitters.every(isLocalSplitter)) return null;
  const literals = [...normalizers, ...splitters].map(literalOf).join('');
  const safe = [
    ...letterKinds(splitters),
    MARKS,
    ...blankKinds(normalizers, splitters, added),
  ].filter(
    (kind) =>
      !new RegExp(`[${kind}]`).test(literals) &&
      !added.some(({ content }) => new RegExp(`^[${kind}\\p{M}]*$`, 'u').test(content)),
  );
  if (safe.length === 0) return null;
  const firsts = added.filter(({ lstrip }) => lstrip).map(({ content }) => firstOf(content));
  const before = new RegExp(`^[${firsts.join('')}]`, 'iu');
  const kinds = safe.map((kind) => ({
    around: new RegExp(`^[${kind}]{${2 * margin}}$`),
    before: /\\n/.test(kind) ? before : null,
  }));
  return { margin, kinds, units: `[${safe.join('')}]` };
}

/** For a class of a regular expression. */
function firstOf(content: string): string {
  const [first = ''] = content.normalize('NFKD');
  return `\\u{${(first.codePointAt(0) ?? 0).toString(16)}}`;
}

/** What could not be told from a character, or a byte of one. */
function isSymbol(content: string): boolean {
  return [...content].length < 2 || /^<0x..>$/.test(content);
}

function isLocalNormalizer({ type, pattern }: Component): boolean {
  if (type !== 'Replace') return LOCAL_NORMALIZERS.has(String(type)) || type === 'Prepend';
  if (!isJsonObject(pattern)) return false;
  return typeof pattern.String === 'string' || joinsBlanks({ type, pattern });
}

function isLocalSplitter(splitter: Component): boolean {
  const { type } = splitter;
  if (DELIMITERS.has(String(type))) return literalOf(splitter) !== '' || isWordPattern(splitter);
  return LOCAL_SPLITTERS.has(String(type)) || type === 'Punctuation';
}

/** What is replaced, or divides words. */
function literalOf({ type, pattern, delimiter }: Component): string {
  if (type === 'CharDelimiterSplit') return String(delimiter);
  const { String: literal } = isJsonObject(pattern) ? pattern : {};
  return typeof literal === 'string' ? literal : '';
}

function joinsBlanks({ type, pattern }: Component): boolean {
  const { Regex: regex } = isJsonObject(pattern) ? pattern : {};
  return type === 'Replace' && typeof regex === 'string' && /^(?: |\\s)(?:\+|\{2,\})$/.test(regex);
}

/** Where digits are counted by threes, from the first of them, only letters are. */
function letterKinds(splitters: readonly Component[]): string[] {
  return [
    splitters.some((splitter) => regexOf(splitter).includes('{1,3}')) ? LETTERS : `${LETTERS}0-9`,
  ];
}

/**
 * Runs of blanks, unless they are stripped, or divided by what comes after them. Those that are joined to one are that one's where
 * they begin; in later parts it begins in the margin, and is left out with it.
 */
function blankKinds(
  normalizers: readonly Component[],
  splitters: readonly Component[],
  added: readonly Added[],
): string[] {
  if (normalizers.some(({ type }) => type === 'Strip')) return [];
  if (added.some(({ rstrip }) => rstrip)) return [];
  return splitters.some((splitter) => regexOf(splitter).includes('\\s*[')) ? ['\\n'] : [BLANKS];
}

function regexOf({ pattern }: Component): string {
  const { Regex: regex } = isJsonObject(pattern) ? pattern : {};
  return typeof regex === 'string' ? regex : '';
}
