/**
 * Reading labelled text from CSV, TSV and JSONL files, one row at a time.
 *
 * The rule: a file is hostile until read; whatever is wrong is INVALID_DATA with file, line and column.
 */
import { extname } from 'node:path';
import { rangeMistake, typeMistake } from '../core/errors.js';
import type { RowMaker } from './columns.js';
import { dataProblem } from './problem.js';
import type { ColumnRef, DataFormat, FileRow, RawRecord, ReadOptions } from './types.js';

const FORMATS: ReadonlyMap<string, DataFormat> = new Map([
  ['.csv', 'csv'],
  ['.tsv', 'tsv'],
  ['.tab', 'tsv'],
  ['.jsonl', 'jsonl'],
  ['.ndjson', 'jsonl'],
]);

/** The format by the file's ending; RangeError where it tells nothing. */
export function formatOf(path: string): DataFormat {
  const format = FORMATS.get(extname(path).toLowerCase());
  if (format === undefined) {
    throw rangeMistake('path', 'a .csv, .tsv or .jsonl file (or pass format)', path);
  }
  return format;
}

/** Many .json files hold one object a line; reading one that is an array says so. None is written. */
function readFormatOf(path: string): DataFormat {
  return extname(path).toLowerCase() === '.json' ? 'jsonl' : formatOf(path);
}

function checkColumn(where: string, column: ColumnRef | undefined, format: DataFormat): void {
  if (column === undefined) return;
  if (typeof column === 'number') {
    if (format === 'jsonl') throw typeMistake(where, 'a key of the JSON objects', column);
    if (!Number.isSafeInteger(column) || column < 1) {
      throw rangeMistake(where, 'a column number from 1', column);
    }
  } else if (typeof column !== 'string' || column === '') {
    throw typeMistake(where, 'a column name or number', column);
  }
}

function checkOptions(path: string, options: ReadOptions): DataFormat {
  if (typeof path !== 'string' || path === '') throw typeMistake('path', 'a file name', path);
  const format = options.format ?? readFormatOf(path);
  if (![...FORMATS.values()].includes(format)) {
    throw rangeMistake('format', '"csv", "tsv" or "jsonl"', format);
  }
  checkColumn('textColumn', options.textColumn, format);
  checkColumn('pairColumn', options.pairColumn, format);
  checkColumn('labelColumn', options.labelColumn, format);
  const { delimiter, labels = 'classes' } = options;
  if (!['classes', 'numbers', 'none'].includes(labels)) {
    throw rangeMistake('labels', '"classes", "numbers" or "none"', labels);
  }
  if (delimiter !== undefined && !/^[^"\r\n]$/u.test(delimiter)) {
    throw rangeMistake('delimiter', 'one character, no quote or line break', delimiter);
  }
  return format;
}

async function readRecords(
  path: string,
  format: DataFormat,
  options: ReadOptions,
): Promise<AsyncIterable<RawRecord>> {
  const { signal } = options;
  // A parser is loaded for those who read such a file.
  if (format === 'jsonl') {
    const { readJsonLines } = await import('./json-lines.js');
    return readJsonLines(path, signal);
  }
  const { readDelimited } = await import('./delimited.js');
  return readDelimited(path, {
    signal,
    delimiter: options.delimiter ?? (format === 'tsv' ? '\t' : ','),
    quoting: options.quoting ?? format === 'csv',
    header: options.header ?? true,
  });
}

/**
 * The rows of a file, read as they are asked for. Mistakes in the options throw at once; INVALID_DATA comes
 * from the iteration: a missing or empty file, bad UTF-8, quoting, column counts, JSON, or an empty column.
 */
export function readRows(path: string, options: ReadOptions = {}): AsyncIterable<FileRow> {
  const format = checkOptions(path, options);
  const named = format === 'jsonl' || (options.header ?? true);
  return {
    async *[Symbol.asyncIterator]() {
      const { chooseColumns, RowMaker } = await import('./columns.js');
      let maker: RowMaker | undefined;
      for await (const record of await readRecords(path, format, options)) {
        if (maker === undefined) {
          const columns = chooseColumns({ file: path, named, options }, record);
          options.onColumns?.(columns);
          maker = new RowMaker(columns, options);
        }
        yield maker.row(record);
      }
      if (maker === undefined) throw dataProblem(path, 'the file has a header but no rows');
      for (const group of maker.variants()) options.onLabelVariants?.(group);
    },
  };
}

/** All rows of a file at once. */
export async function readAllRows(path: string, options: ReadOptions = {}): Promise<FileRow[]> {
  const rows: FileRow[] = [];
  for await (const row of readRows(path, options)) rows.push(row);
  return rows;
}
