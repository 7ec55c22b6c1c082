/**
 * How two vectors are compared: the cosine, and what a model's `similarity_fn_name` may say instead.
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

/** By the names of sentence-transformers; distances are negative, so that more is always more alike. */
export const COMPARISONS: Readonly<
  Record<SimilarityName, (a: Float32Array, b: Float32Array) => number>
> = {
  cosine,
  dot: (a, b) => a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0),
  euclidean: (a, b) => -Math.hypot(...a.map((x, i) => x - (b[i] ?? 0))),
  manhattan: (a, b) => -a.reduce((sum, x, i) => sum + Math.abs(x - (b[i] ?? 0)), 0),
};
