/**
 * The border to the native core: vocabularies and WordPiece.
 */

/** A vocabulary that was read from its JSON without an object for it. */
export interface NativeWordList {
  /** Number of words, whose ids are 0 to size - 1; 0 where the JSON has to be read otherwise. */
  size(): number;
  /** Id of a word, which must be well-formed; -1 for what is none. */
  find(word: string): number;
  /** All words by id, joined by zero characters. */
  joined(): string;
}

/** How the core's WordPiece reads texts; the first four are the switches of BERT's normalizer, all false without one. */
export interface WordPieceRules {
  /** Drops control characters. */
  readonly cleans: boolean;
  /** Makes each ideograph a word. */
  readonly spaces: boolean;
  /** Decomposes canonically and drops nonspacing marks. */
  readonly strips: boolean;
  readonly lowercases: boolean;
  /** Of tokens that continue a word. */
  readonly prefix: string;
  /** Id of the token for a word that the vocabulary lacks. */
  readonly unknown: number;
  /** Characters of a word beyond which it is unknown. */
  readonly maxWord: number;
}

/** Tokens of texts back to back: text i has ids[offsets[i]] up to ids[offsets[i + 1]]. */
export interface NativePieces {
  readonly ids: Int32Array;
  /** Places in UTF-16 units of the token's text. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** One more entry than texts. */
  readonly offsets: Int32Array;
  /** Indices of texts without tokens here, because what a mark becomes depends on its neighbours. */
  readonly refused: Int32Array;
}

export interface NativeWordPieces {
  /** On this thread: about a millisecond for 4,000 tokens. */
  encode(texts: readonly string[]): NativePieces;
}
