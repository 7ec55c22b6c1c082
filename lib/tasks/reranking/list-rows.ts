/**
 * Reads rows of a cross-encoder into pairs, or into lists of pairs. The first row decides the shape of all.
 */

import { rangeMistake, SinterError } from '../../core/errors.js';
import type { EncoderGraph } from '../../graph/types.js';
import { trimSegments } from '../../runtime/forward.js';
import type { Cancel } from '../../tokenize/text-rows.js';
import type { TextPair, TextTokenizer } from '../../tokenize/text-tokenizer.js';
import {
  type CollectOptions,
  collectRows,
  type RowReader,
  type Rows,
} from '../../train/collect-rows.js';
import type { Corpus } from '../../train/corpus.js';
import { ListCorpus } from '../../train/list-corpus.js';
import { describeReranking, parseRerankingRow, type RerankingRow } from './reranking-rows.js';

/** Rows with two texts and a score each. */
export interface PairSet {
  readonly kind: 'pairs';
  readonly corpus: Corpus;
  /** Rows that were truncated. */
  readonly truncated: number;
}

/** Rows with a query and documents. */
export interface ListSet {
  readonly kind: 'lists';
  readonly corpus: ListCorpus;
  /** Pairs of query and document that were truncated. */
  readonly truncated: number;
  /** The rows as they were read; their queries have the prompt in front. */
  readonly rows: readonly RerankingRow[];
}

export type RerankingSet = PairSet | ListSet;

export interface ListOptions extends CollectOptions {
  readonly maxTokens: number;
  /** Is put in front of every query. */
  readonly prompt: string;
  /** Called with each row and its name. Throws for a row that cannot be used. */
  readonly check: (at: string, row: RerankingRow) => void;
  /** Whether no batch may hold a text twice; asked after the last row. */
  readonly noDuplicates: () => boolean;
}

/** The model's tokenizer and graph. */
export interface RowSource {
  readonly tokenizer: TextTokenizer;
  readonly graph: EncoderGraph;
}

/** Reads all rows. Throws TypeError or RangeError naming a row that is unlike the first. */
export async function collectLists(
  rows: Rows<unknown>,
  from: RowSource,
  options: ListOptions,
): Promise<RerankingSet> {
  const reader = new ListReader(from, options);
  const { corpus, truncated } = await collectRows(rows, reader, options);
  const { first, rows: read } = reader;
  if (first === undefined) throw new SinterError('INTERNAL', 'there is no row');
  if (first.shape === 'pairs') return { kind: 'pairs', corpus, truncated };
  const lengths = read.map(({ docs }) => docs.length);
  const numbers = options.noDuplicates() ? textNumbers(read) : undefined;
  return { kind: 'lists', corpus: new ListCorpus(corpus, lengths, numbers), truncated, rows: read };
}

/** Reads rows with two texts and a score each, for rows that are streamed. Throws RangeError for rows with lists. */
export function pairReader(
  from: RowSource,
  options: Pick<ListOptions, 'maxTokens' | 'prompt' | 'check'>,
): RowReader<RerankingRow> {
  const check = (at: string, row: RerankingRow) => {
    if (row.shape === 'pairs') return options.check(at, row);
    const what = 'two texts with a number with streaming, as a batch of others needs all rows';
    throw rangeMistake(at, what, describeReranking(row));
  };
  return new ListReader(from, { ...options, name: 'rows', check });
}

class ListReader implements RowReader<RerankingRow> {
  first: RerankingRow | undefined;
  /** Rows with lists. */
  readonly rows: RerankingRow[] = [];

  constructor(
    private readonly from: RowSource,
    private readonly options: Pick<ListOptions, 'maxTokens' | 'prompt' | 'check' | 'name'>,
  ) {}

  parse(at: string, value: unknown): RerankingRow {
    const row = parseRerankingRow(at, value);
    this.first ??= row;
    const [wanted, got] = [describeReranking(this.first), describeReranking(row)];
    if (wanted !== got) {
      throw new TypeError(`${at} must be a row of ${wanted} as the first one is, got ${got}`);
    }
    this.options.check(at, row);
    const prompted = { ...row, query: this.options.prompt + row.query };
    if (row.shape !== 'pairs') this.rows.push(prompted);
    return prompted;
  }

  async encode(rows: readonly RerankingRow[], firstIndex: number, cancel: Cancel) {
    const { maxTokens, name } = this.options;
    const pairs = rows.flatMap(pairsOf);
    const owners = rows.flatMap(({ docs }, row) => docs.map(() => row));
    const nameOf = (i: number) => `${name}[${firstIndex + (owners[i] ?? 0)}]`;
    const encoded = await this.from.tokenizer.encode(pairs, { maxTokens, nameOf, ...cancel });
    const values = Float32Array.from(rows.flatMap(({ relevances }) => relevances));
    const tokens = trimSegments(this.from.graph, encoded);
    const targets = { unit: 'text', width: 1, values } as const;
    return { batch: { tokens, targets }, truncated: encoded.truncated };
  }
}

function pairsOf({ query, docs }: RerankingRow): TextPair[] {
  return docs.map((doc) => [query, doc] as const);
}

/** For each row the numbers of its query and documents, equal for equal texts. */
function textNumbers(rows: readonly RerankingRow[]): number[][] {
  const seen = new Map<string, number>();
  const numberOf = (text: string) => {
    if (!seen.has(text)) seen.set(text, seen.size);
    return seen.get(text) ?? 0;
  };
  return rows.map(({ query, docs }) => [query, ...docs].map(numberOf));
}
