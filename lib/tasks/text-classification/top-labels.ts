/**
 * The most probable labels of a text, best first: what `topK` adds to a prediction.
 */

/** A label and its probability. */
export interface LabelScore<L extends string = string> {
  readonly label: L;
  /** Probability, 0 to 1. */
  readonly score: number;
}

/** What a prediction has beside its other fields when `topK` was given. */
export interface TopLabels<L extends string = string> {
  /** The `topK` most probable labels, or all where there are fewer; the most probable first. */
  readonly top: readonly LabelScore<L>[];
}

/** Of labels with equal probability the one that comes first in the model is first here. Nothing without `topK`. */
export function topLabels<L extends string>(
  labels: readonly L[],
  probabilities: ArrayLike<number>,
  topK: number | undefined,
): TopLabels<L> | Record<never, never> {
  if (topK === undefined) return {};
  const order = [...labels.keys()];
  order.sort((a, b) => (probabilities[b] ?? 0) - (probabilities[a] ?? 0) || a - b);
  const top = order
    .slice(0, topK)
    .map((i) => ({ label: labels[i] as L, score: probabilities[i] ?? 0 }));
  return { top };
}
