/**
 * From the logits of tokens to entities, as the token classification pipeline of transformers joins them.
 *
 * Words come first (all tokens of a word get one tag, except with 'none' and 'simple'), then words of one entity are joined
 * by their B- and I- prefixes.
 */

import type { Matrix } from '../core/matrix.js';
import { splitTag } from '../metrics/index.js';
import type { AlignedTexts } from '../tokenize/aligned-texts.js';
import { argmax, softmax } from './numbers.js';

/**
 * `none`: every token by itself, with its whole tag. `simple`: tokens of one type are joined. The others decide a word first:
 * by its `first` token, by the `average` of its tokens' probabilities, or by its most certain token (`max`).
 */
export type Aggregation = 'none' | 'simple' | 'first' | 'average' | 'max';

export const AGGREGATIONS: readonly Aggregation[] = ['none', 'simple', 'first', 'average', 'max'];

export interface Entity {
  /** A type (`PER`), or with aggregation `none` a tag (`B-PER`). */
  readonly entity: string;
  /** Probability; of several words the mean. */
  readonly score: number;
  /** text.slice(start, end). */
  readonly word: string;
  /** UTF-16 units in the text. */
  readonly start: number;
  readonly end: number;
}

/** A token or a word with its probabilities. */
interface Tagged {
  readonly tag: string;
  readonly score: number;
  readonly start: number;
  readonly end: number;
}

/** Tag of words that are in no entity. */
const OUTSIDE = 'O';

/** The entities of window `index` of `aligned`; `logits` has a row for every token of `aligned`. */
export function entitiesOfWindow(
  text: string,
  { aligned, logits }: { readonly aligned: AlignedTexts; readonly logits: Matrix },
  index: number,
  labels: readonly string[],
  aggregation: Aggregation,
): Entity[] {
  const { offsets, parts } = aligned;
  const words: number[][] = [];
  const byWord = aggregation !== 'none' && aggregation !== 'simple';
  for (let i = offsets[index] ?? 0; i < (offsets[index + 1] ?? 0); i++) {
    if (parts[i] === -1) continue;
    const last = words.at(-1);
    if (byWord && last !== undefined && aligned.continues[i] === 1) last.push(i);
    else words.push([i]);
  }
  const tagged = words.map((tokens): Tagged => {
    const { best, score } = decide(tokens, logits, aggregation);
    const [first = 0] = tokens;
    const start = aligned.starts[first] ?? 0;
    return { tag: labels[best] ?? '', score, start, end: aligned.ends[tokens.at(-1) ?? 0] ?? 0 };
  });
  const groups = aggregation === 'none' ? tagged.map((one) => [one]) : joined(tagged);
  return groups.flatMap((group) => {
    const [first] = group;
    const last = group.at(-1);
    if (first === undefined || last === undefined) return [];
    const entity = aggregation === 'none' ? first.tag : typeOf(first.tag);
    if (entity === OUTSIDE) return [];
    const score = group.reduce((sum, one) => sum + one.score, 0) / group.length;
    const { start } = first;
    return [{ entity, score, word: text.slice(start, last.end), start, end: last.end }];
  });
}

/** Label number and probability of a word. */
function decide(
  tokens: readonly number[],
  logits: Matrix,
  aggregation: Aggregation,
): { best: number; score: number } {
  const rows = (aggregation === 'first' ? tokens.slice(0, 1) : tokens).map((token) =>
    softmax(logits.row(token)),
  );
  if (aggregation !== 'average') {
    const tops = rows.map((row) => row[argmax(row)] ?? 0);
    const row = rows[argmax(tops)] ?? [];
    return { best: argmax(row), score: row[argmax(row)] ?? 0 };
  }
  const mean = (rows[0] ?? []).map((_, label) => {
    return rows.reduce((sum, row) => sum + (row[label] ?? 0), 0) / rows.length;
  });
  return { best: argmax(mean), score: mean[argmax(mean)] ?? 0 };
}

/** Neighbours of one type, until one begins anew. */
function joined(tagged: readonly Tagged[]): Tagged[][] {
  const groups: Tagged[][] = [];
  for (const one of tagged) {
    const last = groups.at(-1);
    const before = last?.at(-1);
    const same = before !== undefined && typeOf(before.tag) === typeOf(one.tag);
    const begins = ['B', 'S'].includes(splitTag(one.tag).prefix);
    if (last !== undefined && same && !begins) last.push(one);
    else groups.push([one]);
  }
  return groups;
}

function typeOf(tag: string): string {
  const { prefix, type } = splitTag(tag);
  return prefix === OUTSIDE ? OUTSIDE : type;
}
