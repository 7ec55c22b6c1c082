/**
 * How large the parts of a graph may be: beyond any encoder, and small enough that no size of a program overflows or takes the
 * JavaScript thread for long. A config.json may carry a graph, so they bound what a file can ask for.
 *
 * The native side has the same numbers (native/program/limits.h); a test walks both.
 */

export const LIMITS = {
  nodes: 1 << 14,
  weights: 1 << 16,
  maxTokens: 1 << 20,
  vocabulary: 1 << 28,
  segments: 1 << 10,
  /** Tables of one embedding. */
  tables: 4,
  /** Added to a position. */
  offset: 1 << 20,
  heads: 1 << 16,
  headDim: 1 << 16,
  /** Widest value; the vocabulary of a masked language model. */
  width: 1 << 20,
  /** Width of a concat: no weight stands behind it. */
  joined: 1 << 16,
  /** Elements of a table value. */
  table: 2 ** 31,
  /** Buckets and distances of attention. */
  distance: 1 << 20,
} as const;
