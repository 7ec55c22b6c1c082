/**
 * A file as a stream of text: strict UTF-8, byte order mark removed, every line end (CRLF, CR) turned into LF.
 *
 * The rule: nothing is replaced silently; the first wrong byte is an error with its offset and line.
 */
import { isUtf8 } from 'node:buffer';
import { throwIfAborted } from '../core/errors.js';
import { openRegular } from '../core/files.js';
import { dataProblem } from './problem.js';

const LINE_FEED = 10;

/** Bytes at the end of `bytes` that begin a character which is not complete yet: 0 to 3. */
function openTail(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte >= 0xc0) {
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return length > back ? back : 0;
    }
    if (byte < 0x80) return 0;
  }
  return 0;
}

/** Length of the longest valid prefix, where validity of a prefix is monotone: found by bisection. */
function validPrefix(bytes: Uint8Array): number {
  let good = 0;
  let bad = bytes.length;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    const head = bytes.subarray(0, middle);
    if (isUtf8(head.subarray(0, middle - openTail(head)))) good = middle;
    else bad = middle;
  }
  return good - openTail(bytes.subarray(0, good));
}

function countLines(bytes: Uint8Array): number {
  let lines = 0;
  for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1))
    lines += 1;
  return lines;
}

/** Decodes chunks of bytes; each call of `push` takes a chunk, `end` checks that no character is cut off. */
class StrictDecoder {
  private tail: Uint8Array = new Uint8Array(0);
  private offset = 0;
  private line = 1;
  private heldCarriageReturn = '';

  constructor(private readonly file: string) {}

  push(chunk: Uint8Array): string {
    const bytes = this.tail.length > 0 ? Buffer.concat([this.tail, chunk]) : Buffer.from(chunk);
    const complete = bytes.subarray(0, bytes.length - openTail(bytes));
    if (!isUtf8(complete)) throw this.invalid(bytes);
    this.tail = bytes.subarray(complete.length);
    const isStart = this.offset === 0;
    if (complete.length > 0) this.offset += complete.length;
    this.line += countLines(complete);
    let text = this.heldCarriageReturn + complete.toString('utf8');
    if (isStart && text.startsWith('\uFEFF')) text = text.slice(1);
    // A carriage return at the end may be half of a CRLF: keep it until its successor is known.
    this.heldCarriageReturn = text.endsWith('\r') ? '\r' : '';
    if (this.heldCarriageReturn) text = text.slice(0, -1);
    return text.replace(/\r\n?/g, '\n');
  }

  end(): string {
    if (this.tail.length > 0) throw this.invalid(Buffer.from(this.tail));
    return this.heldCarriageReturn ? '\n' : '';
  }

  private invalid(bytes: Buffer): Error {
    const at = validPrefix(bytes);
    const byteOffset = this.offset + at;
    const line = this.line + countLines(bytes.subarray(0, at));
    const value = (bytes[at] ?? 0).toString(16).padStart(2, '0');
    const isUtf16 = byteOffset === 0 && (bytes[0] === 0xff || bytes[0] === 0xfe);
    const hint = isUtf16 ? ' (the file looks like UTF-16; save it as UTF-8)' : '';
    return dataProblem(
      this.file,
      `not valid UTF-8: byte 0x${value} at offset ${byteOffset}${hint}`,
      { line, byteOffset },
    );
  }
}

const CHUNK_BYTES = 256 * 1024;

/** The text of bytes from anywhere, in pieces of no particular size. `name` is what they are called in INVALID_DATA. */
export async function* decodeBytes(
  name: string,
  chunks: AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): AsyncGenerator<string> {
  const decoder = new StrictDecoder(name);
  for await (const chunk of chunks) {
    throwIfAborted(signal, `reading ${name}`);
    const text = decoder.push(chunk);
    if (text !== '') yield text;
  }
  const rest = decoder.end();
  if (rest !== '') yield rest;
}

/** The text of a file, as decodeBytes. */
export async function* decodeFile(file: string, signal?: AbortSignal): AsyncGenerator<string> {
  const handle = await openRegular(file, (what, cause) =>
    dataProblem(file, what, cause === undefined ? {} : { cause }),
  );
  yield* decodeBytes(file, handle.createReadStream({ highWaterMark: CHUNK_BYTES }), signal);
}
