/**
 * The header of a safetensors file: u64 length, JSON of names, dtypes, shapes and byte ranges.
 *
 * The file is hostile: every value is checked before it is used, and a wrong one is CORRUPT_MODEL with the file and a
 * byte offset.
 */

import { SinterError, show } from '../core/errors.js';
import {
  checkKeysUnique,
  decodeUtf8,
  isJsonObject,
  type JsonValue,
  parseJsonObject,
  tooLarge,
} from '../core/json.js';
import { MAX_AXES, MAX_HEADER_BYTES, MAX_TENSORS } from '../core/limits.js';

/** Every dtype of the format with its element size in bytes. */
export const DTYPE_BYTES = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
} as const;

export type SafetensorsDtype = keyof typeof DTYPE_BYTES;

/** One tensor: `begin` and `end` are absolute byte positions in the file. */
export interface TensorEntry {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, TensorEntry>;
}

/** Byte position of the JSON. */
export const HEADER_START = 8;

/** Whether a string is one of the format's dtypes. */
export function isSafetensorsDtype(value: unknown): value is SafetensorsDtype {
  return typeof value === 'string' && Object.hasOwn(DTYPE_BYTES, value);
}

/** Makes a CORRUPT_MODEL error for one place in a file. */
export function corrupt(file: string, byteOffset: number, message: string): SinterError {
  return new SinterError('CORRUPT_MODEL', `${file}: ${message} (at byte ${byteOffset})`, {
    details: { file, byteOffset },
  });
}

/**
 * Reads the u64 before the header. Throws CORRUPT_MODEL unless the header fits into `fileBytes`, UNSUPPORTED_MODEL for one
 * beyond the limit.
 */
export function headerLength(prefix: Uint8Array, file: string, fileBytes: number): number {
  if (prefix.byteLength < HEADER_START) {
    throw corrupt(file, 0, `must begin with 8 bytes of header length, has ${prefix.byteLength}`);
  }
  const view = new DataView(prefix.buffer, prefix.byteOffset, prefix.byteLength);
  const length = view.getBigUint64(0, true);
  const room = fileBytes - HEADER_START;
  if (length < 2n || length > BigInt(room)) {
    throw corrupt(file, 0, `header length must be 2..${room}, got ${length}`);
  }
  if (length > BigInt(MAX_HEADER_BYTES)) {
    throw tooLarge(file, `header must be at most ${MAX_HEADER_BYTES} bytes, got ${length}`);
  }
  return Number(length);
}

/** Checks the JSON part against the size of the whole file. Returns its entries in the order of their bytes. */
export async function parseHeader(
  json: Uint8Array,
  file: string,
  fileBytes: number,
): Promise<SafetensorsHeader> {
  const text = decodeUtf8(json, file, HEADER_START);
  const object = parseJsonObject(text, file, HEADER_START);
  const count = Object.keys(object).length;
  if (count > MAX_TENSORS)
    throw tooLarge(file, `must have at most ${MAX_TENSORS} tensors, got ${count}`);
  await checkKeysUnique(text, file, HEADER_START);
  const dataStart = HEADER_START + json.byteLength;
  const place = (name: string) => {
    const found = Buffer.from(json.buffer, json.byteOffset, json.byteLength).indexOf(
      JSON.stringify(name),
    );
    return HEADER_START + Math.max(found, 0);
  };
  let metadata: Readonly<Record<string, string>> = {};
  const entries: [string, TensorEntry][] = [];
  for (const [name, value] of Object.entries(object)) {
    const fail = (message: string) => corrupt(file, place(name), `${show(name)} ${message}`);
    if (name === '__metadata__') metadata = parseMetadata(value, fail);
    else entries.push([name, parseEntry(value, dataStart, fileBytes, fail)]);
  }
  entries.sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let position = dataStart;
  for (const [name, { begin, end }] of entries) {
    if (begin !== position) {
      const kind = begin < position ? 'overlaps the tensor before it' : 'leaves a hole before it';
      throw corrupt(
        file,
        place(name),
        `${show(name)} ${kind}: begins at ${begin}, not ${position}`,
      );
    }
    position = end;
  }
  if (position !== fileBytes) {
    throw corrupt(
      file,
      position,
      `tensors end at ${position}, but the file has ${fileBytes} bytes`,
    );
  }
  return { metadata, tensors: new Map(entries) };
}

function parseMetadata(value: JsonValue, fail: (message: string) => SinterError) {
  if (!isJsonObject(value)) throw fail(`must be an object, got ${show(value)}`);
  const metadata: [string, string][] = [];
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string')
      throw fail(`must hold strings, got ${show(text)} for ${show(key)}`);
    metadata.push([key, text]);
  }
  return Object.fromEntries(metadata);
}

/** Checks one tensor: its dtype, its shape, that its range lies in the file and is as long as dtype and shape say. */
function parseEntry(
  value: JsonValue,
  dataStart: number,
  fileBytes: number,
  fail: (message: string) => SinterError,
): TensorEntry {
  if (!isJsonObject(value)) throw fail(`must be an object, got ${show(value)}`);
  const { dtype, shape, data_offsets: range } = value;
  if (!isSafetensorsDtype(dtype)) {
    throw fail(`dtype must be one of ${Object.keys(DTYPE_BYTES).join(', ')}, got ${show(dtype)}`);
  }
  if (!isSizeList(shape)) throw fail('shape must be a list of sizes');
  if (shape.length > MAX_AXES) {
    throw fail(`shape must have at most ${MAX_AXES} axes, got ${shape.length}`);
  }
  if (!isSizeList(range) || range.length !== 2) throw fail('data_offsets must be two positions');
  const [from, to] = range as readonly [number, number];
  const dataBytes = fileBytes - dataStart;
  if (from > to || to > dataBytes) {
    throw fail(`data_offsets must be in order within ${dataBytes} bytes, got [${from}, ${to}]`);
  }
  // Products beyond 2^53 are rounded, but then they exceed any file anyway.
  const bytes = shape.reduce((product, size) => product * size, DTYPE_BYTES[dtype]);
  if (bytes !== to - from) {
    throw fail(`must have ${bytes} bytes for ${dtype} [${shape.join(', ')}], got ${to - from}`);
  }
  return { dtype, shape, begin: dataStart + from, end: dataStart + to };
}

function isSizeList(value: JsonValue | undefined): value is readonly number[] {
  return (
    Array.isArray(value) &&
    value.every((size) => Number.isSafeInteger(size) && (size as number) >= 0)
  );
}
