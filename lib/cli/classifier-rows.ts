/**
 * The rows that `sinter train` reads for a classifier: to train on, and held out.
 *
 * The rule: the column of the labels is remembered, because messages about labels name it.
 */
import { SinterError, show } from '../core/errors.js';
import {
  type ChosenColumns,
  type FileRow,
  readAllRows,
  readRows,
  splitRows,
} from '../data/index.js';
import type { DataFiles } from './data-files.js';
import { inMemory, streamedRows, type TrainRows } from './train-rows.js';

export interface ClassifierRows {
  readonly rows: TrainRows<FileRow>;
  /** The rows to evaluate on; null without any. */
  readonly held: readonly FileRow[] | null;
  /** The name of the column of the labels. */
  readonly labelColumn: string;
}

interface RowOptions {
  readonly train: string;
  readonly eval?: string;
  readonly holdOut?: number;
  readonly seed: number;
  readonly streaming?: boolean;
}

/** Reads the rows that the flags name, and parts those of --hold-out from them. */
export async function readClassifierRows(
  options: RowOptions,
  files: DataFiles,
): Promise<ClassifierRows> {
  let labelColumn = '';
  const { read: common } = files;
  const read = {
    ...common,
    requireLabel: true,
    onColumns: (columns: ChosenColumns) => {
      labelColumn = columns.label?.name ?? '';
      common.onColumns?.(columns);
    },
  };
  const { train, eval: evalFile, streaming, holdOut: fraction, seed } = options;
  const held = async () => (evalFile === undefined ? null : await readAllRows(evalFile, read));
  if (streaming === true) {
    const rows = await streamedRows(
      (own) => readRows(train, own),
      read,
      ({ label }) => [label],
    );
    return { rows, held: await held(), labelColumn };
  }
  const rows = await readAllRows(train, read);
  if (fraction === undefined) return { rows: inMemory(rows), held: await held(), labelColumn };
  const split = splitRows(rows, { seed, fraction });
  files.noteSplit(split.notes);
  return { rows: inMemory(split.train), held: split.held, labelColumn };
}

/** The error for rows to train on that all have one label. */
export function oneClass(file: string, column: string, rows: readonly FileRow[]): SinterError {
  const what = `holds one class only, ${show(rows[0]?.label)}, in the rows to train on`;
  return new SinterError(
    'INVALID_DATA',
    `${file}: column ${show(column)} ${what}; a classifier needs at least two`,
    { details: { file, column } },
  );
}
