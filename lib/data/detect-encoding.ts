/**
 * Finds the encoding of a file where the caller named none: by a byte order mark, else UTF-8 where all of it is valid, else by a
 * careful guess.
 *
 * The rule: a guess is made only where one encoding explains the bytes and no other does, and is always reported; else the caller
 * is asked.
 */
import { isUtf8 } from 'node:buffer';
import type { FileHandle } from 'node:fs/promises';
import { throwIfAborted } from '../core/errors.js';
import { readUpTo } from '../core/files.js';
import { countLines, isLegacy, openTail, validPrefix, wrongByte } from './encodings.js';
import { guessLegacy } from './guess-encoding.js';
import { dataProblem } from './problem.js';
import type { FileEncoding } from './types.js';

const CHUNK_BYTES = 256 * 1024;
/** Most bytes of non-ASCII lines that a guess is made from. */
const SAMPLE_BYTES = 2 ** 20;
/** Bytes searched for zero bytes, which UTF-16 has. */
const HEAD_BYTES = 64 * 1024;
const LINE_FEED = 10;
/** Examples of encodings in the message where none can be told. */
const COMMON = ['gb18030', 'shift_jis', 'big5', 'euc-kr', 'euc-jp', 'windows-1252', 'windows-1251'];

/** The encoding that a byte order mark names, and how long the mark is. */
export function markOf(head: Uint8Array): { readonly name: string; readonly bytes: number } | null {
  const [a, b, c, d] = head;
  if (a === 0xef && b === 0xbb && c === 0xbf) return { name: 'utf-8', bytes: 3 };
  if (a === 0xff && b === 0xfe && !(c === 0 && d === 0)) return { name: 'utf-16le', bytes: 2 };
  return a === 0xfe && b === 0xff ? { name: 'utf-16be', bytes: 2 } : null;
}

/** The encoding of a file. Without a mark the whole file is read once. INVALID_DATA where the encoding cannot be told. */
export async function detectEncoding(
  file: string,
  handle: FileHandle,
  signal: AbortSignal | undefined,
): Promise<FileEncoding> {
  const head = await read(handle, 0, HEAD_BYTES);
  const mark = markOf(head);
  if (mark !== null) return { name: mark.name, found: 'mark' };
  refuseOthers(file, head);
  const wide = guessUtf16(head);
  if (wide !== null) return wide;
  const wrong = await firstWrong(file, handle, signal);
  if (wrong === null) return { name: 'utf-8', found: 'valid' };
  const sample = await sampleOf(file, handle, signal);
  const place = 'not valid UTF-8';
  if (isMostlyUtf8(sample)) {
    throw wrongByte(file, place, wrong, '; nearly all of the file is UTF-8: a damaged character?');
  }
  const guess = guessLegacy(sample);
  if (guess !== null) return { ...guess, found: 'guessed' };
  const possible = COMMON.filter((name) => isLegacy(name, sample));
  const which = possible.length > 0 ? ` (it may be ${possible.join(', ')})` : '';
  const advice = `; which encoding it has cannot be told: name it with \`encoding\`${which}`;
  throw wrongByte(file, place, wrong, advice);
}

async function read(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  return bytes.subarray(0, await readUpTo(handle, position, bytes));
}

function refuseOthers(file: string, head: Uint8Array): void {
  const [a, b, c, d] = head;
  if (a === 0xff && b === 0xfe && c === 0 && d === 0) {
    throw dataProblem(file, 'UTF-32 is not read; save the file as UTF-8');
  }
  if (a === 0x50 && b === 0x4b && c === 3 && d === 4) {
    throw dataProblem(file, 'a zip file, as Excel workbooks (.xlsx) are; save the sheet as CSV');
  }
  if (a === 0x50 && b === 0x41 && c === 0x52 && d === 0x31) {
    throw dataProblem(file, 'a Parquet file; end its name with .parquet, or name its `format`');
  }
  if (a === 0x1f && b === 0x8b) throw dataProblem(file, 'a gzip file; unpack it first');
}

/** Zero bytes at every other place are the upper halves of Latin letters, digits and line feeds. */
function guessUtf16(head: Buffer): FileEncoding | null {
  const bytes = head.subarray(0, head.length & ~1);
  let [even, odd] = [0, 0];
  for (let at = bytes.indexOf(0); at >= 0; at = bytes.indexOf(0, at + 1)) {
    if (at % 2 === 0) even += 1;
    else odd += 1;
  }
  const zeros = Math.max(even, odd);
  // A few characters have a zero as their lower half.
  if (zeros === 0 || 10 * Math.min(even, odd) > zeros) return null;
  // UTF-8 may hold a zero too, but hardly as every other byte.
  const least = isUtf8(head.subarray(0, head.length - openTail(head))) ? 0.8 : 0.02;
  if (zeros < least * (bytes.length / 2)) return null;
  const isLittle = odd > even;
  const name = isLittle ? 'utf-16le' : 'utf-16be';
  const units = isLittle ? bytes : Buffer.from(bytes).swap16();
  if (/[\p{Cn}\p{Co}]|(?![\t\n\r])\p{Cc}/u.test(units.toString('utf16le').slice(0, -1)))
    return null;
  return { name, found: 'guessed', why: 'every other byte of its letters is zero' };
}

interface WrongPlace {
  readonly line: number;
  readonly byteOffset: number;
  readonly byte: number | undefined;
}

/** Offset of the first byte that is not valid UTF-8; null where all are valid. */
async function firstWrong(
  file: string,
  handle: FileHandle,
  signal: AbortSignal | undefined,
): Promise<WrongPlace | null> {
  let line = 1;
  let tail = Buffer.alloc(0);
  for (let position = 0; ; ) {
    throwIfAborted(signal, `reading ${file}`);
    const chunk = await read(handle, position, CHUNK_BYTES);
    const isLast = chunk.length === 0;
    const bytes = Buffer.concat([tail, chunk]);
    const complete = bytes.subarray(0, bytes.length - (isLast ? 0 : openTail(bytes)));
    if (!isUtf8(complete)) {
      const at = validPrefix(bytes);
      const byteOffset = position - tail.length + at;
      return { line: line + countLines(bytes.subarray(0, at)), byteOffset, byte: bytes[at] };
    }
    if (isLast) return null;
    line += countLines(complete);
    tail = bytes.subarray(complete.length);
    position += chunk.length;
  }
}

/** Sample of lines from those parts of the file that are not all ASCII. */
async function sampleOf(
  file: string,
  handle: FileHandle,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  for (let position = 0; length < SAMPLE_BYTES; position += CHUNK_BYTES) {
    throwIfAborted(signal, `reading ${file}`);
    const chunk = await read(handle, position, CHUNK_BYTES);
    if (chunk.length === 0) break;
    if (!chunk.some((byte) => byte >= 0x80)) continue;
    const begin = position === 0 ? 0 : chunk.indexOf(LINE_FEED) + 1;
    const end = chunk.length < CHUNK_BYTES ? chunk.length : chunk.lastIndexOf(LINE_FEED) + 1;
    const part = chunk.subarray(begin, Math.max(begin, end || chunk.length));
    parts.push(part);
    length += part.length;
  }
  return Buffer.concat(parts);
}

/** Whether most bytes beyond ASCII are whole characters of UTF-8. */
function isMostlyUtf8(bytes: Uint8Array): boolean {
  let [high, good] = [0, 0];
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    if (byte < 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    if (byte >= 0xc2 && isUtf8(bytes.subarray(at, at + length)) && at + length <= bytes.length) {
      good += length;
      high += length;
      at += length - 1;
    } else high += 1;
  }
  return good > 0.7 * high;
}
