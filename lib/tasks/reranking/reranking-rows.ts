/**
 * Rows for the training and the evaluation of a cross-encoder, told apart by their fields: two texts with a score, a query
 * with its positive and negatives, or a query with a list of documents and their labels.
 */

import { rangeMistake, typeMistake } from '../../core/errors.js';
import { fieldsOf } from '../../train/collect-rows.js';
import {
  checkText,
  type ExampleRow,
  type Fields,
  namesOf,
  type PairRow,
  pairRow,
  rankingRow,
  textIn,
} from '../embedding/embedding-rows.js';

/** Two texts with how well they match. */
export interface ScoredPair {
  readonly text: string;
  readonly pair: string;
  /** For binary_cross_entropy from 0 (no match) to 1. */
  readonly score: number;
}

/** A query and a passage, with how well they match. */
export type PassageRow = { readonly query: string; readonly passage: string } & (
  | { readonly score: number }
  | { readonly label: number }
);

/** A query with a text that answers it, and texts that do not. */
export type QueryRow = ({ readonly query: string } | { readonly anchor: string }) & {
  readonly positive: string;
  readonly negative?: string;
  /** Several negatives, as many in every row, in place of `negative`. */
  readonly negatives?: readonly string[];
  /**
   * For `margin_mse` only: how much higher a teacher scores the positive than each negative, or its scores of the positive
   * and of each negative.
   */
  readonly score?: number | readonly number[];
};

/** A query with documents and how relevant each is. Lists may have different lengths. */
export interface RankedRow {
  readonly query: string;
  readonly docs: readonly string[];
  /** One finite number per document, 0 or less for those that are not relevant. */
  readonly labels: readonly number[];
}

/** Rows of `train` and `evaluate` of a cross-encoder. All rows of a call have the same fields. */
export type CrossEncoderRow = ScoredPair | PairRow | PassageRow | QueryRow | RankedRow;

/** What rows are by their fields. */
export type RerankingShape = 'pairs' | 'ranking' | 'margins' | 'lists';

/** A row after its check. */
export interface RerankingRow {
  readonly shape: RerankingShape;
  readonly query: string;
  /** pairs: the one other text; ranking and margins: the positive, then the negatives. */
  readonly docs: readonly string[];
  /**
   * One number per document. pairs: the score; ranking: 1 for the positive, 0 for the others; margins: a teacher's scores, of
   * which only the differences count.
   */
  readonly relevances: readonly number[];
  /** pairs: the field of the score. */
  readonly field: 'score' | 'label' | null;
}

const WANTED =
  'text and pair (or sentence1 and sentence2, or query and passage) with score or label, query and positive (with ' +
  'negative or negatives), or query, docs and labels';

/** Names of the two texts of pairs. */
const PAIR_FIELDS = [
  ['text', 'pair'],
  ['sentence1', 'sentence2'],
  ['query', 'passage'],
] as const;

/** Checks a row; `at` is its name in messages. Throws TypeError for a row of no known shape. */
export function parseRerankingRow(at: string, row: unknown): RerankingRow {
  const fields = fieldsOf(at, row, WANTED);
  if (fields.docs !== undefined) return listRow(at, fields);
  if (fields.positive !== undefined) {
    return ofRanking(rankingRow(at, fields, fields.anchor === undefined ? 'query' : 'anchor'));
  }
  const names = PAIR_FIELDS.find(([, second]) => fields[second] !== undefined);
  if (names !== undefined) {
    const { texts, numbers, field } = pairRow(at, fields, names);
    const [query = '', doc = ''] = texts;
    return { shape: 'pairs', query, docs: [doc], relevances: numbers, field: field ?? 'score' };
  }
  const [, second] = PAIR_FIELDS.find(([first]) => fields[first] !== undefined) ?? [];
  if (second !== undefined && fields.labels === undefined) {
    throw typeMistake(`${at}.${second}`, `a text, in a row of ${WANTED}`, undefined);
  }
  throw new TypeError(`${at} must be a row of ${WANTED}, got ${namesOf(fields)}`);
}

/** The shape in words, with what its rows hold. Lists of different lengths are of one shape. */
export function describeReranking({ shape, docs, field }: RerankingRow): string {
  const negatives = docs.length - 1;
  const count = negatives === 1 ? '1 negative' : `${negatives} negatives`;
  switch (shape) {
    case 'pairs':
      return `two texts and ${field ?? 'score'}`;
    case 'ranking':
      return negatives === 0 ? 'query and positive' : `query, positive and ${count}`;
    case 'margins':
      return `query, positive, ${count} and score`;
    case 'lists':
      return 'query, docs and labels';
  }
}

/** Margins become scores: 0 for the positive, and what each negative has less. */
function ofRanking({ shape, texts, numbers }: ExampleRow): RerankingRow {
  const [query = '', ...docs] = texts;
  if (shape === 'ranking') {
    const relevances = docs.map((_, i) => (i === 0 ? 1 : 0));
    return { shape, query, docs, relevances, field: null };
  }
  const relevances = [0, ...numbers.map((margin) => -margin)];
  return { shape: 'margins', query, docs, relevances, field: null };
}

function listRow(at: string, fields: Fields): RerankingRow {
  const { docs, labels } = fields;
  const query = textIn(at, fields, 'query');
  if (!Array.isArray(docs)) throw typeMistake(`${at}.docs`, 'an array of texts', docs);
  if (docs.length === 0) throw rangeMistake(`${at}.docs`, 'at least one text', docs);
  const texts = docs.map((doc: unknown, i) => checkText(`${at}.docs[${i}]`, doc));
  if (!Array.isArray(labels)) throw typeMistake(`${at}.labels`, 'an array of numbers', labels);
  if (labels.length !== docs.length) {
    const what = `as many numbers as docs: ${docs.length}`;
    throw rangeMistake(`${at}.labels`, what, labels);
  }
  const relevances = labels.map((label: unknown, i) => {
    if (typeof label === 'number' && Number.isFinite(label)) return label;
    throw typeMistake(`${at}.labels[${i}]`, 'a finite number', label);
  });
  return { shape: 'lists', query, docs: texts, relevances, field: null };
}
