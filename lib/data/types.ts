/**
 * What a row of text is, and how a data file is described.
 *
 * The rule: a text is never empty and labels are strings, whatever the file held; readers see to both.
 */

/** One example: a text, or a pair of texts, with or without a label. */
export interface TextRow {
  readonly text: string;
  readonly pair?: string;
  readonly label?: string;
}

/** A row that came from a file. */
export interface FileRow extends TextRow {
  /** The path as it was given. */
  readonly file: string;
  /** 1-based line on which the row begins. */
  readonly line: number;
}

export type DataFormat = 'csv' | 'tsv' | 'jsonl';

/** A column (or JSON key) by name, or a CSV/TSV column by its 1-based number. */
export type ColumnRef = string | number;

export interface ReadOptions {
  /** Default: by the file's ending (.csv; .tsv, .tab; .jsonl, .ndjson). */
  readonly format?: DataFormat;
  /** Default: the first of text, sentence, query, content that exists. */
  readonly textColumn?: ColumnRef;
  /** The second text of a pair. Default: none. */
  readonly pairColumn?: ColumnRef;
  /** Default: the first of label, category, intent, class that exists. */
  readonly labelColumn?: ColumnRef;
  /** Every row must have a label. Default: true when `labelColumn` is given. */
  readonly requireLabel?: boolean;
  /** CSV and TSV: the first row names the columns. Default: true. */
  readonly header?: boolean;
  /** CSV and TSV: one character. Default: comma for csv, tab for tsv. */
  readonly delimiter?: string;
  /** CSV and TSV: fields may be quoted with ". Default: true for csv, false for tsv. */
  readonly quoting?: boolean;
  /** Called once per file, before its first row, with the columns that are read. */
  readonly onColumns?: (columns: ChosenColumns) => void;
}

/** A column that is read; `guessed` when the caller did not name it. */
export interface ChosenColumn {
  readonly name: string;
  readonly guessed: boolean;
}

export interface ChosenColumns {
  readonly file: string;
  readonly text: ChosenColumn;
  readonly pair?: ChosenColumn;
  readonly label?: ChosenColumn;
}

/** One record before columns are chosen: names to values as they stood in the file. */
export interface RawRecord {
  readonly line: number;
  readonly fields: ReadonlyMap<string, unknown>;
}
