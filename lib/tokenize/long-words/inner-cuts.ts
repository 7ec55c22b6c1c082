/**
 * Where a text may be cut inside of words, so that its normalizer and pre-tokenizer do to the parts what they do to the whole, if
 * each part is given a margin of what is beside it.
 *
 * A cut is in a run of characters of one kind, which every known rule treats alike wherever the run began and however it ends; or,
 * where words depend on nothing but two neighbours, between any two letters.
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
  /** Whether a cut may be in the middle of these margins. */
  isCut(around: string): boolean;
  /** What is looked at of the blanks around a cut; null for what is no blank. */
  readonly blanks: BlankNeighbours | null;
}

/** Blanks that a match of these follows, or comes before, once it is decomposed, may belong to an added token. */
export interface BlankNeighbours {
  readonly following: RegExp;
  /** null: no added token takes along what comes after it. */
  readonly before: RegExp | null;
}

export interface InnerCuts {
  /** UTF-16 units on both sides of a cut that are given to each part as its margin. */
  readonly margin: number;
  readonly kinds: readonly InnerKind[];
  /** Before what a cut may be. */
  readonly units: string;
}

/** Contractions, of which the longest has an apostrophe and two letters, end within these. */
const LEAST_MARGIN = 4;
/** Added tokens that are longer make no cut worth its search. */
const MOST_MARGIN = 64;

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
  if (added.some(({ content }) => isSymbol(content))) return null;
  if (!normalizers.every(isLocalNormalizer) || !splitters.every(isLocalSplitter)) return null;
  const mixed = mixedKind(normalizers, splitters, added);
  const margin = Math.max(LEAST_MARGIN, mixed?.margin ?? 0, 1 + longestRun(added));
  if (margin > MOST_MARGIN) return null;
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

/** Characters in a row of an added token that could all be in a margin of one kind. */
function longestRun(added: readonly Added[]): number {
  const forms = added.flatMap((one) => one.forms);
  const [signs, marks] = [SIGNS, MARKS].map((list) => new RegExp(`[${list}]`));
  return Math.max(
    longestRunOf(forms, (character) => !signs?.test(character)),
    longestRunOf(forms, (character) => marks?.test(character) === true),
  );
}

/** Of a run of blanks, from the tokens that take along those before them, or after them. */
function neighboursOf(added: readonly Added[]): BlankNeighbours {
  const firsts = added.filter(({ lstrip }) => lstrip).map(({ content }) => endOf(content, 0));
  const lasts = added.filter(({ rstrip }) => rstrip).map(({ content }) => endOf(content, -1));
  return {
    following: new RegExp(`^[${firsts.join('')}]`, 'iu'),
    before: lasts.length === 0 ? null : new RegExp(`[${lasts.join('')}]$`, 'iu'),
  };
}

/** For a class of a regular expression. */
function endOf(content: string, at: 0 | -1): string {
  const character = [...content.normalize('NFKD')].at(at) ?? '';
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
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

/** Where digits are counted by threes, from the first of them, only letters are. */
function letterKinds(splitters: readonly Component[]): string[] {
  return [
    splitters.some((splitter) => regexOf(splitter).includes('{1,3}')) ? LETTERS : `${LETTERS}0-9`,
  ];
}

/**
 * Runs of blanks, unless they are stripped, or something is put before them, or they are divided by what comes after them. Those that are joined to one are that one's where
 * they begin; in later parts it begins in the margin, and is left out with it.
 */
function blankKinds(normalizers: readonly Component[], splitters: readonly Component[]): string[] {
  if (normalizers.some(({ type }) => type === 'Strip' || type === 'Prepend')) return [];
  return splitters.some((splitter) => regexOf(splitter).includes('\\s*[')) ? ['\\n'] : [BLANKS];
}

function regexOf({ pattern }: Component): string {
  const { Regex: regex } = isJsonObject(pattern) ? pattern : {};
  return typeof regex === 'string' ? regex : '';
}
