/**
 * Writes vectors as JSONL, CSV, .npy or Parquet, a matrix at a time.
 *
 * The rule: numbers in text have the fewest digits that read back as the same f32.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { BulkProgress } from '../bulk/partial-file.js';
import type { JsonValue } from '../core/json.js';
import type { Matrix } from '../core/matrix.js';
import { printableJson } from '../core/visible.js';
import { csvField, fileStart, type SpreadsheetOptions, withoutFormula } from '../data/index.js';
import { float32Json, isFiniteVector } from '../native/float32-json.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';
import { jsonDocument } from './json-document.js';
import { NpyWriter } from './npy.js';
import type { RowFile } from './row-file.js';
import type { TextOutput } from './text-output.js';

export type VectorFormat = 'jsonl' | 'csv' | 'npy' | 'parquet';
export const VECTOR_FORMATS: readonly VectorFormat[] = ['jsonl', 'csv', 'npy', 'parquet'];

export interface VectorWriter {
  /** Gives what the writer of a later process has to know; null where the bytes say all. */
  write(texts: readonly TextInput[], vectors: Matrix): Promise<JsonValue>;
  finish(): Promise<void>;
}

function jsonOf(text: TextInput, vector: Float32Array): string {
  const input = typeof text === 'string' ? { text } : { text: text[0], pair: text[1] };
  const fields = printableJson(JSON.stringify(input)).slice(0, -1);
  return `${fields},"embedding":${float32Json(vector)}}`;
}

/** Texts whose numbers are formatted in one turn of the event loop: for some milliseconds. */
const PIECE_TEXTS = 16;

/** Does `work` for a few texts at a time. `first` is the index of the first one. */
async function inPieces(
  texts: readonly TextInput[],
  work: (piece: readonly TextInput[], first: number) => Promise<void>,
): Promise<void> {
  for (let first = 0; first < texts.length; first += PIECE_TEXTS) {
    await work(texts.slice(first, first + PIECE_TEXTS), first);
    await turn();
  }
}

export function jsonlWriter(output: TextOutput): VectorWriter {
  return {
    write: async (texts, vectors) => {
      await inPieces(texts, (piece, first) =>
        output(piece.map((text, i) => `${jsonOf(text, vectors.row(first + i))}\n`).join('')),
      );
      return null;
    },
    finish: async () => {},
  };
}

/** Writes one JSON document: the fields of `head`, and `rows`. */
export function jsonVectors(
  output: TextOutput,
  head: Readonly<Record<string, unknown>>,
): VectorWriter {
  const document = jsonDocument(output, head);
  return {
    write: async (texts, vectors) => {
      await inPieces(texts, (piece, first) =>
        document.write(piece.map((text, i) => jsonOf(text, vectors.row(first + i)))),
      );
      return null;
    },
    finish: document.finish,
  };
}

/** Columns: text, (pair,) and one column per number, counted from 0. */
export function csvWriter(
  output: TextOutput,
  sheet: SpreadsheetOptions,
  before: BulkProgress,
): VectorWriter {
  const cell = (text: string) => csvField(sheet.escapeFormulas ? withoutFormula(text) : text);
  let hasHeader = before.rows > 0;
  return {
    write: async (texts, vectors) => {
      const isPair = texts.some((text) => typeof text !== 'string');
      const names = [...(isPair ? ['text', 'pair'] : ['text'])];
      const header = [...names, ...Array.from({ length: vectors.cols }, (_, i) => String(i))];
      await inPieces(texts, async (piece, first) => {
        const lines = piece.map((text, i) => {
          const fields = typeof text === 'string' ? [text] : [...text];
          const vector = vectors.row(first + i);
          const numbers = isFiniteVector(vector)
            ? float32Json(vector).slice(1, -1)
            : vector.join(',');
          return `${fields.map(cell).join(',')},${numbers}\n`;
        });
        if (!hasHeader) lines.unshift(`${fileStart(sheet)}${header.join(',')}\n`);
        hasHeader = true;
        await output(lines.join(''));
      });
      return null;
    },
    finish: async () => {},
  };
}

export function npyWriter(file: RowFile, { rows }: BulkProgress): VectorWriter {
  const npy = new NpyWriter(file, rows);
  return {
    write: async (_texts, vectors) => {
      await npy.write(vectors.data, vectors.cols);
      return null;
    },
    finish: () => npy.finish(),
  };
}
