/**
 * Writing predictions as JSONL, CSV, Parquet or one JSON document, a group of inputs at a time.
 *
 * The rule: an input is one line, in its order; numbers have the fewest digits that read back as the same f32.
 */
import type { BulkProgress } from '../bulk/partial-file.js';
import type { JsonValue } from '../core/json.js';
import { shortFloats } from '../core/short-float.js';
import { printableJson } from '../core/visible.js';
import {
  csvField,
  fileStart,
  type OutputValue,
  type SpreadsheetOptions,
  withoutFormula,
} from '../data/index.js';
import type { PredictedRow } from '../models/kind-predictions.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';
import { jsonDocument } from './json-document.js';
import type { TextOutput } from './text-output.js';

export type PredictionFormat = 'jsonl' | 'csv' | 'parquet';
export const PREDICTION_FORMATS: readonly PredictionFormat[] = ['jsonl', 'csv', 'parquet'];

export interface PredictionWriter {
  /** Gives what the writer of a later process has to know; null where the bytes say all. */
  write(inputs: readonly TextInput[], rows: readonly PredictedRow[]): Promise<JsonValue>;
  finish(): Promise<void>;
}

/** Names of the texts of an input. */
export type Names = readonly [string, string];

export function inputFields(input: TextInput, [first, second]: Names): Record<string, string> {
  if (typeof input === 'string') return { [first]: input };
  return { [first]: input[0], [second]: input[1] };
}

const jsonOf = (input: TextInput, row: PredictedRow, names: Names): string =>
  printableJson(JSON.stringify({ ...inputFields(input, names), ...row }, shortFloats));

export function jsonlPredictions(output: TextOutput, names: Names): PredictionWriter {
  return {
    write: async (inputs, rows) => {
      await output(inputs.map((input, i) => `${jsonOf(input, rows[i] ?? {}, names)}\n`).join(''));
      return null;
    },
    finish: async () => {},
  };
}

/** Writes one JSON document: the fields of `head`, and `rows`. */
export function jsonPredictions(
  output: TextOutput,
  names: Names,
  head: Readonly<Record<string, unknown>>,
): PredictionWriter {
  const document = jsonDocument(output, head);
  return {
    write: async (inputs, rows) => {
      await document.write(inputs.map((input, i) => jsonOf(input, rows[i] ?? {}, names)));
      return null;
    },
    finish: document.finish,
  };
}

/** Cells of a row by column: `scores` and `top` get a column for each number; other lists are JSON in one cell. */
export function cellsOf(row: PredictedRow): [string, OutputValue][] {
  return Object.entries(row).flatMap(([name, value]): [string, OutputValue][] => {
    if (name === 'top') {
      const list = value as readonly Readonly<Record<string, OutputValue>>[];
      return list.flatMap((one, i) =>
        Object.entries(one).map(([key, cell]): [string, OutputValue] => [`${key}_${i + 1}`, cell]),
      );
    }
    if (Array.isArray(value)) return [[name, JSON.stringify(value, shortFloats)]];
    if (typeof value !== 'object' || value === null) return [[name, value as OutputValue]];
    const cells = Object.entries(value as Readonly<Record<string, OutputValue>>);
    return cells.map(([key, cell]) => [`${name}.${key}`, cell]);
  });
}

export function csvPredictions(
  output: TextOutput,
  names: Names,
  sheet: SpreadsheetOptions,
  before: BulkProgress,
): PredictionWriter {
  const line = (cells: readonly OutputValue[]): string => {
    const safe = sheet.escapeFormulas ? cells.map(withoutFormula) : cells;
    return `${safe.map((cell) => csvField(shortFloats('', cell) as OutputValue)).join(',')}\n`;
  };
  let hasHeader = before.rows > 0;
  return {
    write: async (inputs, rows) => {
      const lines = inputs.map((input, i) => {
        const cells = [...Object.entries(inputFields(input, names)), ...cellsOf(rows[i] ?? {})];
        const own = line(cells.map(([, cell]) => cell));
        if (hasHeader) return own;
        hasHeader = true;
        return fileStart(sheet) + line(cells.map(([name]) => name)) + own;
      });
      await output(lines.join(''));
      return null;
    },
    finish: async () => {},
  };
}
