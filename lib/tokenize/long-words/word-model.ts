/**
 * The interface of BPE and Unigram: a vocabulary of symbols, and the best path through the symbols of a word.
 *
 * Only a file whose every rule is supported gets a model.
 */

import type { SymbolIds, WordWindow } from './word-window.js';

/** The state of the paths through one word; each text that is read has one. */
export interface WordPaths {
  /** Begins a word, with an empty `window`. */
  begin(): void;
  /**
   * Extends the paths by all tokens that begin at place window.done; `offset` is the place in the word where the window begins.
   */
  step(window: WordWindow, offset: number): void;
}

export interface WordModel {
  /** The characters of the vocabulary. */
  readonly characters: readonly string[];
  /** Number of symbols that tokens are made of. A character in no token has a larger symbol: this number plus its code point. */
  readonly count: number;
  /**
   * The symbol of a character, given by its index in `characters`, or by their number plus its code point. `first` and `last`:
   * whether it begins or ends its word, which matters to some models.
   */
  symbol(character: number, first: boolean, last: boolean): number;
  /** Symbols of the longest token. */
  readonly depth: number;
  /** Id and name of the token of these symbols; null when the vocabulary has none. */
  token(symbols: SymbolIds, begin: number, end: number): WordToken | null;
  /** The token for characters that are in no token; null when they are left out. */
  readonly unknown: UnknownToken | null;
  /** Words that are taken whole when they are tokens; null when the model has no such rule. */
  readonly words: WholeWords | null;
  paths(): WordPaths;
}

export interface WordToken {
  readonly id: number;
  readonly name: string;
}

export interface WholeWords {
  /** Characters of the longest such word. */
  readonly longest: number;
  find(word: string): WordToken | null;
}

export interface UnknownToken {
  /** -1 where only its bytes have tokens. */
  readonly id: number;
  /** null: its name is the text that it stands for. */
  readonly name: string | null;
  /** Whether neighbours become one token. */
  readonly fused: boolean;
  /** A token for each byte, each with the place of the whole run; null when the model has none. */
  readonly bytes: readonly WordToken[] | null;
}

/** Name of the token of a byte. */
export function byteName(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
}

/** The tokens of all 256 bytes; null when some are missing. */
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
