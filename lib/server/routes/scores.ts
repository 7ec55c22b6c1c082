/**
 * Scores of labels as answers show them.
 *
 * The rule: numbers that are float32 inside go out with the fewest digits that read back as the same float32.
 */

/** The shortest decimal that reads back as the same float32, as a number. */
export function shortest(value: number): number {
  if (!Number.isFinite(value)) return value;
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === Math.fround(value)) return short;
  }
  return Number(value.toPrecision(9));
}

export interface LabelScore {
  readonly label: string;
  readonly score: number;
}

/** All labels with their scores, the highest first; equal ones in the order of the labels. */
export function sortedScores(labels: readonly string[], scores: Float32Array): LabelScore[] {
  const all = labels.map((label, i) => ({ label, score: shortest(scores[i] ?? 0) }));
  return all.sort((a, b) => b.score - a.score);
}
