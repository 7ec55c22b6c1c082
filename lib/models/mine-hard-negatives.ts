/**
 * Hard negatives: for each anchor the texts that an encoder takes for similar, though they don't belong to it.
 *
 * All anchors are compared with all texts: for tens of thousands of texts, not for a search engine.
 */

import { rangeMistake, typeMistake } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import { SeededRandom, shuffled } from '../core/random.js';
import { COMPARISONS } from '../metrics/comparisons.js';
import type { Neighbour } from '../metrics/similarity.js';
import { parseEmbeddingRow, type RankingRow } from '../tasks/embedding/embedding-rows.js';
import { nearestTo } from '../tasks/embedding/search.js';
import type { Encoder } from './encoder.js';

/** Options of `mineHardNegatives`, by their names in sentence-transformers. */
export interface MineOptions {
  /** Texts to choose from. Default: the positives of all rows. Repeated texts count once. */
  readonly corpus?: readonly string[];
  /** Negatives for each row. Default: 3. */
  readonly numNegatives?: number;
  /** Leaves out this many of the most similar texts that are no positives of the anchor. Default: 0. */
  readonly rangeMin?: number;
  /** Looks at the most similar texts up to this rank. Default: rangeMin + numNegatives, with limits on scores 10 times it. */
  readonly rangeMax?: number;
  /** The most similar that a negative may be to its anchor. */
  readonly maxScore?: number;
  /** The least similar that a negative may be to its anchor. */
  readonly minScore?: number;
  /** A negative's similarity must be at most that of the positive minus this number. */
  readonly absoluteMargin?: number;
  /** A negative's similarity must be at most that of the positive times 1 minus this number: 0.05 for 95 percent. */
  readonly relativeMargin?: number;
  /** Which of the texts that are left: the most similar (default), or any. */
  readonly samplingStrategy?: 'top' | 'random';
  /** Of the sampling strategy random. Default: 42. */
  readonly seed?: number;
  /**
   * triplet (default): a row with `negative` for each negative that was found. n-tuple: a row with `negatives`, without the
   * rows for which fewer than `numNegatives` were found.
   */
  readonly outputFormat?: 'triplet' | 'n-tuple';
  /** Name of the prompt in front of anchors. Default: the model's default prompt. */
  readonly queryPromptName?: string;
  /** Name of the prompt in front of the other texts. Default: the model's default prompt. */
  readonly corpusPromptName?: string;
  /** Ends the call with CANCELLED. */
  readonly signal?: AbortSignal;
}

const MINE_OPTIONS = {
  corpus: true,
  numNegatives: true,
  rangeMin: true,
  rangeMax: true,
  maxScore: true,
  minScore: true,
  absoluteMargin: true,
  relativeMargin: true,
  samplingStrategy: true,
  seed: true,
  outputFormat: true,
  queryPromptName: true,
  corpusPromptName: true,
  signal: true,
} as const;

interface MineSettings {
  readonly numNegatives: number;
  readonly rangeMin: number;
  readonly rangeMax: number;
  readonly isRandom: boolean;
  readonly seed: number;
  readonly isTriplet: boolean;
  /** Whether a text may be a negative, by its similarity and that of the positive. */
  readonly accepts: (score: number, positive: number) => boolean;
}

/**
 * Rows with negatives for rows of anchor and positive, in their order. A text that is a positive of an anchor in any row, or
 * the anchor itself, is never its negative. Throws TypeError or RangeError naming rows[i].
 */
export async function mineHardNegatives(
  encoder: Encoder,
  rows: Iterable<RankingRow> | AsyncIterable<RankingRow>,
  options: MineOptions = {},
): Promise<RankingRow[]> {
  const where = 'mineHardNegatives';
  const settings = readSettings(where, options);
  const { signal, queryPromptName, corpusPromptName } = options;
  const pairs = await readPairs(where, rows);
  const positives = new Map<string, Set<string>>();
  for (const { anchor, positive } of pairs) {
    positives.set(anchor, (positives.get(anchor) ?? new Set([anchor])).add(positive));
  }
  const corpus = readCorpus(where, options.corpus) ?? [...new Set(pairs.map((p) => p.positive))];
  const places = new Map(corpus.map((text, i) => [text, i]));
  const extra = [...new Set(pairs.map((p) => p.positive))].filter((text) => !places.has(text));
  for (const text of extra) places.set(text, places.size);
  const run = { priority: 'bulk', ...(signal && { signal }) } as const;
  const named = (promptName: string | undefined) =>
    promptName === undefined ? {} : { promptName };
  const anchors = [...positives.keys()];
  const queries = await encoder.embed(anchors, { ...run, ...named(queryPromptName) });
  const texts = await encoder.embed([...places.keys()], { ...run, ...named(corpusPromptName) });
  const vectors = [...texts];
  const candidates = vectors.slice(0, corpus.length);
  const { similarityFnName: similarity } = encoder;
  const owns = anchors.map((anchor) => positives.get(anchor));
  const isLeftOut = (query: number, index: number) =>
    owns[query]?.has(corpus[index] ?? '') ?? false;
  const call = { where, signal, isLeftOut };
  const found = await nearestTo([...queries], candidates, settings.rangeMax, similarity, call);
  const anchorPlaces = new Map(anchors.map((anchor, i) => [anchor, i]));
  const random = new SeededRandom(settings.seed);
  return pairs.flatMap(({ anchor, positive }): RankingRow[] => {
    const at = anchorPlaces.get(anchor) ?? 0;
    const vector = vectors[places.get(positive) ?? 0] ?? new Float32Array();
    const score = COMPARISONS[similarity](queries.row(at), vector);
    const negatives = choose(found[at] ?? [], score, settings, random).map((i) => corpus[i] ?? '');
    if (settings.isTriplet) return negatives.map((negative) => ({ anchor, positive, negative }));
    return negatives.length < settings.numNegatives ? [] : [{ anchor, positive, negatives }];
  });
}

/** Indices of the negatives among the most similar texts of an anchor. */
function choose(
  found: readonly Neighbour[],
  positive: number,
  { rangeMin, numNegatives, isRandom, accepts }: MineSettings,
  random: SeededRandom,
): number[] {
  const left = found.slice(rangeMin).filter(({ score }) => accepts(score, positive));
  const chosen = isRandom
    ? shuffled(left, random)
        .slice(0, numNegatives)
        .sort((a, b) => b.score - a.score)
    : left.slice(0, numNegatives);
  return chosen.map(({ index }) => index);
}

function readSettings(where: string, options: MineOptions): MineSettings {
  const read = readOptions<MineOptions>(where, options, MINE_OPTIONS);
  read.signal();
  const any = () => true;
  const { absoluteMargin, relativeMargin } = options;
  const maxScore = read.number('maxScore', Number.POSITIVE_INFINITY, 'a finite number', any);
  const minScore = read.number('minScore', Number.NEGATIVE_INFINITY, 'a finite number', any);
  const absolute = read.nonNegative('absoluteMargin', 0);
  const relative = read.number('relativeMargin', 0, 'from 0 to 1', (v) => v >= 0 && v <= 1);
  const numNegatives = read.count('numNegatives', 3);
  const rangeMin = read.count('rangeMin', 0, 0);
  const limits = [options.maxScore, options.minScore, absoluteMargin, relativeMargin];
  const isRandom = read.choice('samplingStrategy', 'top', ['top', 'random']) === 'random';
  const isWide = isRandom || limits.some((limit) => limit !== undefined);
  const rangeMax = read.count('rangeMax', rangeMin + numNegatives * (isWide ? 10 : 1));
  if (rangeMax < rangeMin + numNegatives) {
    const what = `at least rangeMin + numNegatives, ${rangeMin + numNegatives}`;
    throw rangeMistake(`${where}: rangeMax`, what, rangeMax);
  }
  return {
    numNegatives,
    rangeMin,
    rangeMax,
    isRandom,
    seed: read.count('seed', 42, 0),
    isTriplet: read.choice('outputFormat', 'triplet', ['triplet', 'n-tuple']) === 'triplet',
    accepts: (score, positive) =>
      score <= maxScore &&
      score >= minScore &&
      (absoluteMargin === undefined || score <= positive - absolute) &&
      (relativeMargin === undefined || score <= positive * (1 - relative)),
  };
}

async function readPairs(
  where: string,
  rows: Iterable<unknown> | AsyncIterable<unknown>,
): Promise<{ readonly anchor: string; readonly positive: string }[]> {
  const isObject = typeof rows === 'object' && rows !== null;
  if (!isObject || !(Symbol.iterator in rows || Symbol.asyncIterator in rows)) {
    throw typeMistake(`${where}: rows`, 'an iterable of rows', rows);
  }
  const pairs: { anchor: string; positive: string }[] = [];
  for await (const row of rows) {
    const at = `${where}: rows[${pairs.length}]`;
    const { shape, texts } = parseEmbeddingRow(at, row);
    const [anchor = '', positive = ''] = texts;
    if (shape !== 'ranking')
      throw typeMistake(at, 'a row of anchor and positive without a score', row);
    pairs.push({ anchor, positive });
  }
  if (pairs.length === 0) throw rangeMistake(`${where}: rows`, 'at least one row', 0);
  return pairs;
}

function readCorpus(where: string, corpus: readonly string[] | undefined): string[] | undefined {
  if (corpus === undefined) return undefined;
  if (!Array.isArray(corpus)) throw typeMistake(`${where}: corpus`, 'an array of strings', corpus);
  for (const [i, text] of corpus.entries()) {
    if (typeof text !== 'string') throw typeMistake(`${where}: corpus[${i}]`, 'a string', text);
  }
  return [...new Set(corpus)];
}
