/**
 * What a row of text is, and how a data file is described.
 *
 * The rule: a text is never empty, and a label is the exact text of the file, whatever it held; readers see to both.
 */

import type { LabelVariants } from './label-variants.js';

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
  /** Default: by the file's ending (.csv; .tsv, .tab; .jsonl, .ndjson, .json: one object a line). */
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
  /**
   * What labels are: names of classes, numbers, or nothing that is read. Of classes, a label that is given as a text and as
   * a number is INVALID_DATA, and variants are reported; numbers must be finite decimal ones. Default: 'classes'.
   */
  readonly labels?: 'classes' | 'numbers' | 'none';
  /** Called once per file, before its first row, with the columns that are read. */
  readonly onColumns?: (columns: ChosenColumns) => void;
  /**
   * Called after the last row, once for each group of labels that differ in spelling only: case, width, accents in two
   * encodings, spaces, invisible characters, 1 and 1.0. They stay different labels.
   */
  readonly onLabelVariants?: (variants: LabelVariants) => void;
  /** Ends reading with CANCELLED. */
  readonly signal?: AbortSignal;
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

/** One record before columns are chosen. */
export interface RawRecord {
  readonly line: number;
  /** Names of its columns, in their order. */
  readonly names: readonly string[];
  /** The value in a column; undefined where there is none. */
  get(name: string): unknown;
  /** JSON: the value's own text in the file, where a number has all its digits. */
  source(name: string): string | undefined;
}
