/**
 * Functions that compare two vectors: the cosine, and the others that a model's `similarity_fn_name` may name.
 */
/** Cosine similarity, -1 to 1; 0 with a zero vector. */
export function cosine(a: Float32Array, b: Float32Array): number {
  let dot = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < a.length; i++) {
    const x = a[i] ?? 0;
    const y = b[i] ?? 0;
    dot += x * y;
    aa += x * x;
    bb += y * y;
  }
  return dot / Math.sqrt(aa * bb || 1);
}

/**
 * Similarities by their names in sentence-transformers; distances are negated, so that a larger value always means more alike.
 */
export const COMPARISONS = {
  cosine,
  dot: (a: Float32Array, b: Float32Array): number =>
    a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0),
  euclidean: (a: Float32Array, b: Float32Array): number =>
    -Math.hypot(...a.map((x, i) => x - (b[i] ?? 0))),
  manhattan: (a: Float32Array, b: Float32Array): number =>
    -a.reduce((sum, x, i) => sum + Math.abs(x - (b[i] ?? 0)), 0),
} as const;
