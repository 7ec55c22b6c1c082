/**
 * Rows of text with labels, from any iterable, checked and tokenized as they come.
 *
 * A mistake names the row by its number from 0: `train: rows[12].label must be one of ...`.
 */

import { show, throwIfAborted, typeMistake } from '../core/errors.js';
import type { EncoderGraph } from '../graph/types.js';
import type { TextInput, TextTokenizer } from '../tokenize/text-tokenizer.js';
import { type Corpus, CorpusBuilder } from '../train/corpus.js';
import { trimSegments } from './forward.js';

/**
 * One example. Labels are plain strings here, whatever the classifier's label type: rows mostly come from files, so each
 * label is checked when its row is read. It may be missing in the type only, so that rows of `readRows` fit.
 */
export interface LabelledRow {
  readonly text: string;
  /** Second text of a pair. */
  readonly pair?: string | undefined;
  readonly label?: string | undefined;
}

export type LabelledRows = Iterable<LabelledRow> | AsyncIterable<LabelledRow>;

export interface CollectOptions {
  readonly where: string;
  /** What the rows are called in messages. */
  readonly name: string;
  readonly labels: readonly string[];
  readonly maxTokens: number;
  readonly signal: AbortSignal | undefined;
}

/** Labels shown in a message before it says how many more there are. */
const SHOWN_LABELS = 8;
/** Rows tokenized at a time. */
const PIECE_ROWS = 1024;

/** Reads all rows. Throws TypeError for a row that is not what it must be, RangeError when there is none. */
export async function collectRows(
  rows: LabelledRows,
  tokenizer: TextTokenizer,
  graph: EncoderGraph,
  options: CollectOptions,
): Promise<{ corpus: Corpus; truncated: number }> {
  const { where, name, labels, maxTokens, signal } = options;
  checkIterable(`${where}: ${name}`, rows);
  const classes = new Map(labels.map((label, i) => [label, i]));
  const builder = new CorpusBuilder();
  let truncated = 0;
  let count = 0;
  let texts: TextInput[] = [];
  let ids: number[] = [];
  const flush = async () => {
    const firstIndex = count - texts.length;
    const encoded = await tokenizer.encode(texts, { maxTokens, firstIndex });
    truncated += encoded.truncated;
    builder.add({ tokens: trimSegments(graph, encoded), labels: Int32Array.from(ids) });
    texts = [];
    ids = [];
  };
  for await (const row of rows) {
    throwIfAborted(signal, where);
    const at = `${where}: ${name}[${count}]`;
    texts.push(textOf(at, row));
    ids.push(labelOf(at, row, classes));
    count++;
    if (texts.length === PIECE_ROWS) await flush();
  }
  if (count === 0) throw new RangeError(`${where}: ${name} must have at least one row, got none`);
  if (texts.length > 0) await flush();
  return { corpus: builder.finish(), truncated };
}

function checkIterable(where: string, rows: unknown): void {
  const isObject = typeof rows === 'object' && rows !== null;
  if (isObject && (Symbol.iterator in rows || Symbol.asyncIterator in rows)) return;
  throw typeMistake(where, 'an iterable of rows', rows);
}

function textOf(at: string, row: unknown): TextInput {
  if (typeof row !== 'object' || row === null) {
    throw typeMistake(at, 'an object with text and label', row);
  }
  const { text, pair } = row as { readonly text?: unknown; readonly pair?: unknown };
  if (typeof text !== 'string') throw typeMistake(`${at}.text`, 'a string', text);
  if (pair === undefined) return text;
  if (typeof pair !== 'string') throw typeMistake(`${at}.pair`, 'a string', pair);
  return [text, pair];
}

function labelOf(at: string, row: LabelledRow, classes: ReadonlyMap<string, number>): number {
  const { label } = row;
  const index = label === undefined ? undefined : classes.get(label);
  if (index !== undefined) return index;
  const names = [...classes.keys()];
  const shown = names.slice(0, SHOWN_LABELS).map(show).join(', ');
  const more = names.length > SHOWN_LABELS ? ` and ${names.length - SHOWN_LABELS} more` : '';
  throw typeMistake(`${at}.label`, `one of ${shown}${more}`, label);
}
