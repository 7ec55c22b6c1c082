/**
 * Rows for a cross-encoder: two texts with a number, a query with its positive and negatives, or a query with lists of
 * documents and labels.
 *
 * The rule: the columns decide the form, by their names; `textColumn`, `pairColumn` and `labelColumn` name those of pairs.
 */
import {
  type ColumnChoice,
  columnProblem,
  guessColumn,
  type Maker,
  RowMaker,
  textIn,
} from './columns.js';
import { EmbeddingRowMaker } from './embedding-rows.js';
import type { LabelVariants } from './label-variants.js';
import { dataProblem, listNames } from './problem.js';
import type { FileRow, RawRecord } from './types.js';

/** A row in the form that `CrossEncoder.train` and `CrossEncoder.evaluate` take, with its place. */
export type RerankingFileRow = Pick<FileRow, 'file' | 'line'> &
  (
    | { readonly text: string; readonly pair: string; readonly score: number }
    | {
        readonly anchor: string;
        readonly positive: string;
        readonly negatives?: readonly string[];
        readonly score?: number | readonly number[];
      }
    | {
        readonly query: string;
        readonly docs: readonly string[];
        readonly labels: readonly number[];
      }
  );

const DOC_NAMES = ['docs', 'documents', 'passages'];
const QUERY_NAMES = ['query', 'question', 'anchor', 'text'];
const LABEL_NAMES = ['labels', 'label', 'scores'];
const POSITIVE_NAMES = ['positive', 'answer'];
/** Names of the two texts of pairs, beside those of all data files. */
const PASSAGE_NAMES = [
  ['query', 'passage'],
  ['query', 'answer'],
  ['question', 'answer'],
] as const;

/** Makes rows of the form that the columns of a file have. */
export function rerankingMaker(choice: ColumnChoice, first: RawRecord): Maker<RerankingFileRow> {
  const { named, options } = choice;
  const names = named && options.textColumn === undefined ? first.names : [];
  const docs = guessColumn(DOC_NAMES, names);
  if (docs !== undefined) return new ListMaker(choice, docs, first);
  const hasNegatives = names.some((name) => /^negative/i.test(name));
  const hasNumber = guessColumn(['label', 'score'], names) !== undefined;
  const pair = PASSAGE_NAMES.map((wanted) => wanted.map((name) => guessColumn([name], names))).find(
    (found) => !found.includes(undefined),
  );
  const [textColumn, pairColumn] = hasNegatives || !hasNumber ? [] : (pair ?? []);
  if (textColumn !== undefined && pairColumn !== undefined) {
    return new ScoredPairMaker(
      { ...choice, options: { ...options, textColumn, pairColumn } },
      first,
    );
  }
  if (guessColumn(POSITIVE_NAMES, names) !== undefined) {
    // Two texts with a number have other names, so these are rows of a positive.
    return new EmbeddingRowMaker(choice, first) as Maker<RerankingFileRow>;
  }
  return new ScoredPairMaker(choice, first);
}

/** Two texts with a number. */
class ScoredPairMaker implements Maker<RerankingFileRow> {
  readonly columns: readonly string[];
  private readonly rows: RowMaker;

  constructor(choice: ColumnChoice, first: RawRecord) {
    const options = { ...choice.options, labels: 'numbers', requireLabel: true } as const;
    this.rows = new RowMaker({ ...choice, options }, first);
    this.columns = this.rows.columns;
  }

  row(record: RawRecord): RerankingFileRow {
    const { label, text, pair, file, line } = this.rows.row(record);
    if (pair !== undefined) return { text, pair, score: Number(label), file, line };
    const what = 'the rows have one text; which column is the other one? name it with `pairColumn`';
    throw dataProblem(file, `${what}: found ${listNames(record.names)}`, { line });
  }

  variants(): LabelVariants[] {
    return this.rows.variants();
  }
}

/** A query with lists of documents and labels. */
class ListMaker implements Maker<RerankingFileRow> {
  readonly columns: readonly string[];
  private readonly file: string;
  private readonly query: string;
  private readonly labels: string;

  constructor(
    { file, options }: ColumnChoice,
    private readonly docs: string,
    { names, line }: RawRecord,
  ) {
    const query = guessColumn(QUERY_NAMES, names);
    const labels = guessColumn(LABEL_NAMES, names);
    if (query === undefined || labels === undefined) {
      const what = `rows with ${JSON.stringify(docs)} need the columns query and labels`;
      throw dataProblem(file, `${what}: found ${listNames(names)}`, { line });
    }
    this.file = file;
    this.query = query;
    this.labels = labels;
    this.columns = [query, docs, labels];
    const [text, pair, label] = this.columns.map((name) => ({ name, guessed: true }));
    if (text && pair && label) options.onColumns?.({ file, text, pair, label });
  }

  row(record: RawRecord): RerankingFileRow {
    const { file, docs, labels } = this;
    const texts = this.list(record, docs);
    const numbers = this.list(record, labels);
    if (numbers.length !== texts.length) {
      const what = `must have a number for each document: ${texts.length} documents, ${numbers.length} numbers`;
      throw columnProblem(file, record, labels, what, 'must have a number for each document');
    }
    return {
      query: textIn(file, record, this.query),
      docs: texts.map((doc, i) => textIn(file, { ...record, get: () => doc }, `${docs}[${i}]`)),
      labels: numbers.map((value) => this.number(record, value)),
      file,
      line: record.line,
    };
  }

  variants(): LabelVariants[] {
    return [];
  }

  private list(record: RawRecord, column: string): readonly unknown[] {
    const value = record.get(column);
    if (Array.isArray(value) && value.length > 0) return value;
    throw columnProblem(this.file, record, column, 'must be a list that is not empty');
  }

  private number(record: RawRecord, value: unknown): number {
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    throw columnProblem(this.file, record, this.labels, 'is not a list of numbers');
  }
}
