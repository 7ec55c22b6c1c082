/**
 * Opens a data file as records, whatever its format.
 *
 * The rule: options are checked before the file is opened, and a parser is loaded only for a file that needs it.
 */
import { extname } from 'node:path';
import { rangeMistake, typeMistake } from '../core/errors.js';
import { encodingName } from './encodings.js';
import type { ColumnRef, DataFormat, ReadOptions, Records } from './types.js';

const ENDINGS: Readonly<Record<string, DataFormat>> = {
  '.csv': 'csv',
  '.tsv': 'tsv',
  '.tab': 'tsv',
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
  '.json': 'json',
  '.parquet': 'parquet',
  '.conll': 'conll',
  '.bio': 'conll',
  '.iob': 'conll',
  '.iob2': 'conll',
};

/** The values of `format`. */
export const DATA_FORMATS: readonly DataFormat[] = [
  'csv',
  'tsv',
  'jsonl',
  'json',
  'parquet',
  'conll',
];

const quoted = (names: readonly string[]): string =>
  `${names
    .slice(0, -1)
    .map((name) => `"${name}"`)
    .join(', ')} or "${names.at(-1)}"`;

/** The format by a file's ending; RangeError for an unknown ending. */
export function dataFormatOf(path: string): DataFormat {
  const ending = extname(path).toLowerCase();
  const format = Object.hasOwn(ENDINGS, ending) ? ENDINGS[ending] : undefined;
  if (format !== undefined) return format;
  const isExcel = ending === '.xlsx' || ending === '.xls';
  const what = isExcel
    ? 'a text file: save the sheet as CSV'
    : 'a .csv, .tsv, .jsonl, .json, .parquet or .conll file (or name its `format`)';
  throw rangeMistake('path', what, path);
}

function checkColumn(where: string, column: ColumnRef | undefined, format: DataFormat): void {
  if (column === undefined) return;
  if (typeof column === 'number') {
    const isNumbered = format === 'csv' || format === 'tsv' || format === 'conll';
    if (!isNumbered) throw typeMistake(where, 'the name of a column or key', column);
    if (!Number.isSafeInteger(column) || column < 1) {
      throw rangeMistake(where, 'a column number from 1', column);
    }
  } else if (typeof column !== 'string' || column === '') {
    throw typeMistake(where, 'a column name or number', column);
  }
}

/** Checked options, with the values derived from them. */
export interface CheckedOptions {
  readonly path: string;
  readonly format: DataFormat;
  /** The Encoding standard's name. */
  readonly encoding: string | undefined;
  /** Whether columns have names of their own. */
  readonly named: boolean;
  readonly options: ReadOptions;
}

/** Checks options. TypeError or RangeError for those that no file could be read with. */
export function checkOptions(path: string, options: ReadOptions): CheckedOptions {
  if (typeof path !== 'string' || path === '') throw typeMistake('path', 'a file name', path);
  const format = options.format ?? dataFormatOf(path);
  if (!DATA_FORMATS.includes(format)) throw rangeMistake('format', quoted(DATA_FORMATS), format);
  if (options.stream !== undefined && (format === 'parquet' || format === 'conll')) {
    throw rangeMistake('format', quoted(['csv', 'tsv', 'json', 'jsonl']), format);
  }
  checkColumn('textColumn', options.textColumn, format);
  checkColumn('pairColumn', options.pairColumn, format);
  checkColumn('labelColumn', options.labelColumn, format);
  const { delimiter, labels = 'classes', onBadRows = 'fail', labelNames } = options;
  if (!['classes', 'numbers', 'none'].includes(labels)) {
    throw rangeMistake('labels', '"classes", "numbers" or "none"', labels);
  }
  if (!['fail', 'skip', 'report'].includes(onBadRows)) {
    throw rangeMistake('onBadRows', '"fail", "skip" or "report"', onBadRows);
  }
  if (delimiter !== undefined && !/^[^"\r\n]$/u.test(delimiter)) {
    throw rangeMistake('delimiter', 'one character, no quote or line break', delimiter);
  }
  const isDelimited = format === 'csv' || format === 'tsv';
  if (delimiter !== undefined && !isDelimited) {
    throw rangeMistake('delimiter', 'left out for what is no CSV or TSV', delimiter);
  }
  checkNames(labelNames);
  const named = !isDelimited || (options.header ?? true);
  return { path, format, encoding: checkEncoding(options.encoding, format), named, options };
}

function checkNames(names: readonly string[] | undefined): void {
  if (names === undefined) return;
  const isList = Array.isArray(names) && names.length > 0;
  if (isList && names.every((name) => typeof name === 'string' && name.trim() !== '')) {
    if (new Set(names).size === names.length) return;
    throw rangeMistake('labelNames', 'different names', names);
  }
  throw typeMistake('labelNames', 'an array of names', names);
}

function checkEncoding(encoding: string | undefined, format: DataFormat): string | undefined {
  if (encoding === undefined) return undefined;
  if (typeof encoding !== 'string') throw typeMistake('encoding', 'the name of one', encoding);
  const name = encodingName(encoding);
  if (name === null) {
    const known =
      'utf-8, utf-16le, gb18030, shift_jis, windows-1252 or another that TextDecoder knows';
    throw rangeMistake('encoding', known, encoding);
  }
  if (format === 'parquet') {
    throw rangeMistake('encoding', 'left out for Parquet, which says its own', encoding);
  }
  return name;
}

/** Opens the file. INVALID_DATA where it cannot be opened, or its encoding cannot be told. */
export async function openRecords(checked: CheckedOptions): Promise<Records> {
  const { path, format, encoding, options } = checked;
  const { signal, textColumn, labelColumn, stream } = options;
  if (format === 'parquet') {
    const { openParquet } = await import('./parquet.js');
    return openParquet(path, { signal });
  }
  if (format === 'conll') {
    const { openConll } = await import('./conll.js');
    return openConll(path, { encoding, textColumn, labelColumn, signal });
  }
  if (format === 'json' || format === 'jsonl') {
    const { openJson } = await import('./json.js');
    return openJson(path, { format, encoding, stream, signal });
  }
  const { openDelimited } = await import('./delimited.js');
  const { delimiter, quoting, header = true } = options;
  return openDelimited(path, { format, delimiter, quoting, header, encoding, stream, signal });
}
