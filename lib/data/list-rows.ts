/**
 * Rows with a list of labels: several labels of a text, or a tag for each of its words.
 *
 * The rule: labels in lists are read as labels in a column are, by LabelReader.
 */
import {
  type ColumnChoice,
  columnProblem,
  givenColumn,
  guessColumn,
  type Maker,
  RowMaker,
  textIn,
  unknownColumn,
} from './columns.js';
import { valueTexts } from './json-values.js';
import { LabelReader } from './label-reader.js';
import type { LabelVariants } from './label-variants.js';
import type { FileRow, RawRecord } from './types.js';

/** A text with its labels, which may be none. */
export interface LabelListRow extends Omit<FileRow, 'label'> {
  readonly labels: readonly string[];
}

/** Words with a tag for each. */
export interface WordTagsRow extends Pick<FileRow, 'file' | 'line'> {
  readonly words: readonly string[];
  readonly tags: readonly string[];
}

const LIST_NAMES = ['labels', 'label'];
const WORD_NAMES = ['words', 'tokens'];
const TAG_NAMES = ['tags', 'ner_tags'];

/** Makes rows of a text and a list of labels. */
export class LabelListMaker implements Maker<LabelListRow> {
  readonly columns: readonly string[];
  private readonly texts: RowMaker;
  private readonly lists: ListReader;

  constructor(choice: ColumnChoice, first: RawRecord) {
    const column = columnOf(choice, 'label', LIST_NAMES, first);
    const { labelColumn: _, ...options } = choice.options;
    const none = { ...options, labels: 'none' as const, requireLabel: false };
    this.texts = new RowMaker({ ...choice, options: none }, first);
    this.lists = new ListReader(choice, column);
    this.columns = [...this.texts.columns, column];
  }

  row(record: RawRecord): LabelListRow {
    return { ...this.texts.row(record), labels: this.lists.read(record) };
  }

  variants(): LabelVariants[] {
    return this.lists.variants();
  }
}

/** Makes rows of words and tags. */
export class WordTagsMaker implements Maker<WordTagsRow> {
  readonly columns: readonly string[];
  private readonly file: string;
  private readonly words: string;
  private readonly tags: ListReader;

  constructor(choice: ColumnChoice, first: RawRecord) {
    this.file = choice.file;
    this.words = columnOf(choice, 'text', WORD_NAMES, first);
    const column = columnOf(choice, 'label', TAG_NAMES, first);
    this.tags = new ListReader(choice, column);
    this.columns = [this.words, column];
    const text = { name: this.words, guessed: choice.options.textColumn === undefined };
    const label = { name: column, guessed: choice.options.labelColumn === undefined };
    choice.options.onColumns?.({ file: this.file, text, label });
  }

  row(record: RawRecord): WordTagsRow {
    const { file } = this;
    const words = this.wordsOf(record);
    const tags = this.tags.read(record);
    if (tags.length !== words.length) {
      const what = `must have a tag for each word: ${words.length} words, ${tags.length} tags`;
      throw columnProblem(file, record, this.tags.column, what, 'must have a tag for each word');
    }
    return { words, tags, file, line: record.line };
  }

  variants(): LabelVariants[] {
    return this.tags.variants();
  }

  private wordsOf(record: RawRecord): readonly string[] {
    const { file, words: column } = this;
    const value = listIn(file, record, column, 'words');
    if (value.length === 0) throw columnProblem(file, record, column, 'has no words');
    return value.map((word, i) => {
      const name = `${column}[${i}]`;
      return textIn(file, { ...record, get: () => word }, name);
    });
  }
}

function columnOf(
  choice: ColumnChoice,
  role: 'text' | 'label',
  wanted: readonly string[],
  first: RawRecord,
): string {
  const { textColumn, labelColumn } = choice.options;
  const given = role === 'text' ? textColumn : labelColumn;
  // CoNLL: its own reader has taken the columns by their numbers.
  if (given !== undefined && typeof given !== 'number') {
    return givenColumn(choice, role, given, first);
  }
  const name = guessColumn(wanted, first.names);
  if (name === undefined) throw unknownColumn(choice.file, role, first);
  return name;
}

function listIn(file: string, record: RawRecord, column: string, of: string): readonly unknown[] {
  const value = record.get(column);
  if (Array.isArray(value)) return value;
  const what = value === undefined ? 'is missing' : `must be a list of ${of}`;
  throw columnProblem(file, record, column, what);
}

/** The labels of one column of lists. */
class ListReader {
  private readonly reader: LabelReader;
  private readonly file: string;

  constructor(
    choice: ColumnChoice,
    readonly column: string,
  ) {
    this.file = choice.file;
    const names = choice.options.labelNames ?? choice.classNames(column);
    this.reader = new LabelReader(choice.file, { names });
  }

  read(record: RawRecord): readonly string[] {
    const list = listIn(this.file, record, this.column, 'labels');
    let texts: ReadonlyMap<string, string> | undefined;
    return list.map((value: unknown, i) => {
      const source = () => {
        texts ??= valueTexts(record.source(this.column) ?? '[]');
        return texts.get(String(i));
      };
      const column = `${this.column}[${i}]`;
      const label = this.reader.read(value, { line: record.line, column, source });
      if (label !== undefined) return label;
      const what = typeof value === 'string' ? 'is empty' : 'is missing';
      throw columnProblem(this.file, record, column, what, `of ${this.column} ${what}`);
    });
  }

  variants(): LabelVariants[] {
    return this.reader.variants();
  }
}
