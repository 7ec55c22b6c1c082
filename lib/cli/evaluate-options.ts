/**
 * The options of `sinter evaluate`.
 */
import { formatOf, type SpreadsheetOptions } from '../data/index.js';
import { type DataOptions, type ModelOptions, spreadsheetOf } from './arguments.js';
import type { CommonOptions } from './context.js';
import type { HeadTask } from './head-tasks.js';

export interface EvaluateOptions
  extends CommonOptions,
    DataOptions,
    ModelOptions,
    SpreadsheetOptions {
  readonly model?: string;
  readonly adapter?: string;
  readonly data: string;
  readonly scoreColumn?: string;
  readonly confusions: number;
  readonly minScore?: number;
  readonly predictions?: string;
  readonly windows?: 'mean' | 'max';
  readonly threads?: number;
  readonly task?: HeadTask | 'classification';
  readonly report?: string;
}

/** How `--predictions` are written. A usage mistake where a spreadsheet's option is given without such a file. */
export function sheetOf(options: EvaluateOptions): SpreadsheetOptions {
  const { predictions } = options;
  const isSheet = predictions !== undefined && formatOf(predictions) !== 'jsonl';
  return spreadsheetOf(options, isSheet, '--predictions in a .csv or .tsv file');
}
