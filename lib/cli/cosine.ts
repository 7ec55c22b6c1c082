/**
 * Functions that compare two vectors: the cosine, and the others that a model's `similarity_fn_name` may name.
 */
import type { SimilarityName } from '../graph/checkpoint.js';

/** Cosine similarity, -1 to 1; 0 with a zero vector. */
export function cosine(a: Float32Array, b: Float32Array): number {
  let dot = 0;
  let aa = 0;
  let bb = 0;
  a.forEach((x, i) => {
    const y = b[i] ?? 0;
    dot += x * y;
    aa += x * x;
    bb += y * y;
  });
  return dot / Math.sqrt(aa * bb || 1);
}

/**
 * Similarities by their names in sentence-transformers; distances are negated, so that a larger value always means more alike.
 */
export const COMPARISONS: Readonly<
  Record<SimilarityName, (a: Float32Array, b: Float32Array) => number>
> = {
  cosine,
  dot: (a, b) => a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0),
  euclidean: (a, b) => -Math.hypot(...a.map((x, i) => x - (b[i] ?? 0))),
  manhattan: (a, b) => -a.reduce((sum, x, i) => sum + Math.abs(x - (b[i] ?? 0)), 0),
};
