/**
 * Rows for the training and the evaluation of an encoder: several texts with a number, a class or nothing, told apart by
 * their fields as sentence-transformers tells them apart by their columns.
 */

import { typeMistake } from '../../core/errors.js';
import { fieldsOf } from '../../train/collect-rows.js';

/** A text with one that belongs to it, and texts that do not. */
export interface RankingRow {
  readonly anchor: string;
  readonly positive: string;
  /** A hard negative: a text that is like the anchor but does not belong to it. */
  readonly negative?: string;
  /** Several hard negatives, as many in every row, in place of `negative`. */
  readonly negatives?: readonly string[];
  /**
   * For `margin_mse` only: how much higher a teacher scores the positive than each negative, or its scores of the positive
   * and of each negative.
   */
  readonly score?: number | readonly number[];
}

/** Two texts with their similarity, or with 1 where they belong together and 0 where they do not. */
export type PairRow = (
  | { readonly sentence1: string; readonly sentence2: string }
  | { readonly text: string; readonly pair: string }
) &
  ({ readonly score: number } | { readonly label: number });

/** Two texts with their class, for `softmax`. */
export type ClassPairRow = (
  | { readonly sentence1: string; readonly sentence2: string }
  | { readonly text: string; readonly pair: string }
) & { readonly label: string | number };

/** A text with its class. */
export interface ClassRow {
  readonly text: string;
  readonly label: string | number;
}

/** Rows of `train` and `evaluate` of an encoder. All rows of a call have the same fields. */
export type EmbeddingRow = RankingRow | PairRow | ClassPairRow | ClassRow;

/** What rows are by their fields. */
export type RowShape = 'ranking' | 'margins' | 'pairs' | 'class-pairs' | 'classes';

/** A row after its check. */
export interface ExampleRow {
  readonly shape: RowShape;
  /** ranking and margins: anchor, positive, negatives. */
  readonly texts: readonly string[];
  /** pairs: the score; margins: one per negative. Else empty. */
  readonly numbers: readonly number[];
  /** pairs: the field of the score. */
  readonly field: 'score' | 'label' | null;
  /** classes and class-pairs: the class. */
  readonly group: string | null;
}

export type Fields = Readonly<Record<string, unknown>>;

const WANTED =
  'anchor and positive (with negative or negatives), sentence1 and sentence2 (with score or label), or text and label';

/** Checks a row; `at` is its name in messages. Throws TypeError for a row of no known shape. */
export function parseEmbeddingRow(at: string, row: unknown): ExampleRow {
  const fields = fieldsOf(at, row, WANTED);
  if (fields.anchor !== undefined) return rankingRow(at, fields);
  if (fields.sentence1 !== undefined) return twoTexts(at, fields, ['sentence1', 'sentence2']);
  if (fields.pair !== undefined) return twoTexts(at, fields, ['text', 'pair']);
  if (fields.text !== undefined) return classRow(at, fields);
  throw new TypeError(`${at} must be a row of ${WANTED}, got ${namesOf(fields)}`);
}

/** The shape in words, with what its rows hold. */
export function describeShape({ shape, texts, field }: ExampleRow): string {
  const negatives = texts.length - 2;
  const count = negatives === 1 ? '1 negative' : `${negatives} negatives`;
  switch (shape) {
    case 'ranking':
      return negatives === 0 ? 'anchor and positive' : `anchor, positive and ${count}`;
    case 'margins':
      return `anchor, positive, ${count} and score`;
    case 'pairs':
      return `sentence1, sentence2 and ${field ?? 'score'}`;
    case 'class-pairs':
      return 'sentence1, sentence2 and label, a text';
    case 'classes':
      return 'text and label';
  }
}

/** A row of `anchor` (or a field of another name), positive and negatives. Throws TypeError naming the field. */
export function rankingRow(at: string, fields: Fields, anchor = 'anchor'): ExampleRow {
  const { negative, negatives, score } = fields;
  if (negative !== undefined && negatives !== undefined) {
    throw new TypeError(`${at} must be a row of negative or negatives, got both`);
  }
  if (negatives !== undefined && !Array.isArray(negatives)) {
    throw typeMistake(`${at}.negatives`, 'an array of strings', negatives);
  }
  const others: readonly unknown[] = negatives ?? (negative === undefined ? [] : [negative]);
  const name = (i: number) => (negatives === undefined ? 'negative' : `negatives[${i}]`);
  const texts = [
    textIn(at, fields, anchor),
    textIn(at, fields, 'positive'),
    ...others.map((text, i) => checkText(`${at}.${name(i)}`, text)),
  ];
  const base = { texts, field: null, group: null } as const;
  if (score === undefined) return { ...base, shape: 'ranking', numbers: [] };
  return { ...base, shape: 'margins', numbers: margins(at, score, others.length) };
}

/** Margins from margins, or from scores of the positive and of each negative. */
function margins(at: string, score: unknown, negatives: number): readonly number[] {
  const given: readonly unknown[] = Array.isArray(score) ? score : [score];
  const numbers = given.filter((one): one is number => Number.isFinite(one));
  const [positive = 0, ...others] = numbers;
  const complete = numbers.length === given.length && negatives > 0;
  if (complete && numbers.length === negatives) return numbers;
  if (complete && numbers.length === negatives + 1) return others.map((one) => positive - one);
  const what =
    negatives === 0
      ? 'left out for a row without negatives'
      : `${negatives} finite margins, or ${negatives + 1} scores of the positive and the negatives`;
  throw typeMistake(`${at}.score`, what, score);
}

/** A row of two texts with a score or label. Throws TypeError naming the field. */
export function pairRow(
  at: string,
  fields: Fields,
  [first, second]: readonly [string, string],
): ExampleRow {
  const texts = [textIn(at, fields, first), textIn(at, fields, second)];
  const field = fields.score === undefined ? 'label' : 'score';
  const value = fields[field];
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    const name = value === undefined ? 'score' : field;
    throw typeMistake(`${at}.${name}`, 'a finite number', value);
  }
  return { shape: 'pairs', texts, numbers: [value], field, group: null };
}

/** A row of two texts with a number, or with a class that is a text. */
function twoTexts(at: string, fields: Fields, names: readonly [string, string]): ExampleRow {
  const { score, label } = fields;
  if (score !== undefined || typeof label !== 'string') return pairRow(at, fields, names);
  const texts = names.map((name) => textIn(at, fields, name));
  const group = checkText(`${at}.label`, label);
  return { shape: 'class-pairs', texts, numbers: [], field: 'label', group };
}

function classRow(at: string, fields: Fields): ExampleRow {
  const { label } = fields;
  const known = typeof label === 'string' ? label !== '' : Number.isFinite(label);
  if (!known) throw typeMistake(`${at}.label`, 'a class: a text or a number', label);
  const texts = [textIn(at, fields, 'text')];
  return { shape: 'classes', texts, numbers: [], field: null, group: String(label) };
}

/** A field that is a text. */
export function textIn(at: string, fields: Fields, name: string): string {
  return checkText(`${at}.${name}`, fields[name]);
}

/** Throws TypeError unless `text` is a text that is not blank. */
export function checkText(at: string, text: unknown): string {
  if (typeof text === 'string' && text.trim() !== '') return text;
  throw typeMistake(at, 'a text that is not blank', text);
}

/** The names of a row's fields, without its place in a file. */
export function namesOf(fields: Fields): string {
  const names = Object.keys(fields).filter((name) => name !== 'file' && name !== 'line');
  return names.length === 0 ? 'no fields' : `fields ${names.join(', ')}`;
}
