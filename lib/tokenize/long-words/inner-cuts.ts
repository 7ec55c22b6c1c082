/**
 * Where a text may be cut inside words, so that its normalizer and pre-tokenizer treat the parts as they treat the whole, if each
 * part is given a margin of the text beside it.
 *
 * A cut lies in a run of characters of one kind, which every supported rule treats alike wherever the run began and however it
 * ends. Where words depend on nothing but two neighbours, a cut may lie between any two letters.
 */

import { isJsonObject } from '../../core/json.js';
import {
  type Added,
  type Component,
  isWordPattern,
  joinsBlanks,
  LOCAL_NORMALIZERS,
  LOCAL_SPLITTERS,
  literalOf,
} from '../tokenizer-parts.js';
import { longestRunOf, mixedKind, SIGNS } from './mixed-kind.js';
import { LETTERS, SCRIPTS } from './scripts.js';

export interface InnerKind {
  /** Whether a cut is safe in the middle of `around`, the margins on both sides of it. */
  isCut(around: string): boolean;
  /** Added tokens that may own the blanks around a cut; null where the kind is not of blanks. */
  readonly blanks: BlankNeighbours | null;
}

/** Matches of the text beside a run of blanks, in NFKD: where one matches, the blanks may belong to an added token. */
export interface BlankNeighbours {
  readonly following: RegExp;
  /** null: no added token takes along the blanks after it. */
  readonly before: RegExp | null;
}

export interface InnerCuts {
  /** UTF-16 units on each side of a cut that the parts get as their margin. */
  readonly margin: number;
  readonly kinds: readonly InnerKind[];
  /** Class of the characters before which a cut may be. */
  readonly units: string;
}

/** Contractions end within these units: the longest has an apostrophe and two letters. */
const MIN_MARGIN = 4;
/** Longest margin: with added tokens that need more, cuts are not worth their search. */
const MAX_MARGIN = 64;

/** Visible ASCII without quotes: an apostrophe begins contractions. */
const MARKS = '!#$%&()*+,\\-./:;<=>?@[\\\\\\]^_{|}~';
const BLANKS = ' \\t\\n\\r';
const DELIMITERS = new Set(['Split', 'CharDelimiterSplit']);

/** null when some rule is not known to be local, or no run is safe from all rules. */
export function innerCutsOf(
  normalizers: readonly Component[],
  splitters: readonly Component[],
  added: readonly Added[],
): InnerCuts | null {
  if (added.some(({ content }) => isSymbol(content))) return null;
  if (!normalizers.every(isLocalNormalizer) || !splitters.every(isLocalSplitter)) return null;
  // The package prepends to the added tokens that it looks for in normalized text too: behind any blank of the text there may be one.
  const blank = normalizers.some(
    ({ type, prepend }) => type === 'Prepend' && /\s/u.test(String(prepend)),
  );
  if (blank && added.some(({ normalized }) => normalized)) return null;
  const mixed = mixedKind(normalizers, splitters, added);
  const margin = Math.max(MIN_MARGIN, mixed?.margin ?? 0, 1 + longestRun(added));
  if (margin > MAX_MARGIN) return null;
  const literals = [...normalizers, ...splitters].map(literalOf).join('');
  const isSafe = (kind: string) =>
    !new RegExp(`[${kind}]`).test(literals) &&
    !added.some(({ content }) => new RegExp(`^[${kind}\\p{M}]*$`, 'u').test(content));
  const runs = [...letterKinds(splitters), MARKS].filter(isSafe);
  const blanks = blankKinds(normalizers, splitters).filter(isSafe);
  const scripts = SCRIPTS.filter(
    ({ all }) =>
      isSafe(all) && !added.some(({ forms }) => new RegExp(`[${all}]`).test(forms.join())),
  );
  const kinds: InnerKind[] = [
    ...runs.map((kind) => runKind(`^[${kind}]{${2 * margin}}$`)),
    ...blanks.map((kind) => runKind(`^[${kind}]{${2 * margin}}$`, neighboursOf(added))),
    ...scripts.map(({ all, bases }) =>
      runKind(`^[${all}]{${margin - 1}}[${bases}]{2}[${all}]{${margin - 1}}$`),
    ),
    ...(mixed === null ? [] : [mixed.kind(margin)]),
  ];
  if (kinds.length === 0) return null;
  const bases = scripts.map((script) => script.bases);
  return {
    ...{ margin, kinds },
    units: `[${[...runs, ...blanks, ...bases, mixed?.units ?? ''].join('')}]`,
  };
}

function runKind(pattern: string, blanks: BlankNeighbours | null = null): InnerKind {
  const around = new RegExp(pattern);
  return { isCut: (text) => around.test(text), blanks };
}

/** Longest run of characters of an added token that could all lie in a margin of one kind. */
function longestRun(added: readonly Added[]): number {
  const forms = added.flatMap((one) => one.forms);
  const [signs, marks] = [SIGNS, MARKS].map((list) => new RegExp(`[${list}]`));
  return Math.max(
    longestRunOf(forms, (character) => !signs?.test(character)),
    longestRunOf(forms, (character) => marks?.test(character) === true),
  );
}

/** The neighbours of a run of blanks that matter: the ends of tokens that strip the blanks before them, or after them. */
function neighboursOf(added: readonly Added[]): BlankNeighbours {
  const firsts = added.filter(({ lstrip }) => lstrip).map(({ content }) => endOf(content, 0));
  const lasts = added.filter(({ rstrip }) => rstrip).map(({ content }) => endOf(content, -1));
  return {
    following: new RegExp(`^[${firsts.join('')}]`, 'iu'),
    before: lasts.length === 0 ? null : new RegExp(`[${lasts.join('')}]$`, 'iu'),
  };
}

/** The first or last character of a token, written for a class of a regular expression. */
function endOf(content: string, at: 0 | -1): string {
  const character = [...content.normalize('NFKD')].at(at) ?? '';
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

/** Whether an added token looks like a symbol: one character, or the name of a byte. */
function isSymbol(content: string): boolean {
  return [...content].length < 2 || /^<0x..>$/.test(content);
}

function isLocalNormalizer(rule: Component): boolean {
  const { type, pattern } = rule;
  if (type !== 'Replace') return LOCAL_NORMALIZERS.has(String(type)) || type === 'Prepend';
  if (!isJsonObject(pattern)) return false;
  return typeof pattern.String === 'string' || joinsBlanks(rule);
}

function isLocalSplitter(splitter: Component): boolean {
  const { type } = splitter;
  if (DELIMITERS.has(String(type))) return literalOf(splitter) !== '' || isWordPattern(splitter);
  return LOCAL_SPLITTERS.has(String(type)) || type === 'Punctuation';
}

/** Letters and digits; only letters where a pattern groups digits by threes, counted from the first. */
function letterKinds(splitters: readonly Component[]): string[] {
  return [
    splitters.some((splitter) => regexOf(splitter).includes('{1,3}')) ? LETTERS : `${LETTERS}0-9`,
  ];
}

/**
 * Blanks, unless they are stripped, get a prefix, or are split by what follows them. Where a run is joined to one blank, that
 * blank stands where the run begins: in later parts it lies in the margin, and is left out with it.
 */
function blankKinds(normalizers: readonly Component[], splitters: readonly Component[]): string[] {
  if (normalizers.some(({ type }) => type === 'Strip' || type === 'Prepend')) return [];
  return splitters.some((splitter) => regexOf(splitter).includes('\\s*[')) ? ['\\n'] : [BLANKS];
}

function regexOf({ pattern }: Component): string {
  const { Regex: regex } = isJsonObject(pattern) ? pattern : {};
  return typeof regex === 'string' ? regex : '';
}
