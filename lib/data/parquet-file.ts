/**
 * Reads one Parquet file: its columns, the class names that `datasets` keeps in it, and its rows, a group at a time.
 *
 * The rule: it runs in a worker thread of bounded memory (parquet-worker.ts), because the parser trusts the counts of a file;
 * sizes of reads and pages are checked here before anything is allocated.
 */
import type { FileHandle } from 'node:fs/promises';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import {
  type Compressors,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
} from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { openRegular, readUpTo } from '../core/files.js';
import { MAX_COLUMNS } from '../core/limits.js';
import { dataProblem } from './problem.js';

const MiB = 2 ** 20;
/** Most bytes of one column of one row group in the file; a page is smaller. */
const MAX_CHUNK_BYTES = 1024 * MiB;
const MAX_PAGE_BYTES = 512 * MiB;
/** Most rows of one row group: each becomes an object. */
const MAX_GROUP_ROWS = 4_000_000;
const MAX_METADATA_BYTES = 64 * MiB;
const MAX_CLASS_NAMES = 100_000;
/** Bytes of the smallest file: "PAR1" at both ends, and the length of the metadata. */
const MIN_BYTES = 12;
const MAGIC = 'PAR1';

type Row = Readonly<Record<string, unknown>>;

/** What the metadata says, before any row is read. */
export interface ParquetFacts {
  readonly names: readonly string[];
  readonly groupRows: readonly number[];
  readonly classNames: Readonly<Record<string, readonly string[]>>;
}

export class ParquetFile {
  private constructor(
    private readonly path: string,
    private readonly handle: FileHandle,
    private readonly size: number,
    private readonly metadata: FileMetaData,
    readonly facts: ParquetFacts,
  ) {}

  /** INVALID_DATA where the file is no Parquet file, is damaged or cut off. */
  static async open(path: string): Promise<ParquetFile> {
    const handle = await openRegular(path, (what) => dataProblem(path, what));
    try {
      const { size } = await handle.stat();
      await checkEnds(path, handle, size);
      const metadata = await damagedUnless(path, () =>
        parquetMetadataAsync(bufferOf(handle, size), { geoparquet: false }),
      );
      return new ParquetFile(path, handle, size, metadata, factsOf(path, metadata));
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** All rows of one group, with the columns that were asked for, or all. */
  async group(index: number, columns: readonly string[] | null): Promise<readonly Row[]> {
    const { path, metadata, facts, handle, size } = this;
    const rowStart = facts.groupRows.slice(0, index).reduce((a, b) => a + b, 0);
    const count = facts.groupRows[index] ?? 0;
    const rows = await damagedUnless(path, () =>
      parquetReadObjects({
        file: bufferOf(handle, size),
        metadata,
        rowStart,
        rowEnd: rowStart + count,
        ...(columns !== null && { columns: [...columns] }),
        compressors: BOUNDED,
        parsers: { stringFromBytes },
      }),
    );
    if (rows.length === count) return rows;
    throw damaged(path, `row group ${index + 1} has ${rows.length} rows, not ${count}`);
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

function damaged(path: string, why: string, cause?: unknown): Error {
  const what = `damaged or cut off, or of a kind that is not read: ${why}`;
  return dataProblem(path, what, cause === undefined ? {} : { cause });
}

async function damagedUnless<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw damaged(path, error instanceof Error ? error.message : String(error), error);
  }
}

async function checkEnds(path: string, handle: FileHandle, size: number): Promise<void> {
  const first = new Uint8Array(4);
  const last = new Uint8Array(8);
  await readUpTo(handle, 0, first);
  const isMarked = Buffer.from(first).toString('latin1') === MAGIC;
  if (!isMarked) throw dataProblem(path, 'not a Parquet file: it does not begin with PAR1');
  if (size >= MIN_BYTES) await readUpTo(handle, size - 8, last);
  if (size < MIN_BYTES || Buffer.from(last.subarray(4)).toString('latin1') !== MAGIC) {
    throw dataProblem(path, 'a Parquet file that is cut off: it does not end with PAR1');
  }
  const length = new DataView(last.buffer).getUint32(0, true);
  if (length > Math.min(size - MIN_BYTES, MAX_METADATA_BYTES)) {
    throw damaged(path, `its metadata would have ${length} bytes`);
  }
}

/** The file for the parser, which gets exactly the bytes that it asks for; a range outside the file throws. */
function bufferOf(handle: FileHandle, size: number) {
  return {
    byteLength: size,
    async slice(start: number, end = size): Promise<ArrayBuffer> {
      const isInside = Number.isSafeInteger(start) && start >= 0 && start <= end && end <= size;
      if (!isInside) throw new Error(`bytes ${start} to ${end} are not in the file`);
      if (end - start > MAX_CHUNK_BYTES) {
        throw new Error(
          `a column of ${end - start} bytes in one row group, at most ${MAX_CHUNK_BYTES}`,
        );
      }
      const bytes = new Uint8Array(end - start);
      const done = await readUpTo(handle, start, bytes);
      if (done < bytes.length) throw new Error('the file became shorter while it was read');
      return bytes.buffer;
    },
  };
}

function factsOf(path: string, metadata: FileMetaData): ParquetFacts {
  const names = parquetSchema(metadata).children.map(({ element }) => element.name);
  if (names.length === 0 || names.length > MAX_COLUMNS) {
    throw damaged(path, `it has ${names.length} columns`);
  }
  const groupRows = metadata.row_groups.map((group, i) => {
    const rows = Number(group.num_rows);
    if (!Number.isSafeInteger(rows) || rows < 0 || rows > MAX_GROUP_ROWS) {
      throw damaged(path, `row group ${i + 1} has ${rows} rows, at most ${MAX_GROUP_ROWS}`);
    }
    for (const { meta_data: chunk } of group.columns)
      checkChunk(path, i, chunk?.total_uncompressed_size);
    return rows;
  });
  const total = groupRows.reduce((a, b) => a + b, 0);
  if (total !== Number(metadata.num_rows)) {
    throw damaged(path, `its row groups have ${total} rows, and it says ${metadata.num_rows}`);
  }
  return { names, groupRows, classNames: classNamesOf(metadata) };
}

function checkChunk(path: string, group: number, bytes: bigint | undefined): void {
  if (bytes === undefined || Number(bytes) <= MAX_CHUNK_BYTES) return;
  const what = `a column of row group ${group + 1} has ${bytes} bytes, at most ${MAX_CHUNK_BYTES}`;
  throw damaged(path, what);
}

/** Class names by column, from the JSON that `datasets` writes into the file; anything else there is left out. */
function classNamesOf(metadata: FileMetaData): Record<string, readonly string[]> {
  const { value } = metadata.key_value_metadata?.find(({ key }) => key === 'huggingface') ?? {};
  const found: Record<string, readonly string[]> = Object.create(null);
  if (value === undefined) return found;
  let features: unknown;
  try {
    features = (JSON.parse(value) as { info?: { features?: unknown } } | null)?.info?.features;
  } catch {
    return found;
  }
  for (const [column, feature] of Object.entries(features ?? {})) {
    const names = namesOf(feature);
    if (names !== null) found[column] = names;
  }
  return found;
}

/** Names of a ClassLabel, or of a list of them: `Sequence` and, since version 4 of datasets, `List`. */
function namesOf(feature: unknown): readonly string[] | null {
  if (typeof feature !== 'object' || feature === null) return null;
  const { _type, names, feature: inner } = feature as Readonly<Record<string, unknown>>;
  if (_type === 'Sequence' || _type === 'List' || _type === 'LargeList') return namesOf(inner);
  if (_type !== 'ClassLabel' || !Array.isArray(names) || names.length > MAX_CLASS_NAMES)
    return null;
  return names.every((name) => typeof name === 'string') ? (names as readonly string[]) : null;
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The parser calls this for missing values too. */
function stringFromBytes(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? bytes : strict.decode(bytes);
}

type Decompressor = NonNullable<Compressors[keyof Compressors]>;

/** Refuses pages over MAX_PAGE_BYTES; a page never becomes larger than its header says. */
function bounded(decompress: Decompressor): Decompressor {
  return (input, length) => {
    if (length >= 0 && length <= MAX_PAGE_BYTES) return decompress(input, length);
    throw new Error(`a page of ${length} bytes, at most ${MAX_PAGE_BYTES}`);
  };
}

/** Decompressors; those of Node (gzip, Brotli) stop where a page becomes larger than its header says. */
const BOUNDED: Compressors = Object.fromEntries(
  Object.entries({
    ...compressors,
    GZIP: (input: Uint8Array, length: number) =>
      new Uint8Array(gunzipSync(input, { maxOutputLength: Math.max(1, length) })),
    BROTLI: (input: Uint8Array, length: number) =>
      new Uint8Array(brotliDecompressSync(input, { maxOutputLength: Math.max(1, length) })),
  }).map(([codec, decompress]) => [codec, bounded(decompress)]),
);
