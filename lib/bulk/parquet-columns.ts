/**
 * Columns of a Parquet file that is written: their schema elements, and the encoding of a column of vectors.
 *
 * The rule: all vectors of a file have the same length, so their levels follow from it and their numbers are the matrix as it lies
 * in memory. The general way through lists of JavaScript numbers takes a second for what this does in milliseconds.
 */
import type { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { writePageHeader } from 'hyparquet-writer/src/datapage.js';
import { littleEndian } from './little-endian.js';

/** `json`: any value, as JSON in a text. `vector`: a list of f32, of one length in all rows. */
export const COLUMN_KINDS = [
  'text',
  'number',
  'integer',
  'boolean',
  'texts',
  'numbers',
  'json',
  'vector',
] as const;
export type ColumnKind = (typeof COLUMN_KINDS)[number];

export interface ParquetColumn {
  readonly name: string;
  readonly kind: ColumnKind;
  /** Whether a row may have no value. */
  readonly isOptional: boolean;
}

export type SchemaElement = ParquetWriter['schema'][number];
export type ColumnChunk = ParquetWriter['row_groups'][number]['columns'][number];

/** The schema of a file, depth first. */
export function schemaOf(columns: readonly ParquetColumn[]): SchemaElement[] {
  const root: SchemaElement = { name: 'schema', num_children: columns.length };
  return [root, ...columns.flatMap(elementsOf)];
}

function elementsOf({ name, kind, isOptional }: ParquetColumn): SchemaElement[] {
  const repetition_type = isOptional ? 'OPTIONAL' : 'REQUIRED';
  const element = LEAVES[kind];
  if (!isList(kind)) return [{ name, repetition_type, ...element }];
  return [
    {
      name,
      repetition_type,
      converted_type: 'LIST',
      logical_type: { type: 'LIST' },
      num_children: 1,
    },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { name: 'element', repetition_type: 'REQUIRED', ...element },
  ];
}

export function isList(kind: ColumnKind): boolean {
  return kind === 'texts' || kind === 'numbers' || kind === 'vector';
}

type Leaf = Omit<SchemaElement, 'name' | 'repetition_type'>;

const TEXT: Leaf = {
  type: 'BYTE_ARRAY',
  converted_type: 'UTF8',
  logical_type: { type: 'STRING' },
};
const FLOAT: Leaf = { type: 'FLOAT' };

const LEAVES: Readonly<Record<ColumnKind, Leaf>> = {
  text: TEXT,
  texts: TEXT,
  number: FLOAT,
  numbers: FLOAT,
  vector: FLOAT,
  integer: { type: 'INT32' },
  boolean: { type: 'BOOLEAN' },
  json: { type: 'BYTE_ARRAY', converted_type: 'JSON', logical_type: { type: 'JSON' } },
};

/** A row-major matrix. */
export interface Vectors {
  readonly data: Float32Array;
  readonly rows: number;
  readonly cols: number;
}

/** Bytes of numbers in a page, as far as a row is not longer. */
const PAGE_BYTES = 1 << 20;

/** Writes a column chunk of vectors, a REQUIRED list of REQUIRED floats, and gives its metadata. */
export function writeVectors(writer: ByteWriter, name: string, vectors: Vectors): ColumnChunk {
  const { rows, cols } = vectors;
  const start = writer.offset;
  const pageRows = Math.max(1, Math.floor(PAGE_BYTES / (4 * cols)));
  for (let begin = 0; begin < rows; begin += pageRows) {
    writePage(writer, vectors, begin, Math.min(rows, begin + pageRows));
  }
  const size = BigInt(writer.offset - start);
  return {
    file_offset: BigInt(start),
    meta_data: {
      type: 'FLOAT',
      encodings: ['PLAIN', 'RLE'],
      path_in_schema: [name, 'list', 'element'],
      codec: 'UNCOMPRESSED',
      num_values: BigInt(rows * cols),
      total_uncompressed_size: size,
      total_compressed_size: size,
      data_page_offset: BigInt(start),
    },
  };
}

/** A data page of version 2: repetition levels, definition levels, numbers. */
function writePage(writer: ByteWriter, { data, cols }: Vectors, begin: number, end: number): void {
  const count = (end - begin) * cols;
  const repetitions = firstOfRows(end - begin, cols);
  const packed = varint((repetitions.length << 1) | 1);
  // One run: every value is there, in a list that is there.
  const definitions = [...varint(count << 1), 1];
  const numbers = littleEndian(data.subarray(begin * cols, end * cols));
  const repetitionBytes = packed.length + repetitions.length;
  const size = repetitionBytes + definitions.length + numbers.length;
  writePageHeader(writer, {
    type: 'DATA_PAGE_V2',
    uncompressed_page_size: size,
    compressed_page_size: size,
    data_page_header_v2: {
      num_values: count,
      num_nulls: 0,
      num_rows: end - begin,
      encoding: 'PLAIN',
      definition_levels_byte_length: definitions.length,
      repetition_levels_byte_length: repetitionBytes,
      is_compressed: false,
    },
  });
  writer.appendBytes(Uint8Array.from(packed));
  writer.appendBytes(repetitions);
  writer.appendBytes(Uint8Array.from(definitions));
  writer.appendBytes(numbers);
}

/** A bit for each value, lowest first: 0 begins a row, 1 goes on with it. */
function firstOfRows(rows: number, cols: number): Uint8Array {
  const bits = new Uint8Array(Math.ceil((rows * cols) / 8)).fill(0xff);
  for (let row = 0; row < rows; row++) {
    const at = row * cols;
    bits[at >> 3] = (bits[at >> 3] ?? 0) & ~(1 << (at & 7));
  }
  return bits;
}

/** An unsigned number in groups of seven bits, lowest first. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  bytes.push(rest);
  return bytes;
}
