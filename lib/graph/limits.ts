/**
 * Limits on the parts of a graph: larger than in any encoder, and small enough that no size of a program overflows or
 * occupies the JavaScript thread for long. They apply to files too, because a file may carry a graph.
 *
 * The native side has the same numbers (native/program/limits.h); a test compares them.
 */

export const LIMITS = {
  nodes: 1 << 14,
  weights: 1 << 16,
  maxTokens: 1 << 20,
  vocabulary: 1 << 28,
  segments: 1 << 10,
  /** Tables of one embedding node. */
  tables: 4,
  /** Offset that is added to a position. */
  offset: 1 << 20,
  heads: 1 << 16,
  headDim: 1 << 16,
  /** Width of the widest value: logits over the vocabulary of a masked language model. */
  width: 1 << 20,
  /** Width of a concat, which no size of a weight bounds. */
  joined: 1 << 16,
  /** Elements of a value of kind `table`. */
  table: 2 ** 31,
  /** Buckets and distances of an attention. */
  distance: 1 << 20,
} as const;
