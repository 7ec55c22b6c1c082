/**
 * JSON files of a model folder, read as hostile input.
 *
 * Size, UTF-8 and syntax are checked before a value is handed out; every complaint names the file.
 */

import { access, open } from 'node:fs/promises';
import { SinterError, show } from './errors.js';

export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };
export type JsonObject = { readonly [key: string]: JsonValue };

/** Larger than any published tokenizer.json (XLM-R: 17 MB), small enough to parse without harm. */
const MAX_JSON_BYTES = 256 * 1024 * 1024;

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

/** Bytes before the first one that breaks UTF-8, found by bisection over decodable prefixes. */
function firstInvalidUtf8(bytes: Uint8Array): number {
  let good = 0;
  let bad = bytes.length;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    // In stream mode a sequence cut at the end is not an error, so only wrong bytes count.
    try {
      new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, middle), { stream: true });
      good = middle;
    } catch {
      bad = middle;
    }
  }
  return good;
}

/**
 * Parses the text of a JSON object. Throws CORRUPT_MODEL for bad syntax or another kind of value;
 * `offset` is where the text begins in the file, in bytes. Of repeated keys the last one counts:
 * see checkKeysUnique.
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
 * Throws CORRUPT_MODEL when an object of a valid JSON text gives a key twice: two readers might
 * then differ.
 */
export function checkKeysUnique(text: string, file: string, offset = 0): void {
  const repeated = findRepeatedKey(text);
  if (repeated === null) return;
  const byteOffset = offset + Buffer.byteLength(text.slice(0, repeated.index));
  throw new SinterError('CORRUPT_MODEL', `${file}: key ${show(repeated.key)} is given twice`, {
    details: { file, byteOffset },
  });
}

/**
 * The first key that one object of a valid JSON text gives twice, with its place in UTF-16 units.
 */
export function findRepeatedKey(text: string): { key: string; index: number } | null {
  const objects: (Set<string> | null)[] = [];
  let keyExpected = false;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char === 0x22) {
      const end = endOfString(text, i);
      const keys = objects.at(-1);
      if (keyExpected && keys) {
        const key = JSON.parse(text.slice(i, end + 1)) as string;
        if (keys.has(key)) return { key, index: i };
        keys.add(key);
        keyExpected = false;
      }
      i = end;
    } else if (char === 0x7b || char === 0x5b) {
      objects.push(char === 0x7b ? new Set() : null);
      keyExpected = char === 0x7b;
    } else if (char === 0x7d || char === 0x5d) {
      objects.pop();
      keyExpected = false;
    } else if (char === 0x2c) {
      keyExpected = objects.at(-1) !== null;
    }
  }
  return null;
}

/** Index of the quote that ends the string which begins at `start`. */
export function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (i < text.length && text.charCodeAt(i) !== 0x22) i += text.charCodeAt(i) === 0x5c ? 2 : 1;
  return i;
}

/**
 * Reads a whole file of bounded size. Throws CORRUPT_MODEL when it is missing, no file, or too
 * large.
 */
export async function readModelFile(path: string): Promise<Uint8Array> {
  const handle = await openModelFile(path);
  try {
    const { size } = await handle.stat();
    if (size > MAX_JSON_BYTES) {
      throw new SinterError(
        'CORRUPT_MODEL',
        `${path}: must be at most ${MAX_JSON_BYTES} bytes, got ${size}`,
        { details: { file: path } },
      );
    }
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

/** Opens a regular file for reading; a missing one is CORRUPT_MODEL with its path. */
export async function openModelFile(path: string) {
  const handle = await open(path, 'r').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'ENOENT' && cause.code !== 'ENOTDIR') throw cause;
    throw new SinterError('CORRUPT_MODEL', `${path}: no such file`, {
      details: { file: path },
      cause,
    });
  });
  const stats = await handle.stat();
  if (stats.isFile()) return handle;
  await handle.close();
  throw new SinterError('CORRUPT_MODEL', `${path}: not a regular file`, {
    details: { file: path },
  });
}

/** Reads a file that must hold one JSON object without repeated keys. */
export async function readJsonObject(path: string): Promise<JsonObject> {
  const text = decodeUtf8(await readModelFile(path), path);
  const object = parseJsonObject(text, path);
  checkKeysUnique(text, path);
  return object;
}

/** Whether something is there under that name. */
export async function fileExists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
