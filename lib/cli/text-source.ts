/**
 * Reads the texts of a command: from its arguments, from a data file, or from stdin, one a line or as the rows of a data file.
 *
 * The rule: a source can be opened again (but for stdin), so that a file is checked to its end before any work begins.
 */
import { extname } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import {
  type ChosenColumns,
  type DataSource,
  decodeBytes,
  decodeFile,
  type FileEncoding,
  type ReadOptions,
  readLines,
  readRows,
} from '../data/index.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';
import { usageMistake } from './arguments.js';

export interface TextSource {
  readonly name: string;
  /** false: it can be read once only, and its length is unknown. */
  readonly isRepeatable: boolean;
  open(): AsyncIterable<TextInput>;
}

export interface SourceOptions {
  /** Texts on the command line. */
  readonly texts: readonly TextInput[];
  /** A file, or "-" for stdin, whose lines are rows where `read.format` is given. */
  readonly input: string | undefined;
  readonly read: ReadOptions;
  readonly onColumns: (columns: ChosenColumns) => void;
  /** Called with how the file is read; for a plain text that is its encoding. */
  readonly onSource?: (source: Pick<DataSource, 'file' | 'encoding' | 'delimiter'>) => void;
}

/** A usage mistake where there is neither text nor file, or both. */
export function textSource({ texts, input, read, onColumns, onSource }: SourceOptions): TextSource {
  if (texts.length > 0 && input !== undefined) {
    throw usageMistake('give texts or --input FILE, not both');
  }
  if (input === '-') {
    return {
      name: 'stdin',
      isRepeatable: false,
      open: () => stdinTexts(read, onColumns, onSource),
    };
  }
  if (input === undefined) {
    if (texts.length === 0) throw usageMistake('give texts, or --input FILE (- for stdin)');
    return { name: 'arguments', isRepeatable: true, open: () => toAsync(texts) };
  }
  const open = isPlainText(input, read)
    ? () => textLines(input, plainText(input, read, onSource))
    : () => rowTexts(input, { ...read, onColumns, ...(onSource && { onSource }) });
  return { name: input, isRepeatable: true, open };
}

/** Texts or pairs from the rows of stdin where their format is named, else a text a line. */
function stdinTexts(
  read: ReadOptions,
  onColumns: SourceOptions['onColumns'],
  onSource: SourceOptions['onSource'],
): AsyncIterable<TextInput> {
  const stream = process.stdin;
  if (read.format === undefined) return textLines('stdin', decodeBytes('stdin', stream, read));
  return rowTexts('stdin', { ...read, stream, onColumns, ...(onSource && { onSource }) });
}

function plainText(
  file: string,
  { encoding, signal }: ReadOptions,
  onSource: SourceOptions['onSource'],
): AsyncIterable<string> {
  const onEncoding = (found: FileEncoding) =>
    onSource?.({ file, encoding: found, delimiter: null });
  return decodeFile(file, { encoding, signal, onEncoding });
}

/** Texts of the command line with their second texts: one for each, or a single one on either side for all. */
export function withPairs(texts: readonly string[], pairs: readonly string[]): TextInput[] {
  const count = Math.max(texts.length, pairs.length);
  const fit = [1, count].includes(texts.length) && [1, count].includes(pairs.length);
  if (!fit) throw usageMistake(`${texts.length} texts and ${pairs.length} of --pair do not fit`);
  const of = (list: readonly string[], i: number) => list[list.length === 1 ? 0 : i] ?? '';
  return Array.from({ length: count }, (_, i) => [of(texts, i), of(pairs, i)]);
}

function isPlainText(path: string, read: ReadOptions): boolean {
  return read.format === undefined && extname(path).toLowerCase() === '.txt';
}

async function* toAsync(texts: readonly TextInput[]): AsyncGenerator<TextInput> {
  yield* texts;
}

async function* rowTexts(path: string, read: ReadOptions): AsyncGenerator<TextInput> {
  for await (const row of readRows(path, read)) {
    yield row.pair === undefined ? row.text : [row.text, row.pair];
  }
}

/** Each line, empty ones too, without its line end; nothing behind the last line end. */
async function* textLines(name: string, pieces: AsyncIterable<string>): AsyncGenerator<string> {
  // Only the part after the last line end is dropped when empty; every other line is given, even an empty one.
  let isHeld = false;
  for await (const { text } of readLines(name, pieces)) {
    if (isHeld) yield '';
    isHeld = text === '';
    if (!isHeld) yield text;
  }
}

/** Number of texts in the source. */
export async function countTexts(source: TextSource): Promise<number> {
  let count = 0;
  for await (const _ of source.open()) count += 1;
  return count;
}

/**
 * A group of items ends where they weigh as much. Texts weigh their characters: long ones fill no memory, and a step takes seconds
 * whatever their length.
 */
const GROUP_WEIGHT = 1 << 20;

/** The weight of a text or a pair. */
export function charactersOf(text: TextInput): number {
  return typeof text === 'string' ? text.length : text[0].length + text[1].length;
}

/**
 * Groups of at most `size` items that have arrived. A group is given as soon as the next item would have to be waited for, so
 * that a line from a person or a slow program is answered at once.
 */
export async function* asTheyCome<T>(
  items: AsyncIterable<T>,
  size: number,
  weigh: (item: T) => number = () => 0,
): AsyncGenerator<T[]> {
  const iterator = items[Symbol.asyncIterator]();
  let chunk: T[] = [];
  let weight = 0;
  try {
    let next = iterator.next();
    for (;;) {
      const waited = chunk.length > 0 ? await Promise.race([next, turn(null)]) : await next;
      if (waited === null) {
        yield chunk;
        [chunk, weight] = [[], 0];
        continue;
      }
      if (waited.done === true) break;
      chunk.push(waited.value);
      weight += weigh(waited.value);
      next = iterator.next();
      if (chunk.length < size && weight < GROUP_WEIGHT) continue;
      yield chunk;
      [chunk, weight] = [[], 0];
    }
    if (chunk.length > 0) yield chunk;
  } finally {
    await iterator.return?.();
  }
}

/** Items in groups of `size`, the last one shorter. A group that is heavy enough ends before. */
export async function* inChunks<T>(
  items: AsyncIterable<T>,
  size: number,
  weigh: (item: T) => number = () => 0,
): AsyncGenerator<T[]> {
  let chunk: T[] = [];
  let weight = 0;
  for await (const item of items) {
    chunk.push(item);
    weight += weigh(item);
    if (chunk.length < size && weight < GROUP_WEIGHT) continue;
    yield chunk;
    [chunk, weight] = [[], 0];
  }
  if (chunk.length > 0) yield chunk;
}

/** All items but the first `count`. */
export function withoutFirst<T>(items: AsyncIterable<T>, count: number): AsyncIterable<T> {
  return count === 0 ? items : dropped(items, count);
}

async function* dropped<T>(items: AsyncIterable<T>, count: number): AsyncGenerator<T> {
  let left = count;
  for await (const item of items) {
    if (left > 0) left -= 1;
    else yield item;
  }
}
