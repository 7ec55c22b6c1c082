/**
 * The quantities whose distribution is compared with that of the training rows, and the bins they are counted in.
 *
 * The rule: the bins belong to the baseline; a value that the baseline never had falls into the nearest bin or into "other".
 */

export const QUANTITIES = [
  /** Characters of a text (UTF-16 units), or of both of a pair. */
  'length',
  /** Tokens that the model reads of a text. */
  'tokens',
  /** Share of a text's tokens that stand for what the vocabulary lacks. */
  'unknown',
  /** Script that a text is written in. */
  'script',
  /** Label that a classifier gives, or "(none)". */
  'class',
  /** Probability of that label. */
  'confidence',
  /** Number that a regression or a reranker gives. */
  'value',
] as const;

export type Quantity = (typeof QUANTITIES)[number];

/** Counts of numbers: bin i has those up to edges[i], the last one those above all edges. */
export interface NumberBins {
  readonly kind: 'numbers';
  /** Ascending. */
  readonly edges: readonly number[];
  readonly counts: readonly number[];
  readonly mean: number;
  /** The least number, the 5 %, 25 %, 50 %, 75 % and 95 % quantiles, and the largest. */
  readonly quantiles: readonly number[];
}

/** Counts of names; the last one is "(other)". */
export interface NameBins {
  readonly kind: 'names';
  readonly names: readonly string[];
  readonly counts: readonly number[];
}

export type Bins = NumberBins | NameBins;

export const OTHER_NAME = '(other)';
/** Names that have a bin of their own: with more bins, an index needs thousands of rows to mean something. */
const MOST_NAMES = 20;

/** The bin of a number. */
export function numberBin(edges: readonly number[], value: number): number {
  let bin = 0;
  while (bin < edges.length && value > (edges[bin] ?? 0)) bin++;
  return bin;
}

/** Counts the values between the given edges. Values are sorted in place. */
export function binNumbers(values: Float64Array, given?: readonly number[]): NumberBins {
  values.sort();
  const at = (share: number) => values[Math.max(0, Math.ceil(share * values.length) - 1)] ?? 0;
  const edges = given ?? decileEdges(at);
  const counts = new Array<number>(edges.length + 1).fill(0);
  let total = 0;
  for (const value of values) {
    total += value;
    const bin = numberBin(edges, value);
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  const quantiles = [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1].map(at);
  return { kind: 'numbers', edges, counts, mean: total / values.length, quantiles };
}

/** The deciles that are different; the largest value is no edge, because nothing would be above it. */
function decileEdges(at: (share: number) => number): number[] {
  const deciles = Array.from({ length: 9 }, (_, i) => at((i + 1) / 10));
  return [...new Set(deciles)].filter((edge) => edge < at(1));
}

/** Counts of names, the most frequent first; the rest, and names that come later, are "(other)". */
export function binNames(counts: ReadonlyMap<string, number>): NameBins {
  const sorted = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  const own = sorted.slice(0, MOST_NAMES);
  const rest = sorted.slice(MOST_NAMES).reduce((sum, [, count]) => sum + count, 0);
  return {
    kind: 'names',
    names: [...own.map(([name]) => name), OTHER_NAME],
    counts: [...own.map(([, count]) => count), rest],
  };
}
