/**
 * The table of contents of a zip file whose entries are stored, not compressed, as torch.save writes it.
 *
 * Every position and length is checked against the file before it is used. Compressed or encrypted entries are
 * UNSUPPORTED_MODEL; nothing is ever unpacked.
 */

import type { FileHandle } from 'node:fs/promises';
import { SinterError, show } from '../../core/errors.js';
import { tooLarge } from '../../core/json.js';
import { MAX_TENSORS, MAX_ZIP_TABLE_BYTES } from '../../core/limits.js';
import { readExactly } from '../read-exactly.js';
import { corrupt } from '../safetensors-header.js';

/** An entry of the central directory: its length, and the position of its local header. */
export interface ZipEntry {
  readonly bytes: number;
  readonly header: number;
}

const END_SIGNATURE = 0x06054b50;
const END_BYTES = 22;
const LOCATOR_SIGNATURE = 0x07064b50;
const LOCATOR_BYTES = 20;
const END64_SIGNATURE = 0x06064b50;
const END64_BYTES = 56;
const ENTRY_SIGNATURE = 0x02014b50;
const ENTRY_BYTES = 46;
const LOCAL_SIGNATURE = 0x04034b50;
const LOCAL_BYTES = 30;
/** The end record may be followed by a comment of up to 65,535 bytes. */
const TAIL_BYTES = 0xffff + END_BYTES;
const STORED = 0;
const ENCRYPTED = 1;
/** A 32-bit field with this value has its real one in the zip64 part. */
const IN_ZIP64 = 0xffffffff;

interface Source {
  readonly handle: FileHandle;
  readonly file: string;
  readonly size: number;
}

/** Reads the central directory. Throws CORRUPT_MODEL (file, byteOffset). */
export async function readZip(
  handle: FileHandle,
  file: string,
): Promise<ReadonlyMap<string, ZipEntry>> {
  const { size } = await handle.stat();
  const source = { handle, file, size };
  const { begin, bytes, count } = await findTable(source);
  // A file has a few entries beside the storages of its tensors.
  if (count > MAX_TENSORS + 100) {
    throw tooLarge(file, `must have at most ${MAX_TENSORS + 100} entries, got ${count}`);
  }
  const table = await view(source, begin, bytes);
  const entries = new Map<string, ZipEntry>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    const fail = (what: string) => corrupt(file, begin + at, what);
    if (at + ENTRY_BYTES > bytes || table.getUint32(at, true) !== ENTRY_SIGNATURE) {
      throw fail(`entry ${i} of the zip directory is not one`);
    }
    const nameBytes = table.getUint16(at + 28, true);
    const extraBytes = table.getUint16(at + 30, true);
    const next = at + ENTRY_BYTES + nameBytes + extraBytes + table.getUint16(at + 32, true);
    if (next > bytes) throw fail(`entry ${i} of the zip directory goes beyond it`);
    const name = text(table, at + ENTRY_BYTES, nameBytes);
    if (entries.has(name)) throw fail(`entry ${show(name)} is there twice`);
    const method = table.getUint16(at + 10, true);
    if (method !== STORED || (table.getUint16(at + 8, true) & ENCRYPTED) !== 0) {
      throw new SinterError('UNSUPPORTED_MODEL', `${file}: entry ${show(name)} is compressed`, {
        details: { file },
      });
    }
    const extra = { at: at + ENTRY_BYTES + nameBytes, bytes: extraBytes };
    entries.set(name, placeOf(table, at, extra, fail));
    at = next;
  }
  return entries;
}

/** Position and size of the central directory. */
async function findTable(source: Source): Promise<{ begin: number; bytes: number; count: number }> {
  const { file, size } = source;
  const tailBytes = Math.min(size, TAIL_BYTES);
  const tail = await view(source, size - tailBytes, tailBytes);
  let at = tailBytes - END_BYTES;
  while (at >= 0 && tail.getUint32(at, true) !== END_SIGNATURE) at--;
  if (at < 0) throw corrupt(file, 0, 'not a zip file: it has no end record');
  const end = size - tailBytes + at;
  let count = tail.getUint16(at + 10, true);
  let bytes = tail.getUint32(at + 12, true);
  let begin = tail.getUint32(at + 16, true);
  if (count === 0xffff || bytes === IN_ZIP64 || begin === IN_ZIP64) {
    if (end < LOCATOR_BYTES) throw corrupt(file, end, 'has no zip64 locator');
    const locator = await view(source, end - LOCATOR_BYTES, LOCATOR_BYTES);
    if (locator.getUint32(0, true) !== LOCATOR_SIGNATURE) {
      throw corrupt(file, end - LOCATOR_BYTES, 'has no zip64 locator');
    }
    const place = big(locator, 8);
    if (place > end - END64_BYTES) throw corrupt(file, end - 12, 'zip64 end is not in the file');
    const end64 = await view(source, place, END64_BYTES);
    if (end64.getUint32(0, true) !== END64_SIGNATURE) {
      throw corrupt(file, place, 'zip64 end record is not one');
    }
    [count, bytes, begin] = [big(end64, 32), big(end64, 40), big(end64, 48)];
  }
  if (begin + bytes > end || bytes > MAX_ZIP_TABLE_BYTES || count * ENTRY_BYTES > bytes) {
    throw corrupt(file, end, `zip directory of ${count} entries, ${bytes} bytes at ${begin}`);
  }
  return { begin, bytes, count };
}

/** Length and position of an entry, from its 32-bit fields or its zip64 part. */
function placeOf(
  table: DataView,
  at: number,
  extra: { readonly at: number; readonly bytes: number },
  fail: (what: string) => SinterError,
): ZipEntry {
  const [packed, unpacked, local] = [20, 24, 42].map((o) => table.getUint32(at + o, true));
  // The zip64 part holds only the fields that overflowed, in this order.
  const wide = wideFields(table, extra);
  const take = (value: number | undefined) => (value === IN_ZIP64 ? wide.shift() : value);
  const bytes = take(unpacked);
  const stored = take(packed);
  const header = take(local);
  if (bytes === undefined || header === undefined) throw fail('has no zip64 part');
  if (bytes !== stored) throw fail('has two different lengths');
  return { bytes, header };
}

function wideFields(table: DataView, extra: { at: number; bytes: number }): number[] {
  let at = extra.at;
  const end = extra.at + extra.bytes;
  while (at + 4 <= end) {
    const length = table.getUint16(at + 2, true);
    if (table.getUint16(at, true) === 1 && at + 4 + length <= end) {
      return Array.from({ length: length >> 3 }, (_, i) => big(table, at + 4 + 8 * i));
    }
    at += 4 + length;
  }
  return [];
}

/** Position of the bytes of an entry, from its local header. Checks that all of them are in the file. */
export async function beginOf(
  handle: FileHandle,
  file: string,
  { bytes, header }: ZipEntry,
): Promise<number> {
  const { size } = await handle.stat();
  if (header > size - LOCAL_BYTES) throw corrupt(file, size, 'a zip entry begins beyond the file');
  const local = await view({ handle, file, size }, header, LOCAL_BYTES);
  const begin = header + LOCAL_BYTES + local.getUint16(26, true) + local.getUint16(28, true);
  if (local.getUint32(0, true) === LOCAL_SIGNATURE && begin + bytes <= size) return begin;
  throw corrupt(file, header, `no zip entry of ${bytes} bytes`);
}

async function view({ handle, file }: Source, position: number, bytes: number): Promise<DataView> {
  return new DataView((await readExactly(handle, file, position, bytes)).buffer);
}

/** A 64-bit position; beyond 2^53 it is rounded, but still too large for any file. */
function big(data: DataView, at: number): number {
  return Number(data.getBigUint64(at, true));
}

const NAMES = new TextDecoder();

/** Names are plain ASCII in files of torch; other bytes become replacement characters. */
function text(data: DataView, at: number, bytes: number): string {
  return NAMES.decode(new Uint8Array(data.buffer, data.byteOffset + at, bytes));
}
