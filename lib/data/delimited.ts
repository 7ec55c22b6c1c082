/**
 * CSV and TSV files as records: csv-parse does the quoting, this file the names, counts and line numbers.
 *
 * The rule: every record has exactly the columns of the first one, and knows the line on which it begins.
 */
import { pipeline, Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { CsvError, parse } from 'csv-parse';
import { MAX_COLUMNS, MAX_LINE_UNITS } from '../core/limits.js';
import { decodeFile } from './decode.js';
import { clip, dataProblem } from './problem.js';
import type { RawRecord } from './types.js';

export interface DelimitedOptions {
  readonly delimiter: string;
  readonly quoting: boolean;
  readonly header: boolean;
  readonly signal: AbortSignal | undefined;
}

/** Parsed at a stretch: about 5 ms. */
const SLICE_UNITS = 32 * 1024;

interface ParsedRecord {
  readonly record: readonly string[];
  readonly raw: string;
  readonly info: { readonly lines: number };
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
  INVALID_OPENING_QUOTE:
    'a quote inside a field that is not quoted (quote the field, double its quotes)',
  CSV_INVALID_CLOSING_QUOTE:
    'text after the closing quote of a field (double the quotes inside a field)',
  CSV_MAX_RECORD_SIZE: `a row is longer than ${MAX_LINE_UNITS} bytes; is a quote not closed?`,
};

function parserProblem(file: string, error: unknown): unknown {
  if (!(error instanceof CsvError)) return error;
  const fields: Readonly<Record<string, unknown>> = { ...error };
  const lastLine = typeof fields.lines === 'number' ? fields.lines : 1;
  const raw = typeof fields.raw === 'string' ? fields.raw : '';
  // A quote that is never closed swallows the rest of the file: what helps is where its row began.
  const isSwallowed = ['CSV_QUOTE_NOT_CLOSED', 'CSV_MAX_RECORD_SIZE'].includes(error.code);
  const line = isSwallowed ? firstLine(lastLine, raw) : lastLine;
  const message = CSV_PROBLEMS[error.code] ?? error.message;
  return dataProblem(file, message, { line, cause: error });
}

/** Small pieces with turns for others between them: the parser takes each piece at once. */
async function* inSlices(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const piece of pieces) {
    for (let begin = 0; begin < piece.length; begin += SLICE_UNITS) {
      yield piece.slice(begin, begin + SLICE_UNITS);
      await setImmediate();
    }
  }
}

async function* parseFile(file: string, options: DelimitedOptions): AsyncGenerator<ParsedRecord> {
  const parser = parse({
    delimiter: options.delimiter,
    quote: options.quoting ? '"' : null,
    record_delimiter: '\n',
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: MAX_LINE_UNITS,
    info: true,
    raw: true,
  });
  // Errors of either stream surface in the loop below; the callback only keeps them from being unhandled.
  pipeline(Readable.from(inSlices(decodeFile(file, options.signal))), parser, () => {});
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

/** The records of a CSV or TSV file. Without a header, columns are named "1", "2" and so on. */
export async function* readDelimited(
  file: string,
  options: DelimitedOptions,
): AsyncGenerator<RawRecord> {
  let names: readonly string[] | undefined;
  let places: ReadonlyMap<string, number> = new Map();
  for await (const { record, raw, info } of parseFile(file, options)) {
    const line = firstLine(info.lines, raw);
    if (names === undefined) {
      if (record.length > MAX_COLUMNS) {
        const what = `must have at most ${MAX_COLUMNS} columns, got ${record.length}`;
        throw dataProblem(file, what, { line });
      }
      names = options.header
        ? headerNames(file, line, record)
        : record.map((_, i) => String(i + 1));
      places = new Map(names.map((name, i) => [name, i]));
      if (options.header) continue;
    }
    if (record.length !== names.length) {
      throw dataProblem(
        file,
        `${names.length} columns expected, got ${record.length}${commaHint(options, names, record)}`,
        { line },
      );
    }
    const columns = places;
    const get = (name: string) => record[columns.get(name) ?? record.length];
    yield { line, names, get, source: () => undefined };
  }
  if (names === undefined) throw dataProblem(file, 'the file is empty');
}

function commaHint(
  options: DelimitedOptions,
  names: readonly string[],
  record: readonly string[],
): string {
  const unquoted = options.delimiter === ',' && record.length > names.length;
  return unquoted ? ' (a text with a comma must be quoted)' : '';
}
