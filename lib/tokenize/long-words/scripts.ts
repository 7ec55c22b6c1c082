/**
 * Characters between which a text may be cut: letters that neither form a grapheme nor compose with a letter beside them, in
 * scripts that Unicode has had for long.
 *
 * Each list is for a class of a regular expression.
 */

export const LETTERS =
  'A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u00ff\u0410-\u044f' +
  '\u3041-\u3096\u30a1-\u30fa\u30fc\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3';

/** Letters of scripts that put blanks between words, which are seldom many in a row. */
const SPACED =
  '\u0391-\u03a1\u03a4-\u03a9\u03b1-\u03c1\u03c4-\u03c9\u05d0-\u05ea\u0621-\u063a\u0641-\u064a' +
  '\u0915-\u0939\u0995-\u09a8\u0b95\u0ba8-\u0baa\u0bae-\u0bb5';

export interface Script {
  /** Letters that always begin a grapheme, and end it when another of them follows. */
  readonly bases: string;
  /** The bases, and vowels and marks that stand among them. */
  readonly all: string;
}

/** Scripts without blanks between words whose letters have marks: Thai, Lao, Burmese, Khmer. */
export const SCRIPTS: readonly Script[] = [
  { bases: '\u0e01-\u0e2e', all: '\u0e01-\u0e3a\u0e40-\u0e4e' },
  {
    bases:
      '\u0e81\u0e82\u0e84\u0e87\u0e88\u0e8a\u0e8d\u0e94-\u0e97\u0e99-\u0e9f\u0ea1-\u0ea3\u0ea5\u0ea7\u0eaa\u0eab\u0ead\u0eae',
    all: '\u0e81\u0e82\u0e84\u0e87\u0e88\u0e8a\u0e8d\u0e94-\u0e97\u0e99-\u0e9f\u0ea1-\u0ea3\u0ea5\u0ea7\u0eaa\u0eab\u0ead-\u0eb9\u0ebb-\u0ebd\u0ec0-\u0ec4\u0ec8-\u0ecd',
  },
  { bases: '\u1000-\u1020', all: '\u1000-\u103e' },
  { bases: '\u1780-\u17a2', all: '\u1780-\u17a2\u17b6-\u17d3' },
];

export const BASES = `${LETTERS}${SPACED}${SCRIPTS.map(({ bases }) => bases).join('')}`;
