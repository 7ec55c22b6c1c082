/**
 * Writing vectors and predictions as Parquet: a row group for each group of inputs.
 *
 * The rule: the first group says the columns; a later row with another column is an error, one without a column has null there.
 */

import type { ColumnKind, ParquetColumn } from '../bulk/parquet-columns.js';
import { ParquetGroups } from '../bulk/parquet-groups.js';
import type { BulkProgress } from '../bulk/partial-file.js';
import { SinterError } from '../core/errors.js';
import { shortFloats } from '../core/short-float.js';
import type { PredictedRow } from '../models/kind-predictions.js';
import { inputFields, type Names, type PredictionWriter } from './prediction-writers.js';
import type { RowFile } from './row-file.js';
import type { VectorWriter } from './vector-writers.js';

const textColumn = (name: string): ParquetColumn => ({ name, kind: 'text', isOptional: false });

/** Columns: text, (pair,) and embedding, a list of f32. */
export function parquetVectors(file: RowFile, before: BulkProgress): VectorWriter {
  const groups = new ParquetGroups(before);
  return {
    async write(texts, vectors) {
      const isPair = texts.some((text) => typeof text !== 'string');
      const columns: ParquetColumn[] = [
        ...(isPair ? ['text', 'pair'] : ['text']).map(textColumn),
        { name: 'embedding', kind: 'vector', isOptional: false },
      ];
      const first = texts.map((text) => (typeof text === 'string' ? text : text[0]));
      const second = texts.map((text) => (typeof text === 'string' ? '' : text[1]));
      const values = isPair ? [first, second, vectors] : [first, vectors];
      const { bytes, note } = groups.group(groups.schema ?? columns, values);
      await file.append(bytes);
      return note;
    },
    finish: () => file.append(groups.end([textColumn('text')])),
  };
}

/**
 * Columns: the texts, then a column for each field of a prediction; `scores` and `top` get a column for each number, lists of texts
 * and of numbers are lists, others JSON.
 */
export function parquetPredictions(
  file: RowFile,
  names: Names,
  before: BulkProgress,
): PredictionWriter {
  const groups = new ParquetGroups(before);
  return {
    async write(inputs, rows) {
      const cells = inputs.map((input, i) => ({
        ...inputFields(input, names),
        ...Object.fromEntries(fieldsOf(rows[i] ?? {})),
      }));
      const columns = groups.schema ?? columnsOf(cells, names);
      checkColumns(cells, columns);
      const values = columns.map(({ name, kind }) => cells.map((row) => cellOf(row[name], kind)));
      const { bytes, note } = groups.group(columns, values);
      await file.append(bytes);
      return note;
    },
    finish: () => file.append(groups.end([textColumn(names[0])])),
  };
}

type Cells = Readonly<Record<string, unknown>>;

/** The fields of a row, `scores` and `top` flattened. */
function fieldsOf(row: PredictedRow): [string, unknown][] {
  return Object.entries(row).flatMap(([name, value]): [string, unknown][] => {
    if (name === 'top') {
      return (value as readonly Cells[]).flatMap((one, i) =>
        Object.entries(one).map(([key, cell]): [string, unknown] => [`${key}_${i + 1}`, cell]),
      );
    }
    if (Array.isArray(value) || typeof value !== 'object' || value === null) return [[name, value]];
    return Object.entries(value).map(([key, cell]): [string, unknown] => [`${name}.${key}`, cell]);
  });
}

function columnsOf(rows: readonly Cells[], texts: Names): ParquetColumn[] {
  const names = new Set(rows.flatMap((row) => Object.keys(row)));
  return [...names].map((name) => {
    if (texts.includes(name)) return textColumn(name);
    const value = rows.map((row) => row[name]).find((one) => one !== null && one !== undefined);
    return { name, kind: kindOf(name, value), isOptional: true };
  });
}

/** Lists of one kind of value, and whole numbers, by their names: an empty list does not show what it is a list of. */
const KINDS: Readonly<Record<string, ColumnKind>> = {
  labels: 'texts',
  values: 'numbers',
  start: 'integer',
  end: 'integer',
};

function kindOf(name: string, value: unknown): ColumnKind {
  const known = Object.hasOwn(KINDS, name) ? KINDS[name] : undefined;
  if (known !== undefined) return known;
  if (typeof value === 'number') return 'number';
  if (typeof value === 'boolean') return 'boolean';
  return typeof value === 'object' ? 'json' : 'text';
}

function cellOf(value: unknown, kind: ColumnKind): unknown {
  if (value === undefined || value === null) return null;
  return kind === 'json' ? JSON.parse(JSON.stringify(value, shortFloats)) : value;
}

function checkColumns(rows: readonly Cells[], columns: readonly ParquetColumn[]): void {
  const names = new Set(columns.map(({ name }) => name));
  for (const row of rows) {
    const other = Object.keys(row).find((name) => !names.has(name));
    if (other === undefined) continue;
    throw new SinterError('INTERNAL', `a prediction has the field ${other}, and the first had not`);
  }
}
