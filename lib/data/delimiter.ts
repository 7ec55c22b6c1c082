/**
 * Which character separates the columns of a CSV or TSV file.
 *
 * The rule: the format's own one, unless only another one makes columns; a guess is always reported.
 */
import { parse } from 'csv-parse/sync';
import type { FileDelimiter } from './types.js';

const CANDIDATES = [',', ';', '\t', '|'];
/** Lines that are enough to tell the delimiter by. */
const SAMPLE_LINES = 50;
const SAMPLE_UNITS = 64 * 1024;
/** The first line with which Excel states the delimiter. */
const STATED = /^sep=([^"\n])(?:\n|$)/i;

export interface DelimiterOptions {
  readonly delimiter: string | undefined;
  readonly format: 'csv' | 'tsv';
  readonly header: boolean;
}

/** The delimiter of a file that begins with `head`, and the length of the line that states it, to be skipped. */
export function findDelimiter(
  head: string,
  { delimiter, format, header }: DelimiterOptions,
): { readonly delimiter: FileDelimiter; readonly skip: number } {
  const [line = '', stated] = STATED.exec(head) ?? [];
  const skip = line.replace('\n', '').length;
  if (delimiter !== undefined) return { delimiter: { character: delimiter, found: 'given' }, skip };
  if (stated !== undefined) return { delimiter: { character: stated, found: 'stated' }, skip };
  const own = format === 'tsv' ? '\t' : ',';
  const sample = sampleLines(head);
  if (columnsOf(sample, own, header) > 1)
    return { delimiter: { character: own, found: 'ending' }, skip };
  const others = CANDIDATES.filter((one) => one !== own)
    .map((character) => ({ character, columns: evenColumns(sample, character, header) }))
    .filter(({ columns }) => columns > 1)
    .sort((a, b) => b.columns - a.columns);
  const [best] = others;
  if (best === undefined) return { delimiter: { character: own, found: 'ending' }, skip };
  return { delimiter: { character: best.character, found: 'guessed' }, skip };
}

/** Whole lines from the beginning of `head`. */
function sampleLines(head: string): string {
  const text = head.slice(0, SAMPLE_UNITS);
  let end = 0;
  for (let line = 0; line < SAMPLE_LINES; line++) {
    const next = text.indexOf('\n', end);
    if (next < 0) return end === 0 || head.length <= SAMPLE_UNITS ? text : text.slice(0, end);
    end = next + 1;
  }
  return text.slice(0, end);
}

function recordsOf(sample: string, delimiter: string): readonly (readonly string[])[] {
  return parse(sample, {
    delimiter,
    record_delimiter: '\n',
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
    // The sample may end inside a quoted field.
    skip_records_with_error: true,
  });
}

/** Columns of the header, else of all rows: 1 where the rows differ. */
function columnsOf(sample: string, delimiter: string, header: boolean): number {
  const [first] = recordsOf(sample, delimiter);
  return header ? (first?.length ?? 1) : evenColumns(sample, delimiter, header);
}

/** Number of columns where it is the same in all rows, at least two; else 1. */
function evenColumns(sample: string, delimiter: string, header: boolean): number {
  const records = recordsOf(sample, delimiter);
  const columns = records[0]?.length ?? 1;
  if (!header && records.length < 2) return 1;
  // One row in ten may have another number of columns.
  const odd = records.filter((record) => record.length !== columns).length;
  return odd * 10 <= records.length ? columns : 1;
}
