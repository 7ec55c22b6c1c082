/**
 * The border to the native core: byte-level byte pair encoding.
 */

/** How the core's byte pairs read texts. */
export interface BytePairRules {
  /** Puts a space before a text that does not begin with one. */
  readonly addsSpace: boolean;
  /** A word of the vocabulary is one token, whatever the merges make of it. */
  readonly ignoresMerges: boolean;
}

/** Token ids of texts back to back: text i has ids[offsets[i]] up to ids[offsets[i + 1]]. */
export interface NativePairs {
  readonly ids: Int32Array;
  /** One more entry than texts. */
  readonly offsets: Int32Array;
  /** Indices of texts without tokens here, because a word of them is long. */
  readonly refused: Int32Array;
}

export interface NativeBytePairs {
  /** On this thread: about a millisecond for 4,000 tokens. */
  encode(texts: readonly string[]): NativePairs;
}
