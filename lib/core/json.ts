/**
 * JSON files of a model folder, read as hostile input.
 *
 * Size, UTF-8 and syntax are checked before a value is handed out; every error names the file.
 */

import type { Stats } from 'node:fs';
import { access, type FileHandle, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { SinterError, show } from './errors.js';
import { type FileStamps, isUnchanged, openRegular, readUpTo } from './files.js';
import { type LongPart, type PartReader, parseInPieces } from './json-pieces.js';
import { checkJsonShape } from './json-shape.js';
import {
  MAX_JSON_VALUES,
  MAX_LIST_BYTES,
  MAX_SMALL_FILE_BYTES,
  MAX_TOKENIZER_BYTES,
  MAX_TOKENIZER_VALUES,
} from './limits.js';

/** A value as JSON.parse gives it. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };
/** An object as JSON.parse gives it. */
export type JsonObject = { readonly [key: string]: JsonValue };

/** Whether a JSON value is an object (not null, not an array). */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Decodes UTF-8 strictly. Throws CORRUPT_MODEL with the offset of the first wrong byte. */
export function decodeUtf8(bytes: Uint8Array, file: string, offset = 0): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch (cause) {
    const byteOffset = offset + firstInvalidUtf8(bytes);
    throw new SinterError('CORRUPT_MODEL', `${file}: invalid UTF-8 at byte ${byteOffset}`, {
      details: { file, byteOffset },
      cause,
    });
  }
}

const UTF8_BLOCK_BYTES = 2 ** 16;

/** Number of bytes before the first invalid one: finds its block, then bisects over the block's decodable prefixes. */
function firstInvalidUtf8(bytes: Uint8Array): number {
  let begin = 0;
  const whole = new TextDecoder('utf-8', { fatal: true });
  try {
    for (; begin < bytes.length; begin += UTF8_BLOCK_BYTES) {
      whole.decode(bytes.subarray(begin, begin + UTF8_BLOCK_BYTES), { stream: true });
    }
  } catch {
    // The invalid character may begin in the block before.
    begin = Math.max(0, begin - 3);
    while (begin > 0 && ((bytes[begin] ?? 0) & 0xc0) === 0x80) begin -= 1;
  }
  let good = begin;
  let bad = Math.min(bytes.length, begin + UTF8_BLOCK_BYTES + 8);
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    // In stream mode an incomplete sequence at the end is no error, so only invalid bytes count.
    try {
      const part = bytes.subarray(begin, middle);
      new TextDecoder('utf-8', { fatal: true }).decode(part, { stream: true });
      good = middle;
    } catch {
      bad = middle;
    }
  }
  return good;
}

/**
 * Parses the text of a JSON object. Throws CORRUPT_MODEL for bad syntax or any other kind of value. `offset` is the position
 * of the text in the file, in bytes. Of repeated keys the last one counts: see checkKeysUnique.
 */
export function parseJsonObject(text: string, file: string, offset = 0): JsonObject {
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SinterError('CORRUPT_MODEL', `${file}: not valid JSON: ${reason}`, {
      details: { file, byteOffset: offset },
      cause,
    });
  }
  if (!isJsonObject(value)) {
    throw new SinterError('CORRUPT_MODEL', `${file}: must be a JSON object, got ${show(value)}`, {
      details: { file, byteOffset: offset },
    });
  }
  return value;
}

/**
 * Throws CORRUPT_MODEL if an object of a valid JSON text has a key twice, because two parsers might then read different
 * values. The event loop turns between slices.
 */
export async function checkKeysUnique(text: string, file: string, offset = 0): Promise<void> {
  const scan = new KeyScan(text);
  while (scan.advance(SLICE_UNITS)) await setImmediate();
  const { repeated } = scan;
  if (repeated === null) return;
  const byteOffset = offset + Buffer.byteLength(text.slice(0, repeated.index));
  throw new SinterError('CORRUPT_MODEL', `${file}: key ${show(repeated.key)} is given twice`, {
    details: { file, byteOffset },
  });
}

/** UTF-16 units scanned before the event loop gets its turn: about 5 ms. */
const SLICE_UNITS = 2 ** 18;

/** The first key that an object of a valid JSON text has twice, with the index of its second place in UTF-16 units. */
export function findRepeatedKey(text: string): { key: string; index: number } | null {
  const scan = new KeyScan(text);
  scan.advance(text.length);
  return scan.repeated;
}

class KeyScan {
  repeated: { key: string; index: number } | null = null;
  private readonly objects: (Set<string> | null)[] = [];
  private keyExpected = false;
  private at = 0;

  constructor(private readonly text: string) {}

  /** Scans the next `units`, and on to the end of a string that they cut. Returns false at the end or at a repeated key. */
  advance(units: number): boolean {
    const { text, objects } = this;
    const stop = Math.min(text.length, this.at + units);
    let i = this.at;
    for (; i < stop; i++) {
      const char = text.charCodeAt(i);
      if (char === 0x22) {
        const end = endOfString(text, i);
        if (this.keyExpected && this.isRepeated(i, end)) return false;
        i = end;
      } else if (char === 0x7b || char === 0x5b) {
        objects.push(char === 0x7b ? new Set() : null);
        this.keyExpected = char === 0x7b;
      } else if (char === 0x7d || char === 0x5d) {
        objects.pop();
        this.keyExpected = false;
      } else if (char === 0x2c) {
        this.keyExpected = objects.at(-1) !== null;
      }
    }
    this.at = i;
    return i < text.length;
  }

  private isRepeated(index: number, end: number): boolean {
    const keys = this.objects.at(-1);
    if (!keys) return false;
    const plain = this.text.slice(index + 1, end);
    const key = plain.includes('\\') ? (JSON.parse(`"${plain}"`) as string) : plain;
    if (keys.has(key)) {
      this.repeated = { key, index };
      return true;
    }
    keys.add(key);
    this.keyExpected = false;
    return false;
  }
}

/** Index of the closing quote of the string whose opening quote is at `start`. */
export function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (i < text.length && text.charCodeAt(i) !== 0x22) i += text.charCodeAt(i) === 0x5c ? 2 : 1;
  return i;
}

/** UNSUPPORTED_MODEL: the file exceeds a limit, though it may be valid. */
export function tooLarge(file: string, what: string): SinterError {
  return new SinterError('UNSUPPORTED_MODEL', `${file}: ${what}`, { details: { file } });
}

/** Throws CORRUPT_MODEL if one of the files has changed since its stamp was taken. */
export async function checkStamps(stamps: FileStamps): Promise<void> {
  const changed = await stamps.firstChanged();
  if (changed !== null) throw changedWhileRead(changed);
}

/** CORRUPT_MODEL: the file has changed since reading began. */
export function changedWhileRead(file: string): SinterError {
  return new SinterError('CORRUPT_MODEL', `${file}: changed while it was read`, {
    details: { file },
  });
}

/**
 * Reads a whole file. Its size is limited; for JSON, the number of values and the depth too. Throws CORRUPT_MODEL if the
 * file is missing, not a regular file, or changes meanwhile, UNSUPPORTED_MODEL if it exceeds a limit.
 */
export async function readModelFile(path: string): Promise<Uint8Array> {
  return (await readShaped(path)).bytes;
}

/** The same, and the long parts of JSON. */
async function readShaped(path: string): Promise<{ bytes: Uint8Array; long: readonly LongPart[] }> {
  const isTokenizer = basename(path) === 'tokenizer.json';
  const small = path.endsWith('.txt') ? MAX_LIST_BYTES : MAX_SMALL_FILE_BYTES;
  const limit = isTokenizer ? MAX_TOKENIZER_BYTES : small;
  const { handle, stats } = await openModelFile(path);
  let bytes: Uint8Array;
  try {
    const { size } = stats;
    if (size > limit) throw tooLarge(path, `must be at most ${limit} bytes, got ${size}`);
    bytes = new Uint8Array(size);
    const done = await readUpTo(handle, 0, bytes);
    if (done < size || !(await isUnchanged(path, stats))) throw changedWhileRead(path);
  } finally {
    await handle.close();
  }
  if (!path.endsWith('.json')) return { bytes, long: [] };
  const maxValues = isTokenizer ? MAX_TOKENIZER_VALUES : MAX_JSON_VALUES;
  const long = await checkJsonShape(bytes, maxValues, (what) => tooLarge(path, what));
  if (long.length > 0) await setImmediate();
  return { bytes, long };
}

/**
 * The text of a JSON file and its object, of which a long part is parsed in several turns, or made by `read`. Errors are those of
 * parseJsonObject.
 */
export async function readLongJsonObject(
  path: string,
  read?: PartReader,
): Promise<{ readonly text: string; readonly object: JsonObject }> {
  const { bytes, long } = await readShaped(path);
  const text = decodeUtf8(bytes, path);
  return { text, object: await objectOf(text, { bytes, long }, path, read) };
}

/** The object of a JSON text that is in memory, parsed as `readLongJsonObject` does it. `path` names it in messages. */
export async function parseLongJsonObject(
  text: string,
  path: string,
  read?: PartReader,
): Promise<JsonObject> {
  const bytes = new TextEncoder().encode(text);
  const refuse = (what: string) => tooLarge(path, what);
  const long = await checkJsonShape(bytes, MAX_TOKENIZER_VALUES, refuse);
  return objectOf(text, { bytes, long }, path, read);
}

async function objectOf(
  text: string,
  { bytes, long }: { readonly bytes: Uint8Array; readonly long: readonly LongPart[] },
  path: string,
  read?: PartReader,
): Promise<JsonObject> {
  const value = long.length > 0 ? await parseInPieces(bytes, long, read) : null;
  return isJsonObject(value ?? undefined) ? (value as JsonObject) : parseJsonObject(text, path);
}

/** An open file of a model, and its stats from just after opening. */
export interface OpenFile {
  readonly handle: FileHandle;
  readonly stats: Stats;
}

/** Opens a regular file for reading. Throws CORRUPT_MODEL with the path if it is missing, a folder, a pipe or a device. */
export async function openModelFile(path: string): Promise<OpenFile> {
  const handle = await openRegular(
    path,
    (what, cause) =>
      new SinterError('CORRUPT_MODEL', `${path}: ${what}`, { details: { file: path }, cause }),
  );
  return { handle, stats: await handle.stat() };
}

/** CORRUPT_MODEL: the file has no bytes up to `end`, though it had them when it was opened, or can't be read. */
export async function endedEarly(path: string, end: number): Promise<SinterError> {
  const { size } = await stat(path).catch(() => ({ size: end }));
  if (size >= end) return changedWhileRead(path);
  return new SinterError('CORRUPT_MODEL', `${path}: ends ${end - size} bytes too early`, {
    details: { file: path },
  });
}

/** Reads a file that must hold one JSON object without repeated keys. */
export async function readJsonObject(path: string): Promise<JsonObject> {
  const text = decodeUtf8(await readModelFile(path), path);
  const object = parseJsonObject(text, path);
  await checkKeysUnique(text, path);
  return object;
}

/** Whether a file or folder exists at `path`. */
export async function fileExists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Parses a JSON object; undefined if `text` is not one. */
export function jsonObjectOf(text: string): JsonObject | undefined {
  try {
    const value = JSON.parse(text) as JsonValue;
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
