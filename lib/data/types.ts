/**
 * What a row of text is, and how a data file is described.
 *
 * The rule: a text is never empty, and a label is the exact text of the file, whatever it held; readers see to both.
 */

import type { BadRows } from './bad-rows.js';
import type { LabelVariants } from './label-variants.js';
import type { RowProblem } from './problem.js';

/** One example: a text, or a pair of texts, with or without a label. */
export interface TextRow {
  /** Never empty. */
  readonly text: string;
  readonly pair?: string;
  readonly label?: string;
}

/** A row that came from a file. */
export interface FileRow extends TextRow {
  /** The path as it was given. */
  readonly file: string;
  /** 1-based line on which the row begins; for Parquet, which has no lines, the number of the row from 1. */
  readonly line: number;
}

/**
 * Formats of data files. `json` is one array of objects, an object with such an array as `data`, SQuAD's own files, or JSON
 * lines.
 */
export type DataFormat = 'csv' | 'tsv' | 'jsonl' | 'json' | 'parquet' | 'conll';

/** What is written. */
export type WriteFormat = 'csv' | 'tsv' | 'jsonl';

/** The encoding a file is read in, and how it was found. */
export interface FileEncoding {
  /** Name in the Encoding standard: utf-8, utf-16le, gb18030, shift_jis, windows-1252 ... */
  readonly name: string;
  /** `valid`: the whole file is UTF-8. `mark`: a byte order mark. */
  readonly found: 'given' | 'mark' | 'valid' | 'guessed';
  /** Reason for a guess, in words. */
  readonly why?: string;
}

/** The delimiter of a CSV or TSV file, and how it was found. */
export interface FileDelimiter {
  readonly character: string;
  /** `ending`: the format's own. `stated`: by a first line `sep=;`. `guessed`: the only one that makes columns. */
  readonly found: 'given' | 'ending' | 'stated' | 'guessed';
}

/** How a file is read. */
export interface DataSource {
  /** The path as it was given. */
  readonly file: string;
  readonly format: DataFormat;
  /** null for Parquet. */
  readonly encoding: FileEncoding | null;
  /** null for other formats than CSV and TSV. */
  readonly delimiter: FileDelimiter | null;
}

/** A column (or JSON key) by name, or a CSV/TSV column by its 1-based number. */
export type ColumnRef = string | number;

/** How a data file is read; everything that is left out is found in the file or by its ending. */
export interface ReadOptions {
  /** Default: by the file's ending (.csv; .tsv, .tab; .jsonl, .ndjson; .json; .parquet; .conll, .bio, .iob, .iob2). */
  readonly format?: DataFormat;
  /**
   * A name that TextDecoder knows: 'utf-8', 'utf-16le', 'gb18030', 'shift_jis', 'windows-1252' ... Default: a byte order mark,
   * else UTF-8 where the whole file is that, else what the bytes say without doubt, which `onSource` tells.
   */
  readonly encoding?: string;
  /**
   * Default: the first of text, sentence, query, content, 文本, 内容, 句子, 评论, sentence1, premise, question1, text_a that exists.
   */
  readonly textColumn?: ColumnRef;
  /** The second text of a pair. Default: sentence2, hypothesis, question2, text_b or pair beside the first text of that pair. */
  readonly pairColumn?: ColumnRef;
  /** Default: the first of label, category, intent, class, 标签, 类别, 分类 that exists. */
  readonly labelColumn?: ColumnRef;
  /** Every row must have a label. Default: true when `labelColumn` is given. */
  readonly requireLabel?: boolean;
  /** CSV and TSV: the first row names the columns. Default: true. */
  readonly header?: boolean;
  /**
   * CSV and TSV: one character. Default: what a first line `sep=;` says; comma for csv, tab for tsv; another of comma,
   * semicolon, tab and bar where only that one makes columns.
   */
  readonly delimiter?: string;
  /** CSV and TSV: fields may be quoted with ". Default: true for csv, false for tsv. */
  readonly quoting?: boolean;
  /**
   * What labels are: names of classes, numbers, or nothing that is read. Of classes, a label that is given as a text and as
   * a number is INVALID_DATA, and variants are reported; numbers must be finite decimal ones. Default: 'classes'.
   */
  readonly labels?: 'classes' | 'numbers' | 'none';
  /** Names of labels that the file gives as numbers from 0; -1 is no label. Default: those that a Parquet file of `datasets` has. */
  readonly labelNames?: readonly string[];
  /**
   * What to do with rows that cannot be used. `fail`: no row after the first of them, and one INVALID_DATA for all of the file.
   * `skip`: they are left out. `report`: the file is read to its end, and there are no rows at all. Default: 'fail'.
   */
  readonly onBadRows?: 'fail' | 'skip' | 'report';
  /** Called at the end: with `skip` where there are such rows, with `report` always. */
  readonly onBadRowsFound?: (bad: BadRows) => void;
  /** Called once per file, before it is read. */
  readonly onSource?: (source: DataSource) => void;
  /** Called once per file, before its first row, with the columns that are read. */
  readonly onColumns?: (columns: ChosenColumns) => void;
  /**
   * Called after the last row, once for each group of labels that differ in spelling only: case, width, accents in two
   * encodings, spaces, invisible characters, 1 and 1.0. They stay different labels.
   */
  readonly onLabelVariants?: (variants: LabelVariants) => void;
  /**
   * CSV, TSV, JSON and JSONL: bytes to read once in place of a file, such as `process.stdin`; the path then only names them in
   * messages, and `format` must be given. A JSON line is given as soon as it is complete, a row of CSV with the next one. With
   * `fail` the first row that cannot be used ends the reading.
   */
  readonly stream?: AsyncIterable<Uint8Array>;
  /** Ends reading with CANCELLED. */
  readonly signal?: AbortSignal;
}

/** A column that is read; `guessed` when the caller did not name it. */
export interface ChosenColumn {
  readonly name: string;
  readonly guessed: boolean;
}

/** The columns that are read from a file. */
export interface ChosenColumns {
  readonly file: string;
  readonly text: ChosenColumn;
  readonly pair?: ChosenColumn;
  readonly label?: ChosenColumn;
}

/** One record before columns are chosen. */
export interface RawRecord {
  /** Line on which the record begins; for Parquet the number of the row. */
  readonly line: number;
  /** Names of its columns, in their order. */
  readonly names: readonly string[];
  /** The value in a column; undefined where there is none. */
  get(name: string): unknown;
  /** JSON: the text of the value in the file, where a number has all its digits. */
  source(name: string): string | undefined;
}

/** A parser's result for one row: a record, or the problem that made it unreadable. */
export type Parsed = RawRecord | RowProblem;

/** The records of one file. */
export interface Records {
  readonly source: DataSource;
  /** Column names where the format states them before the records, else null. */
  readonly names: readonly string[] | null;
  /** Class names of a column whose labels are numbers, if the file has them. */
  classNames(column: string): readonly string[] | undefined;
  /** Reads the file; may be called once. Columns that are not in `columns` may be left out. */
  read(columns: readonly string[] | null): AsyncIterable<Parsed>;
  /** To be called at the end, whether the file was read or not. */
  close(): Promise<void>;
}
