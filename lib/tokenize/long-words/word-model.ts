/**
 * What BPE and Unigram have in common: a vocabulary of symbols, and a best way through the symbols of a word.
 *
 * A model is made only of files whose every rule is known; for all others there is none.
 */

import type { Symbols, WordWindow } from './word-window.js';

/** The ways through one word; a model has one for each text that is read. */
export interface WordPaths {
  /** A word begins: `window` is empty. */
  begin(): void;
  /** Goes on from place window.done along all tokens that begin there; `offset` is where the window begins in the word. */
  step(window: WordWindow, offset: number): void;
}

export interface WordModel {
  /** The characters of the vocabulary. */
  readonly characters: readonly string[];
  /** Symbols that tokens are made of; numbers from here on are characters in no token: this and their code point. */
  readonly count: number;
  /**
   * The symbol of a character, which is its number in `characters`, or their count and its code point. `first` and `last`: it is so
   * in its word, which matters to some models.
   */
  symbol(character: number, first: boolean, last: boolean): number;
  /** Symbols of the longest token. */
  readonly depth: number;
  /** Id and name of a token of these symbols; null for what is in no vocabulary. */
  token(symbols: Symbols, begin: number, end: number): WordToken | null;
  /** What stands for a character that is in no token: null when it is left out. */
  readonly unknown: UnknownToken | null;
  /** Words that are tokens whatever parts they have; null when there are none. */
  readonly words: WholeWords | null;
  paths(): WordPaths;
}

export interface WordToken {
  readonly id: number;
  readonly name: string;
}

export interface WholeWords {
  /** Characters of the longest. */
  readonly longest: number;
  find(word: string): WordToken | null;
}

export interface UnknownToken {
  /** -1 where it has none of its own, but tokens for its bytes. */
  readonly id: number;
  /** null: it is called as the text that it stands for. */
  readonly name: string | null;
  /** Neighbours become one. */
  readonly fused: boolean;
  /** A token for each byte, which all have the place of the characters that are fused. */
  readonly bytes: readonly WordToken[] | null;
}

/** What the token of a byte is called. */
export function byteName(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
}

/** The tokens of all bytes; null when some have none. */
export function byteTokens(idOf: (name: string) => number | undefined): WordToken[] | null {
  const tokens: WordToken[] = [];
  for (let byte = 0; byte < 256; byte++) {
    const name = byteName(byte);
    const id = idOf(name);
    if (id === undefined) return null;
    tokens.push({ id, name });
  }
  return tokens;
}
