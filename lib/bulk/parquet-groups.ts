/**
 * A Parquet file written row group by row group, by several processes if need be.
 *
 * The rule: the bytes of a group are final when it is given, and its place in the footer is its note. So a process that has the
 * notes of all groups goes on where another one ended. Memory holds one group, and a few hundred bytes for each one before.
 */
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { SinterError } from '../core/errors.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';
import {
  COLUMN_KINDS,
  type ParquetColumn,
  type SchemaElement,
  schemaOf,
  type Vectors,
  writeVectors,
} from './parquet-columns.js';

/** Values of a column, one a row. */
export type ColumnValues = readonly unknown[] | Vectors;

/** Where an earlier process ended. */
export interface EarlierGroups {
  readonly bytes: number;
  readonly notes: readonly JsonValue[];
}

type RowGroup = ParquetWriter['row_groups'][number];

/** A group's bytes, and what a later process has to know of it. */
export interface WrittenGroup {
  readonly bytes: Uint8Array;
  readonly note: JsonValue;
}

export class ParquetGroups {
  private readonly writer = new ByteWriter();
  private parquet: ParquetWriter | null = null;
  private columns: readonly ParquetColumn[] | null = null;

  constructor({ bytes, notes }: EarlierGroups) {
    const [first] = notes;
    if (first === undefined) return;
    if (!isJsonObject(first) || !isColumns(first.columns) || !notes.every(isNote)) {
      throw new SinterError('INVALID_DATA', 'the notes of earlier row groups are damaged');
    }
    this.columns = first.columns;
    this.parquet = this.open(first.columns);
    const { parquet, writer } = this;
    // The beginning is in the file already.
    writer.index = 0;
    writer.offset = bytes;
    parquet.row_groups = notes.map(({ group }) => plainToGroup(group));
    parquet.num_rows = parquet.row_groups.reduce((sum, group) => sum + group.num_rows, 0n);
  }

  /** The columns of the file; null before the first group, which says them. */
  get schema(): readonly ParquetColumn[] | null {
    return this.columns;
  }

  /** Encodes a group of `rows` rows. `columns` are those of all groups; the vectors come last, if there are any. */
  group(columns: readonly ParquetColumn[], values: readonly ColumnValues[]): WrittenGroup {
    const isFirst = this.parquet === null;
    this.columns ??= columns;
    this.parquet ??= this.open(columns);
    const { parquet, writer } = this;
    const columnData = columns.flatMap(({ name }, i) => {
      const data = values[i];
      return isVectors(data) ? [] : [{ name, data: data as unknown[], offsetIndex: false }];
    });
    const rows = columnData[0]?.data.length ?? 0;
    parquet.write({ columnData, rowGroupSize: Math.max(1, rows) });
    // Only page indexes, which are not written, would need them.
    parquet.pendingIndexes = [];
    const group = parquet.row_groups.at(-1);
    if (group === undefined) throw new SinterError('INTERNAL', 'a row group without rows');
    for (const [i, { name }] of columns.entries()) {
      const data = values[i];
      if (!isVectors(data)) continue;
      const chunk = writeVectors(writer, name, data);
      group.columns.push(chunk);
      const { total_uncompressed_size = 0n, total_compressed_size = 0n } = chunk.meta_data ?? {};
      group.total_byte_size += total_uncompressed_size;
      group.total_compressed_size = (group.total_compressed_size ?? 0n) + total_compressed_size;
    }
    const note = { ...(isFirst && { columns }), group: groupToPlain(group) };
    return { bytes: this.taken(), note: note as unknown as JsonValue };
  }

  /** The end of the file. A file without groups has the columns that are given. */
  end(columns: readonly ParquetColumn[]): Uint8Array {
    this.parquet ??= this.open(columns);
    this.parquet.finish();
    return this.taken();
  }

  private open(columns: readonly ParquetColumn[]): ParquetWriter {
    const schema: SchemaElement[] = schemaOf(columns);
    return new ParquetWriter({
      writer: this.writer,
      schema,
      statistics: false,
      createdBy: 'sinter',
    });
  }

  /** The bytes since the last call; the writer begins anew with an empty buffer. */
  private taken(): Uint8Array {
    const bytes = Uint8Array.from(this.writer.getBytes());
    this.writer.index = 0;
    return bytes;
  }
}

/** The note of a group; that of the first one has `columns` too. */
interface Note {
  readonly group: JsonObject;
}

function isNote(note: JsonValue): note is JsonObject & Note {
  return isJsonObject(note) && isJsonObject(note.group) && Array.isArray(note.group.columns);
}

function isColumns(value: JsonValue | undefined): value is JsonValue & ParquetColumn[] {
  const isOne = (one: JsonValue) =>
    isJsonObject(one) &&
    typeof one.name === 'string' &&
    typeof one.isOptional === 'boolean' &&
    COLUMN_KINDS.some((kind) => kind === one.kind);
  return Array.isArray(value) && value.length > 0 && value.every(isOne);
}

function isVectors(values: ColumnValues | undefined): values is Vectors {
  return values !== undefined && !Array.isArray(values);
}

/** JSON has no BigInt: one is an object with its digits. */
function groupToPlain(group: RowGroup): JsonValue {
  const text = JSON.stringify(group, (_key, value: unknown) =>
    typeof value === 'bigint' ? { int64: String(value) } : value,
  );
  return JSON.parse(text) as JsonValue;
}

function plainToGroup(plain: JsonValue): RowGroup {
  return JSON.parse(JSON.stringify(plain), (_key, value: unknown) => {
    const isBig = typeof value === 'object' && value !== null && 'int64' in value;
    return isBig ? BigInt((value as { int64: string }).int64) : value;
  }) as RowGroup;
}
