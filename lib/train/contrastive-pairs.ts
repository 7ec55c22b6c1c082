/**
 * Pairs of labelled rows to train an encoder on: the score of a pair is 1 if its rows share a label, else 0 (Tunstall et al.
 * 2022, SetFit).
 *
 * A pair is two numbers of rows; no row is copied.
 */

import { rangeMistake } from '../core/errors.js';
import { type SeededRandom, shuffled } from '../core/random.js';
import type { Corpus, Examples, LabelledBatch } from './corpus.js';
import type { FewShotSettings } from './few-shot-options.js';

/** The labels of each row, as numbers; a row may have several or none. */
export type RowLabels = readonly (readonly number[])[];

/** The most pairs of rows that are listed (2,896 rows have so many); more rows need `numIterations`. */
const MOST_PAIRS = 1 << 22;
/** Random rows that are tried for a pair of different labels before all rows are looked through. */
const TRIES = 32;

export interface Pairs {
  /** Numbers of the two rows of each pair, one pair after the other. */
  readonly rows: Int32Array;
  /** 1 or 0 for each pair. */
  readonly scores: Float32Array;
}

/** Draws pairs as the settings say. Throws RangeError if no two rows share a label, or no two have different ones. */
export function contrastivePairs(
  where: string,
  labels: RowLabels,
  settings: Pick<FewShotSettings, 'samplingStrategy' | 'numIterations'>,
  random: SeededRandom,
): Pairs {
  const { numIterations, samplingStrategy } = settings;
  const { same, others } =
    numIterations > 0
      ? iteratedPairs(labels, numIterations, random)
      : listedPairs(where, labels, samplingStrategy, random);
  if (same.length === 0 || others.length === 0) {
    const what = 'two rows of one label and two rows of different labels';
    const got = same.length === 0 ? 'no two rows of one label' : 'rows of one label only';
    throw new RangeError(`${where}: rows must have ${what} for method 'few-shot', got ${got}`);
  }
  const count = labels.length;
  const rows = new Int32Array(2 * (same.length + others.length));
  for (const [i, pair] of [...same, ...others].entries()) {
    rows[2 * i] = Math.floor(pair / count);
    rows[2 * i + 1] = pair % count;
  }
  return { rows, scores: new Float32Array(rows.length / 2).fill(1, 0, same.length) };
}

/** Pairs with a label in common, and pairs without. The pair of rows i and j is the number i * rows + j. */
interface BothKinds {
  readonly same: readonly number[];
  readonly others: readonly number[];
}

function share(a: readonly number[] = [], b: readonly number[] = []): boolean {
  return a.some((label) => b.includes(label));
}

function listedPairs(
  where: string,
  labels: RowLabels,
  strategy: FewShotSettings['samplingStrategy'],
  random: SeededRandom,
): BothKinds {
  const count = labels.length;
  const all = (count * (count - 1)) / 2;
  if (all > MOST_PAIRS) {
    const what = `given for rows with more than ${MOST_PAIRS} pairs (${count} rows have ${all})`;
    throw rangeMistake(`${where}: fewShot: numIterations`, what, undefined);
  }
  const [same, others]: [number[], number[]] = [[], []];
  for (let i = 0; i < count; i++) {
    for (let j = i + 1; j < count; j++)
      (share(labels[i], labels[j]) ? same : others).push(i * count + j);
  }
  if (strategy === 'unique') return { same, others };
  const both = [same.length, others.length];
  const wanted = strategy === 'oversampling' ? Math.max(...both) : Math.min(...both);
  return {
    same: repeated(shuffled(same, random), wanted),
    others: repeated(shuffled(others, random), wanted),
  };
}

/** The first `count` of the items, which begin again where they end. */
function repeated(items: readonly number[], count: number): readonly number[] {
  if (items.length === 0) return [];
  return Array.from({ length: count }, (_, i) => items[i % items.length] as number);
}

function iteratedPairs(labels: RowLabels, iterations: number, random: SeededRandom): BothKinds {
  const count = labels.length;
  const [same, others]: [number[], number[]] = [[], []];
  const members = new Map<number, number[]>();
  for (const [row, own] of labels.entries()) {
    for (const label of own) {
      const rows = members.get(label);
      if (rows === undefined) members.set(label, [row]);
      else rows.push(row);
    }
  }
  for (let iteration = 0; iteration < iterations; iteration++) {
    for (const row of labels.keys()) {
      const like = likeRow(labels, members, row, random);
      if (like !== undefined) same.push(row * count + like);
      const unlike = unlikeRow(labels, row, random);
      if (unlike !== undefined) others.push(row * count + unlike);
    }
  }
  return { same, others };
}

/** A random other row of a random label of the row; undefined if no other row has any. */
function likeRow(
  labels: RowLabels,
  members: ReadonlyMap<number, readonly number[]>,
  row: number,
  random: SeededRandom,
): number | undefined {
  const shared = (labels[row] ?? []).filter((label) => (members.get(label)?.length ?? 0) > 1);
  if (shared.length === 0) return undefined;
  const rows = members.get(shared[random.below(shared.length)] as number) ?? [];
  // Skips the row itself: the rows of a label are in order.
  const drawn = random.below(rows.length - 1);
  return rows[drawn < rows.indexOf(row) ? drawn : drawn + 1];
}

/** A random row without a label of the row; undefined if there is none. */
function unlikeRow(labels: RowLabels, row: number, random: SeededRandom): number | undefined {
  const isUnlike = (other: number) => other !== row && !share(labels[row], labels[other]);
  for (let i = 0; i < TRIES; i++) {
    const drawn = random.below(labels.length);
    if (isUnlike(drawn)) return drawn;
  }
  const rows = [...labels.keys()].filter(isUnlike);
  return rows.length === 0 ? undefined : rows[random.below(rows.length)];
}

/** The rows of a corpus in pairs, as the losses of pairs read them: all first rows of a batch, then all second ones. */
export class PairExamples implements Examples {
  constructor(
    private readonly texts: Corpus,
    private readonly pairs: Pairs,
  ) {}

  get size(): number {
    return this.pairs.scores.length;
  }

  get tokenCount(): number {
    let count = 0;
    for (const row of this.pairs.rows) count += this.texts.lengthOf(row);
    return count;
  }

  lengthOf(index: number): number {
    return this.texts.lengthOf(this.row(index, 0)) + this.texts.lengthOf(this.row(index, 1));
  }

  gather(indices: readonly number[]): LabelledBatch {
    const order = [0, 1].flatMap((side) => indices.map((index) => this.row(index, side)));
    const { tokens } = this.texts.gather(order);
    const values = Float32Array.from(indices, (index) => this.pairs.scores[index] ?? 0);
    return { tokens, targets: { unit: 'text', width: 1, values } };
  }

  private row(index: number, side: number): number {
    return this.pairs.rows[2 * index + side] ?? 0;
  }
}
