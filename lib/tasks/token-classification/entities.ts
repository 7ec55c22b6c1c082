/**
 * Turns the logits of tokens into entities, as the token classification pipeline of transformers does.
 *
 * First all tokens of a word get one tag (except with 'none' and 'simple'), then words of one entity are joined by their B-
 * and I- prefixes.
 */

import { splitTag } from '../../metrics/index.js';
import { argmax } from '../../metrics/logits.js';

/**
 * How tokens are combined. `none`: not at all; every token has its whole tag. `simple`: neighbouring tokens of one type are
 * joined. The others first choose one tag per word: that of its first token (`first`), that with the highest mean
 * probability (`average`), or that of its most certain token (`max`).
 */
export type Aggregation = 'none' | 'simple' | 'first' | 'average' | 'max';

export const AGGREGATIONS: readonly Aggregation[] = ['none', 'simple', 'first', 'average', 'max'];

/** An entity, or with `none` a token. */
export interface Entity<E extends string = string> {
  /** A type (`PER`), or with aggregation `none` a tag (`B-PER`). */
  readonly entity: E;
  /** Probability; of several words the mean. */
  readonly score: number;
  /** text.slice(start, end). */
  readonly word: string;
  /** Indices in the text, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
}

/** What entities of a model with the tags `L` are called: their types, or with the aggregation `none` the tags. */
export type EntityName<L extends string, A extends Aggregation = 'simple'> = A extends 'none'
  ? Exclude<L, 'O'>
  : L extends `${'B' | 'I' | 'E' | 'S' | 'L' | 'U'}-${infer T}`
    ? T
    : Exclude<L, 'O'>;

/** A token of the text. */
export interface WordToken {
  readonly start: number;
  readonly end: number;
  /** Probability of each label. */
  readonly probabilities: ArrayLike<number>;
}

/** A token or a word with its tag. */
interface Tagged {
  readonly tag: string;
  readonly score: number;
  readonly start: number;
  readonly end: number;
}

/** Tag of words that are in no entity. */
const OUTSIDE = 'O';

/** Finds the entities of one text from its tokens, one after the other. */
export class EntityReader {
  private readonly found: Entity[] = [];
  private readonly byWord: boolean;
  private word: WordToken[] = [];
  private group: Tagged[] = [];

  constructor(
    private readonly text: string,
    private readonly labels: readonly string[],
    private readonly aggregation: Aggregation,
  ) {
    this.byWord = aggregation !== 'none' && aggregation !== 'simple';
  }

  /** Adds the next token; `continues` tells whether it belongs to the same word as the token before. */
  add(token: WordToken, continues: boolean): void {
    if (!(this.byWord && continues)) this.endWord();
    this.word.push(token);
  }

  /** Returns the entities in order. */
  finish(): Entity[] {
    this.endWord();
    this.endGroup();
    return this.found;
  }

  private endWord(): void {
    const first = this.word[0];
    const last = this.word.at(-1);
    if (first === undefined || last === undefined) return;
    const { best, score } = decide(this.word, this.aggregation);
    this.word = [];
    const one = { tag: this.labels[best] ?? '', score, start: first.start, end: last.end };
    if (this.aggregation === 'none' || !follows(this.group.at(-1), one)) this.endGroup();
    this.group.push(one);
  }

  private endGroup(): void {
    const { group, aggregation } = this;
    const first = group[0];
    const last = group.at(-1);
    this.group = [];
    if (first === undefined || last === undefined) return;
    const entity = aggregation === 'none' ? first.tag : typeOf(first.tag);
    if (entity === OUTSIDE) return;
    const score = group.reduce((sum, one) => sum + one.score, 0) / group.length;
    const { start } = first;
    const { end } = last;
    this.found.push({ entity, score, word: this.text.slice(start, end), start, end });
  }
}

/** Index of a word's label, and its probability. */
function decide(
  word: readonly WordToken[],
  aggregation: Aggregation,
): { best: number; score: number } {
  const tokens = aggregation === 'first' ? word.slice(0, 1) : word;
  const rows = tokens.map(({ probabilities }) => probabilities);
  if (aggregation !== 'average') {
    const tops = rows.map((row) => row[argmax(row)] ?? 0);
    const row = rows[argmax(tops)] ?? [];
    return { best: argmax(row), score: row[argmax(row)] ?? 0 };
  }
  const mean = Array.from(rows[0] ?? [], (_, label) => {
    return rows.reduce((sum, row) => sum + (row[label] ?? 0), 0) / rows.length;
  });
  return { best: argmax(mean), score: mean[argmax(mean)] ?? 0 };
}

/** Whether a word continues the entity before it: it has the same type and no prefix that begins a new entity. */
function follows(before: Tagged | undefined, one: Tagged): boolean {
  if (before === undefined || typeOf(before.tag) !== typeOf(one.tag)) return false;
  return !['B', 'S', 'U'].includes(splitTag(one.tag).prefix);
}

function typeOf(tag: string): string {
  const { prefix, type } = splitTag(tag);
  return prefix === OUTSIDE ? OUTSIDE : type;
}
