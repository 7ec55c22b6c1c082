/**
 * Writing results as CSV, TSV or JSONL: to a stream line by line, or to a file.
 *
 * The rule: a file appears whole or not at all; what is written as CSV or JSONL reads back equal with readRows
 * (but for CRLF and CR inside a CSV field, which read as LF).
 */
import { extname } from 'node:path';
import { rangeMistake, typeMistake } from '../core/errors.js';
import { printableJson } from '../core/visible.js';
import { writeFileAtomic } from '../files/index.js';
import type { WriteFormat } from './types.js';

export type OutputValue = string | number | boolean | null;
export type OutputRow = Readonly<Record<string, OutputValue>>;

const ENDINGS: Readonly<Record<string, WriteFormat>> = {
  '.csv': 'csv',
  '.tsv': 'tsv',
  '.tab': 'tsv',
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
};

/** The format by a file's ending; RangeError for an unknown ending. */
export function formatOf(path: string): WriteFormat {
  const ending = extname(path).toLowerCase();
  const format = Object.hasOwn(ENDINGS, ending) ? ENDINGS[ending] : undefined;
  if (format !== undefined) return format;
  throw rangeMistake('path', 'a .csv, .tsv or .jsonl file (or pass format)', path);
}

/** For files that are opened in a spreadsheet. */
export interface SpreadsheetOptions {
  /** CSV and TSV: put ' before texts that a spreadsheet would take for a formula; they read back with it. Default: false. */
  readonly escapeFormulas?: boolean;
  /** CSV and TSV: begin with a byte order mark, without which Excel takes UTF-8 for the encoding of its country. Default: false. */
  readonly bom?: boolean;
}

export interface WriteOptions extends SpreadsheetOptions {
  /** Names and order of the columns. Default: the keys of the first row. */
  readonly columns?: readonly string[];
  /** Default: by the file's ending. */
  readonly format?: WriteFormat;
}

/** What a CSV or TSV file begins with. */
export function fileStart({ bom = false }: SpreadsheetOptions): string {
  return bom ? '\uFEFF' : '';
}

/** Beginnings that a spreadsheet takes for a formula; some also do so after leading spaces or as full-width signs. */
const FORMULA = /^[\s\p{Cc}\p{Cf}]*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]|^[\t\r\n]/u;

/** The text with ' before a formula, which a spreadsheet then shows as text. Numbers are left alone. */
export function withoutFormula<V extends OutputValue>(value: V): V | string {
  return typeof value === 'string' && FORMULA.test(value) ? `'${value}` : value;
}

const OPENING = /["\r\n]|^[ \t]|[ \t]$/;

/** One field of CSV, quoted where the value needs it. null is an empty field. */
export function csvField(value: OutputValue, delimiter = ','): string {
  const text = value === null ? '' : String(value);
  if (!OPENING.test(text) && !text.includes(delimiter)) return text;
  return `"${text.replaceAll('"', '""')}"`;
}

/** TSV has no quoting: tabs and line breaks inside a value become spaces. */
function tsvField(value: OutputValue): string {
  return value === null ? '' : String(value).replace(/[\t\r\n]+/g, ' ');
}

/** The rows as lines, each with its line feed; CSV and TSV begin with a header. TypeError for a missing column. */
export async function* formatRows(
  rows: Iterable<OutputRow> | AsyncIterable<OutputRow>,
  options: WriteOptions & { readonly format: WriteFormat },
): AsyncGenerator<string> {
  const { format, escapeFormulas = false } = options;
  const start = fileStart(options);
  const line = (cells: readonly OutputValue[]): string => {
    const values = escapeFormulas ? cells.map(withoutFormula) : cells;
    if (format === 'tsv') return `${values.map(tsvField).join('\t')}\n`;
    const fields = values.map((value) => csvField(value));
    // A row whose only field is empty is quoted, because an empty line would read back as no row.
    return `${fields.length === 1 && fields[0] === '' ? '""' : fields.join(',')}\n`;
  };
  let columns = options.columns;
  if (columns !== undefined && format !== 'jsonl') yield start + line(columns);
  let index = 0;
  for await (const row of rows) {
    if (columns === undefined) {
      columns = Object.keys(row);
      if (format !== 'jsonl') yield start + line(columns);
    }
    const values = columns.map((column): [string, OutputValue] => {
      const value = Object.hasOwn(row, column) ? row[column] : undefined;
      if (value === undefined) throw typeMistake(`rows[${index}].${column}`, 'given', value);
      return [column, value];
    });
    index += 1;
    if (format === 'jsonl') yield `${printableJson(JSON.stringify(Object.fromEntries(values)))}\n`;
    else yield line(values.map(([, value]) => value));
  }
}

/**
 * Writes rows to a file and returns how many. The file is replaced only once all rows are written. FILE_SYSTEM when it cannot be
 * written.
 */
export async function writeRows(
  path: string,
  rows: Iterable<OutputRow> | AsyncIterable<OutputRow>,
  options: WriteOptions = {},
): Promise<number> {
  const { format = formatOf(path) } = options;
  let lines = 0;
  await writeFileAtomic(path, async (file) => {
    let pending = '';
    for await (const line of formatRows(rows, { ...options, format })) {
      lines += 1;
      pending += line;
      if (pending.length < 64 * 1024) continue;
      await file.appendFile(pending);
      pending = '';
    }
    await file.appendFile(pending);
  });
  return format === 'jsonl' || lines === 0 ? lines : lines - 1;
}
