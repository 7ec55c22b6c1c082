/**
 * Reads labelled text from data files of every format, one row at a time.
 *
 * The rule: a file is hostile until read; whatever is wrong is INVALID_DATA with file, line and column, and by default all
 * problems with the rows of a file come in one error.
 */
import { SinterError } from '../core/errors.js';
import type { QuestionRow } from './answer-rows.js';
import { BadRowList } from './bad-rows.js';
import type { ColumnChoice, Maker } from './columns.js';
import type { EmbeddingFileRow } from './embedding-rows.js';
import type { LabelListRow, WordTagsRow } from './list-rows.js';
import { type CheckedOptions, checkOptions, openRecords } from './open-records.js';
import { dataProblem, RowProblem } from './problem.js';
import type { RerankingFileRow } from './reranking-rows.js';
import type { FileRow, RawRecord, ReadOptions } from './types.js';

/** Makes the Maker of a file from its first record. */
type MakerOf<Row> = (choice: ColumnChoice, first: RawRecord) => Maker<Row>;

/**
 * The rows of a file, read as they are asked for. Mistakes in the options throw at once; INVALID_DATA comes
 * from the iteration: a missing or empty file, a wrong encoding, quoting, column counts, JSON, or an empty column.
 */
export function readRows(path: string, options: ReadOptions = {}): AsyncIterable<FileRow> {
  return rowsOf(path, options, async () => {
    const { RowMaker } = await import('./columns.js');
    return (choice, first) => new RowMaker(choice, first);
  });
}

/**
 * The rows of a file with a list of labels each: the column `labels`, unless `labelColumn` says otherwise. Otherwise as readRows.
 */
export function readLabelListRows(
  path: string,
  options: ReadOptions = {},
): AsyncIterable<LabelListRow> {
  return rowsOf(path, options, async () => {
    const { LabelListMaker } = await import('./list-rows.js');
    return (choice, first) => new LabelListMaker(choice, first);
  });
}

/**
 * The rows of a file with words and a tag for each: a CoNLL file, or the columns `words` or `tokens` and `tags` or `ner_tags`.
 * Otherwise as readRows.
 */
export function readWordTagsRows(
  path: string,
  options: ReadOptions = {},
): AsyncIterable<WordTagsRow> {
  return rowsOf(path, options, async () => {
    const { WordTagsMaker } = await import('./list-rows.js');
    return (choice, first) => new WordTagsMaker(choice, first);
  });
}

/**
 * The questions of a file with their contexts and answers: a SQuAD file of version 1 or 2, or the columns `question`, `context`
 * and `answers`. Otherwise as readRows.
 */
export function readQuestionRows(
  path: string,
  options: ReadOptions = {},
): AsyncIterable<QuestionRow> {
  return rowsOf(path, options, async () => {
    const { QuestionMaker } = await import('./answer-rows.js');
    return (choice, first) => new QuestionMaker(choice, first);
  });
}

/**
 * The rows of a file for the training of an encoder: anchor and positive (with negative, negative_1 ..., or a list
 * `negatives`), two sentences with a score or label, or text and label. `textColumn`, `pairColumn` and `labelColumn` name
 * columns with other names. Otherwise as readRows.
 */
export function readEmbeddingRows(
  path: string,
  options: ReadOptions = {},
): AsyncIterable<EmbeddingFileRow> {
  return rowsOf(path, options, async () => {
    const { EmbeddingRowMaker } = await import('./embedding-rows.js');
    return (choice, first) => new EmbeddingRowMaker(choice, first);
  });
}

/**
 * The rows of a file for a cross-encoder: two texts with a number (as readRows finds them, or `query` and `passage`), `query`
 * and `positive` (with negative, negative_1 ..., or a list `negatives`), or `query` with the lists `docs` and `labels`.
 * Otherwise as readRows.
 */
export function readRerankingRows(
  path: string,
  options: ReadOptions = {},
): AsyncIterable<RerankingFileRow> {
  return rowsOf(path, options, async () => (await import('./reranking-rows.js')).rerankingMaker);
}

/** All rows of a file at once. */
export async function readAllRows(path: string, options: ReadOptions = {}): Promise<FileRow[]> {
  return allOf(readRows(path, options));
}

/** All that there are. */
export async function allOf<Row>(rows: AsyncIterable<Row>): Promise<Row[]> {
  const all: Row[] = [];
  for await (const row of rows) all.push(row);
  return all;
}

function rowsOf<Row>(
  path: string,
  options: ReadOptions,
  load: () => Promise<MakerOf<Row>>,
): AsyncIterable<Row> {
  const checked = checkOptions(path, options);
  return { [Symbol.asyncIterator]: () => goodRows(checked, load) };
}

/** The usable rows, as `onBadRows` says. All in one generator: each further one would cost as much as a row does. */
async function* goodRows<Row>(
  checked: CheckedOptions,
  load: () => Promise<MakerOf<Row>>,
): AsyncGenerator<Row> {
  const { path, options, named } = checked;
  const { onBadRows = 'fail' } = options;
  const makerOf = await load();
  const records = await openRecords(checked);
  const bad = new BadRowList(path, onBadRows);
  let good = 0;
  try {
    options.onSource?.(records.source);
    const { classNames, names } = records;
    const choice = { file: path, named, options, classNames };
    let maker = names && makerOf(choice, headOf(names));
    for await (const parsed of records.read(maker?.columns ?? null)) {
      try {
        if (parsed instanceof RowProblem) throw parsed;
        maker ??= makerOf(choice, parsed);
        const row = maker.row(parsed);
        good += 1;
        if (onBadRows === 'skip' || (onBadRows === 'fail' && bad.count === 0)) yield row;
      } catch (error) {
        if (!(error instanceof RowProblem)) throw error;
        bad.add(error);
        // Of a stream the end may never come.
        if (options.stream !== undefined && onBadRows === 'fail') throw bad.error(good);
      }
    }
    finish(checked, bad, good);
    for (const group of maker?.variants() ?? []) options.onLabelVariants?.(group);
  } catch (error) {
    const isOfFile = error instanceof SinterError && error.code === 'INVALID_DATA';
    throw isOfFile && bad.count > 0 && !bad.isThrown ? bad.error(good, error) : error;
  } finally {
    await records.close();
  }
}

/** A record without values, for a format that states its columns before its rows. */
function headOf(names: readonly string[]): RawRecord {
  return { line: 1, names, get: () => undefined, source: () => undefined };
}

/** Reports the bad rows, or throws them, as `onBadRows` says. INVALID_DATA for a file without rows. */
function finish({ path, format, options }: CheckedOptions, bad: BadRowList, good: number): void {
  const { onBadRows = 'fail' } = options;
  if (good + bad.count === 0) {
    const what = format === 'csv' || format === 'tsv' ? 'a header' : 'columns';
    throw dataProblem(path, `the file has ${what} but no rows`);
  }
  if (onBadRows === 'report') options.onBadRowsFound?.(bad.found(good));
  else if (bad.count > 0) {
    if (onBadRows === 'fail' || good === 0) throw bad.error(good);
    options.onBadRowsFound?.(bad.found(good));
  }
}
