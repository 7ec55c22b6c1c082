/**
 * Writes safetensors in the layout of the reference implementation: tensors with the widest elements first, then by
 * name.
 *
 * The header follows from the declared shapes alone, so the data of each entry is produced only when it is written. The
 * file gets its name when it is complete.
 */

import type { FileHandle } from 'node:fs/promises';
import { rangeMistake, typeMistake } from '../core/errors.js';
import { MAX_HEADER_BYTES } from '../core/limits.js';
import { writeFileAtomic } from '../files/index.js';
import {
  DTYPE_BYTES,
  HEADER_START,
  isSafetensorsDtype,
  type SafetensorsDtype,
} from './safetensors-header.js';

/** Bytes of a tensor: all at once, or piece by piece. Little-endian, row-major. */
export type TensorData =
  | ArrayBufferView<ArrayBufferLike>
  | AsyncIterable<Uint8Array>
  | Iterable<Uint8Array>;

export interface TensorToWrite {
  readonly name: string;
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  /**
   * The data, or a function that is called when the tensor is to be written (so that one tensor is in memory at a
   * time).
   */
  readonly data: TensorData | (() => TensorData | Promise<TensorData>);
}

/** transformers refuses a file without `format: pt`. */
export const DEFAULT_METADATA: Readonly<Record<string, string>> = { format: 'pt' };

/**
 * Writes all entries to `path` under a temporary name, then renames. Throws TypeError or RangeError for a repeated
 * name, an unknown dtype, or data that is not as long as its shape says; then no file is left.
 */
export async function writeSafetensors(
  path: string,
  entries: Iterable<TensorToWrite>,
  metadata: Readonly<Record<string, string>> = DEFAULT_METADATA,
): Promise<void> {
  const sorted = [...entries].sort(
    (a, b) => DTYPE_BYTES[b.dtype] - DTYPE_BYTES[a.dtype] || compareNames(a.name, b.name),
  );
  const header = buildHeader(sorted, metadata);
  await writeFileAtomic(path, async (file) => {
    await writeAll(file, header);
    for (const entry of sorted) await writeEntry(file, entry);
  });
}

function compareNames(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Size of a tensor in the file, in bytes. */
export function storedSize({ dtype, shape }: TensorToWrite): number {
  return shape.reduce((product, size) => product * size, DTYPE_BYTES[dtype]);
}

/** The length and the JSON, padded with spaces so that the data begins at a multiple of 8. */
function buildHeader(
  entries: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const object: Record<string, unknown> = { __metadata__: metadata };
  let position = 0;
  for (const entry of entries) {
    const { name, dtype, shape } = entry;
    if (Object.hasOwn(object, name) || name === '__proto__') {
      throw rangeMistake(`entry name ${JSON.stringify(name)}`, 'given once and not reserved', name);
    }
    if (!isSafetensorsDtype(dtype))
      throw typeMistake(`${name}.dtype`, 'a safetensors dtype', dtype);
    const end = position + storedSize(entry);
    if (
      !Number.isSafeInteger(end) ||
      !shape.every((size) => Number.isSafeInteger(size) && size >= 0)
    ) {
      throw rangeMistake(`${name}.shape`, 'a list of sizes', shape.join(' x '));
    }
    object[name] = { dtype, shape, data_offsets: [position, end] };
    position = end;
  }
  const json = Buffer.from(JSON.stringify(object));
  const padded = Math.ceil(json.byteLength / HEADER_START) * HEADER_START;
  if (padded > MAX_HEADER_BYTES) {
    throw rangeMistake('header', `at most ${MAX_HEADER_BYTES} bytes`, padded);
  }
  const header = Buffer.alloc(HEADER_START + padded, ' ');
  header.writeBigUInt64LE(BigInt(padded));
  json.copy(header, HEADER_START);
  return header;
}

async function writeEntry(file: FileHandle, entry: TensorToWrite): Promise<void> {
  const data = typeof entry.data === 'function' ? await entry.data() : entry.data;
  const expected = storedSize(entry);
  let written = 0;
  for await (const piece of ArrayBuffer.isView(data) ? [data] : data) {
    written += piece.byteLength;
    if (written > expected) break;
    await writeAll(file, new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength));
  }
  if (written !== expected) {
    throw rangeMistake(`${entry.name}.data`, `${expected} bytes for its shape`, written);
  }
}

/** Writes all `bytes`: one write() may write fewer than it is given. */
async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  let done = 0;
  while (done < bytes.byteLength) {
    const { bytesWritten } = await file.write(bytes, done, bytes.byteLength - done);
    done += bytesWritten;
  }
}
