/**
 * Reads rows from any iterable into a corpus; rows are checked and tokenized as they come.
 *
 * An error names the row by its index: `train: rows[12].label must be one of ...`.
 */

import { throwIfAborted, typeMistake } from '../core/errors.js';
import type { EncoderGraph } from '../graph/types.js';
import { trimSegments } from '../runtime/forward.js';
import type { Cancel } from '../tokenize/text-rows.js';
import type { TextInput, TextTokenizer } from '../tokenize/text-tokenizer.js';
import { type Corpus, CorpusBuilder, type LabelledBatch } from './corpus.js';
import type { TargetNumbers } from './targets.js';

/** Rows as the caller passes them. */
export type Rows<Row> = Iterable<Row> | AsyncIterable<Row>;

/** Turns rows of one kind into batches. */
export interface RowReader<Checked> {
  /** Checks a row; `at` is its name in messages. */
  parse(at: string, row: unknown): Checked;
  /** Tokenizes checked rows; `firstIndex` is the index of the first one. */
  encode(
    rows: readonly Checked[],
    firstIndex: number,
    cancel: Cancel,
  ): Promise<{ readonly batch: LabelledBatch; readonly truncated: number }>;
}

export interface CollectOptions {
  readonly where: string;
  /** Name of the rows in messages. */
  readonly name: string;
  readonly signal: AbortSignal | undefined;
}

/** Rows that are tokenized in one call. */
const PIECE_ROWS = 1024;

/** Reads all rows. Throws TypeError for a row of the wrong form, RangeError if there is no row. */
export async function collectRows<Checked>(
  rows: Rows<unknown>,
  reader: RowReader<Checked>,
  { where, name, signal }: CollectOptions,
): Promise<{ corpus: Corpus; truncated: number }> {
  checkIterable(`${where}: ${name}`, rows);
  const builder = new CorpusBuilder();
  let truncated = 0;
  let count = 0;
  let piece: Checked[] = [];
  const flush = async () => {
    const encoded = await reader.encode(piece, count - piece.length, { where, signal });
    truncated += encoded.truncated;
    builder.add(encoded.batch);
    piece = [];
  };
  for await (const row of rows) {
    throwIfAborted(signal, where);
    piece.push(reader.parse(`${where}: ${name}[${count}]`, row));
    count++;
    if (piece.length === PIECE_ROWS) await flush();
  }
  if (count === 0) throw new RangeError(`${where}: ${name} must have at least one row, got none`);
  if (piece.length > 0) await flush();
  return { corpus: builder.finish(), truncated };
}

function checkIterable(where: string, rows: unknown): void {
  const isObject = typeof rows === 'object' && rows !== null;
  if (isObject && (Symbol.iterator in rows || Symbol.asyncIterator in rows)) return;
  throw typeMistake(where, 'an iterable of rows', rows);
}

/** A text with its target numbers. */
export interface TextTarget {
  readonly input: TextInput;
  readonly target: readonly number[];
}

/** Reads rows of one text or pair and `width` target numbers each. */
export function textRows(
  parse: (at: string, row: unknown) => TextTarget,
  target: { readonly width: number; readonly kind: 'classes' | 'numbers' },
  from: {
    readonly tokenizer: TextTokenizer;
    readonly graph: EncoderGraph;
    readonly maxTokens: number;
  },
): RowReader<TextTarget> {
  const { tokenizer, graph, maxTokens } = from;
  return {
    parse,
    async encode(rows, firstIndex, cancel) {
      // The first row may decide the width.
      const { width, kind } = target;
      const texts = rows.map(({ input }) => input);
      const encoded = await tokenizer.encode(texts, { maxTokens, firstIndex, ...cancel });
      const flat = rows.flatMap((row) => row.target);
      const values: TargetNumbers =
        kind === 'classes' ? Int32Array.from(flat) : Float32Array.from(flat);
      const tokens = trimSegments(graph, encoded);
      const batch: LabelledBatch = { tokens, targets: { unit: 'text', width, values } };
      return { batch, truncated: encoded.truncated };
    },
  };
}

/** Texts and target numbers of all rows, without tokenizing them. Throws as collectRows does. */
export async function collectTexts(
  rows: Rows<unknown>,
  from: {
    parse(at: string, row: unknown): TextTarget;
    readonly target: { readonly kind: 'classes' | 'numbers' };
  },
  { where, name, signal }: CollectOptions,
): Promise<{ readonly texts: TextInput[]; readonly targets: TargetNumbers }> {
  checkIterable(`${where}: ${name}`, rows);
  const texts: TextInput[] = [];
  const numbers: number[] = [];
  for await (const row of rows) {
    throwIfAborted(signal, where);
    const { input, target } = from.parse(`${where}: ${name}[${texts.length}]`, row);
    texts.push(input);
    numbers.push(...target);
  }
  if (texts.length === 0) {
    throw new RangeError(`${where}: ${name} must have at least one row, got none`);
  }
  const targets =
    from.target.kind === 'classes' ? Int32Array.from(numbers) : Float32Array.from(numbers);
  return { texts, targets };
}

/** A row's fields. Throws TypeError unless it is an object; `what` lists the fields for the message. */
export function fieldsOf(
  at: string,
  row: unknown,
  what: string,
): Readonly<Record<string, unknown>> {
  if (typeof row === 'object' && row !== null) return row as Readonly<Record<string, unknown>>;
  throw typeMistake(at, `an object with ${what}`, row);
}

/** The text of a row, and its second text if there is one. */
export function textOf(at: string, row: unknown, what: string): TextInput {
  const { text, pair } = fieldsOf(at, row, what);
  if (typeof text !== 'string') throw typeMistake(`${at}.text`, 'a string', text);
  if (pair === undefined) return text;
  if (typeof pair !== 'string') throw typeMistake(`${at}.pair`, 'a string', pair);
  return [text, pair];
}
