/**
 * Reads CSV and TSV files as records: csv-parse does the splitting, this file the names, counts, quotes and line numbers.
 *
 * The rule: every record has exactly the columns of the first one, and knows the line on which it begins.
 */
import { pipeline, Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { CsvError, parse } from 'csv-parse';
import { MAX_COLUMNS, MAX_LINE_UNITS } from '../core/limits.js';
import { openText } from './decode.js';
import { findDelimiter } from './delimiter.js';
import { peek } from './peek.js';
import { clip, dataProblem, RowProblem } from './problem.js';
import { quoteFault } from './quotes.js';
import type { Parsed, Records } from './types.js';

export interface DelimitedOptions {
  readonly format: 'csv' | 'tsv';
  /** Default: found. */
  readonly delimiter: string | undefined;
  /** Default: true, except for tabs in a .tsv file. */
  readonly quoting: boolean | undefined;
  readonly header: boolean;
  readonly encoding: string | undefined;
  readonly stream: AsyncIterable<Uint8Array> | undefined;
  readonly signal: AbortSignal | undefined;
}

/** UTF-16 units parsed at a stretch: about 5 ms. */
const SLICE_UNITS = 32 * 1024;
/** UTF-16 units searched for the delimiter. */
const HEAD_UNITS = 64 * 1024;

interface ParsedRecord {
  readonly record: readonly string[];
  readonly raw: string;
  readonly info: { readonly lines: number };
}

/** How the text is split. */
interface Layout {
  readonly delimiter: string;
  readonly quoting: boolean;
  readonly header: boolean;
}

/** The parser knows the line where a record ends; line feeds inside the record lead back to its start. */
function firstLine(lastLine: number, raw: string): number {
  let [begin, end] = [0, raw.length];
  while (begin < end && raw[begin] === '\n') begin += 1;
  while (end > begin && raw[end - 1] === '\n') end -= 1;
  let inside = 0;
  for (let at = raw.indexOf('\n', begin); at >= 0 && at < end; at = raw.indexOf('\n', at + 1)) {
    inside += 1;
  }
  return lastLine - inside;
}

const CSV_PROBLEMS: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: 'a quoted field is never closed',
  CSV_MAX_RECORD_SIZE: `a row is longer than ${MAX_LINE_UNITS} bytes; is a quote not closed?`,
};

/** A quote that is never closed swallows the rest of the file, so the error names the line where its row began. */
function parserProblem(file: string, error: unknown): unknown {
  if (!(error instanceof CsvError)) return error;
  const fields: Readonly<Record<string, unknown>> = { ...error };
  const lastLine = typeof fields.lines === 'number' ? fields.lines : 1;
  const raw = typeof fields.raw === 'string' ? fields.raw : '';
  const message = CSV_PROBLEMS[error.code] ?? error.message;
  return dataProblem(file, message, { line: firstLine(lastLine, raw), cause: error });
}

/** Small pieces with turns of the event loop between them, because the parser parses a piece at once. */
async function* inSlices(pieces: AsyncIterable<string>, skip: number): AsyncGenerator<string> {
  let begin = skip;
  for await (const piece of pieces) {
    for (; begin < piece.length; begin += SLICE_UNITS) {
      yield piece.slice(begin, begin + SLICE_UNITS);
      await setImmediate();
    }
    begin = 0;
  }
}

async function* parseText(
  file: string,
  text: AsyncIterable<string>,
  { delimiter, quoting }: Layout,
): AsyncGenerator<ParsedRecord> {
  const parser = parse({
    delimiter,
    quote: quoting ? '"' : null,
    record_delimiter: '\n',
    relax_column_count: true,
    // One stray quote must not end the file: quoteFault finds it and refuses its row.
    relax_quotes: true,
    skip_empty_lines: true,
    max_record_size: MAX_LINE_UNITS,
    info: true,
    raw: true,
  });
  // Errors of either stream surface in the loop below; the callback only keeps them from being unhandled.
  pipeline(Readable.from(text), parser, () => {});
  try {
    for await (const parsed of parser) yield parsed as ParsedRecord;
  } catch (error) {
    throw parserProblem(file, error);
  }
}

function headerNames(file: string, line: number, record: readonly string[]): string[] {
  const seen = new Set<string>();
  return record.map((cell, i) => {
    const name = cell.trim();
    if (name === '') return String(i + 1);
    if (seen.has(name)) {
      throw dataProblem(file, `two columns are named ${JSON.stringify(clip(name))}`, {
        line,
        column: name,
      });
    }
    seen.add(name);
    return name;
  });
}

/** A CSV or TSV file. */
export async function openDelimited(file: string, options: DelimitedOptions): Promise<Records> {
  const { format, header, encoding, stream, signal } = options;
  const open = await openText(file, { encoding, stream, signal });
  try {
    // Of a stream only the first piece is looked at: a program that waits for its answer may not send more.
    const { head, text } = await peek(open.text, stream === undefined ? HEAD_UNITS : 1);
    const { delimiter, skip } = findDelimiter(head, { ...options, format });
    const { character } = delimiter;
    const quoting = options.quoting ?? (format === 'csv' || character !== '\t');
    return {
      source: { file, format, encoding: open.encoding, delimiter },
      names: null,
      classNames: () => undefined,
      read: () => {
        const slices = inSlices(text, skip);
        return readDelimited(file, slices, { delimiter: character, quoting, header });
      },
      close: open.close,
    };
  } catch (error) {
    await open.close();
    throw error;
  }
}

/** The records of a CSV or TSV text. Without a header, columns are named "1", "2" and so on. */
async function* readDelimited(
  file: string,
  text: AsyncIterable<string>,
  layout: Layout,
): AsyncGenerator<Parsed> {
  let names: readonly string[] | undefined;
  let places: ReadonlyMap<string, number> = new Map();
  for await (const { record, raw, info } of parseText(file, text, layout)) {
    const line = firstLine(info.lines, raw);
    const fault = layout.quoting ? quoteFault(raw, layout.delimiter) : null;
    if (names === undefined) {
      if (fault !== null) throw dataProblem(file, fault, { line });
      if (record.length > MAX_COLUMNS) {
        const what = `must have at most ${MAX_COLUMNS} columns, got ${record.length}`;
        throw dataProblem(file, what, { line });
      }
      names = layout.header ? headerNames(file, line, record) : record.map((_, i) => String(i + 1));
      places = new Map(names.map((name, i) => [name, i]));
      if (layout.header) continue;
    }
    if (fault !== null) {
      yield new RowProblem(file, fault, { line });
      continue;
    }
    if (record.length !== names.length) {
      const hint = commaHint(layout.delimiter, names, record);
      const columns = names.length === 1 ? 'column' : 'columns';
      const what = `${names.length} ${columns} expected, got ${record.length}${hint}`;
      yield new RowProblem(file, what, { line }, 'number of columns');
      continue;
    }
    const columns = places;
    const get = (name: string) => record[columns.get(name) ?? record.length];
    yield { line, names, get, source: () => undefined };
  }
  if (names === undefined) throw dataProblem(file, 'the file is empty');
}

function commaHint(delimiter: string, names: readonly string[], record: readonly string[]): string {
  const unquoted = delimiter === ',' && record.length > names.length;
  return unquoted ? ' (a text with a comma must be quoted)' : '';
}
