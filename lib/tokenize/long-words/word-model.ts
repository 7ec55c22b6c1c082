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
  /** The characters of the vocabulary: symbol i is characters[i], and what is beyond them is in no token. */
  readonly characters: readonly string[];
  /** Symbols of the longest token. */
  readonly depth: number;
  /** Id and name of a token of these symbols; null for what is in no vocabulary. */
  token(symbols: Symbols, begin: number, end: number): WordToken | null;
  /** What stands for a character that is in no vocabulary: null when it is left out. */
  readonly unknown: UnknownToken | null;
  paths(): WordPaths;
}

export interface WordToken {
  readonly id: number;
  readonly name: string;
}

export interface UnknownToken {
  readonly id: number;
  /** null: it is called as the text that it stands for. */
  readonly name: string | null;
  /** Neighbours become one. */
  readonly fused: boolean;
}
