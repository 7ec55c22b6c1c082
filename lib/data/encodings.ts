/**
 * Names of encodings, and the decoders behind them: strict UTF-8, UTF-16, and what TextDecoder knows besides.
 *
 * The rule: nothing is replaced silently; the first byte that stands for no character is an error with its offset and line.
 */
import { isUtf8 } from 'node:buffer';
import { dataProblem } from './problem.js';

const LINE_FEED = 10;

/** Common names that the encoding standard does not list. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  cp936: 'gb18030',
  gbk: 'gb18030',
  cp932: 'shift_jis',
  cp950: 'big5',
  cp1250: 'windows-1250',
  cp1251: 'windows-1251',
  cp1252: 'windows-1252',
};

/** The standard's name of an encoding (`GBK` and `gb2312`: `gb18030`); null for a name that can't be read. */
export function encodingName(label: string): string | null {
  const lower = label.trim().toLowerCase();
  try {
    const { encoding } = new TextDecoder(OTHER_NAMES[lower] ?? lower);
    return OTHER_NAMES[encoding] ?? encoding;
  } catch {
    return null;
  }
}

/** Decodes bytes chunk by chunk; `end` throws for a character that is cut off. */
export interface ByteDecoder {
  push(chunk: Uint8Array): string;
  end(): string;
}

/** A decoder for a name from `encodingName`; `file` stands for the source of the bytes in INVALID_DATA. */
export function decoderOf(encoding: string, file: string): ByteDecoder {
  if (encoding === 'utf-8') return new Utf8Decoder(file);
  if (encoding === 'utf-16le' || encoding === 'utf-16be') return new Utf16Decoder(encoding, file);
  return new LegacyDecoder(encoding, file);
}

/** Number of bytes (0 to 3) at the end of `bytes` that begin an incomplete character of UTF-8. */
export function openTail(bytes: Uint8Array): number {
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

export function countLines(bytes: Uint8Array): number {
  let lines = 0;
  for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1))
    lines += 1;
  return lines;
}

/** Length of the longest good prefix, by bisection: a prefix longer than a bad one must be bad too. */
function longestGood(length: number, isGood: (length: number) => boolean): number {
  let good = 0;
  let bad = length;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (isGood(middle)) good = middle;
    else bad = middle;
  }
  return good;
}

/** Offset of the first wrong byte of UTF-8. */
export function validPrefix(bytes: Uint8Array): number {
  const good = longestGood(bytes.length, (length) => {
    const head = bytes.subarray(0, length);
    return isUtf8(head.subarray(0, length - openTail(head)));
  });
  return good - openTail(bytes.subarray(0, good));
}

const hex = (byte: number | undefined): string => (byte ?? 0).toString(16).padStart(2, '0');

/** The error for a wrong byte; its place is appended to `message`. */
export function wrongByte(
  file: string,
  message: string,
  place: { readonly line: number; readonly byteOffset: number; readonly byte: number | undefined },
  advice = '',
): Error {
  const { line, byteOffset, byte } = place;
  return dataProblem(file, `${message}: byte 0x${hex(byte)} at offset ${byteOffset}${advice}`, {
    line,
    byteOffset,
  });
}

class Utf8Decoder implements ByteDecoder {
  private tail: Uint8Array = new Uint8Array(0);
  private offset = 0;
  private line = 1;

  constructor(private readonly file: string) {}

  push(chunk: Uint8Array): string {
    const bytes = this.tail.length > 0 ? Buffer.concat([this.tail, chunk]) : Buffer.from(chunk);
    const complete = bytes.subarray(0, bytes.length - openTail(bytes));
    if (!isUtf8(complete)) throw this.invalid(bytes);
    this.tail = bytes.subarray(complete.length);
    this.offset += complete.length;
    this.line += countLines(complete);
    return complete.toString('utf8');
  }

  end(): string {
    if (this.tail.length > 0) throw this.invalid(Buffer.from(this.tail));
    return '';
  }

  private invalid(bytes: Buffer): Error {
    const at = validPrefix(bytes);
    const line = this.line + countLines(bytes.subarray(0, at));
    const place = { line, byteOffset: this.offset + at, byte: bytes[at] };
    return wrongByte(this.file, 'not valid UTF-8', place);
  }
}

const LONE_SURROGATE = /\p{Surrogate}/u;

class Utf16Decoder implements ByteDecoder {
  private tail: Buffer = Buffer.alloc(0);
  private offset = 0;
  private line = 1;

  constructor(
    private readonly encoding: 'utf-16le' | 'utf-16be',
    private readonly file: string,
  ) {}

  push(chunk: Uint8Array): string {
    const bytes = Buffer.concat([this.tail, chunk]);
    const text = this.units(bytes.subarray(0, bytes.length & ~1));
    const last = text.charCodeAt(text.length - 1);
    const held = last >= 0xd800 && last < 0xdc00 ? 1 : 0;
    const whole = text.slice(0, text.length - held);
    const used = 2 * whole.length;
    this.tail = bytes.subarray(used);
    const wrong = LONE_SURROGATE.exec(whole);
    if (wrong !== null) throw this.invalid(bytes, whole.slice(0, wrong.index));
    this.offset += used;
    this.line += whole.split('\n').length - 1;
    return whole;
  }

  end(): string {
    if (this.tail.length > 0) throw this.invalid(this.tail, '');
    return '';
  }

  private units(bytes: Buffer): string {
    if (this.encoding === 'utf-16le') return bytes.toString('utf16le');
    return Buffer.from(bytes).swap16().toString('utf16le');
  }

  private invalid(bytes: Buffer, good: string): Error {
    const at = 2 * good.length;
    const line = this.line + good.split('\n').length - 1;
    const place = { line, byteOffset: this.offset + at, byte: bytes[at] };
    return wrongByte(this.file, `not valid ${this.encoding}`, place);
  }
}

/** Characters of Windows-1252 for 0x80 to 0x9F, which TextDecoder of some versions of Node reads as Latin-1. */
const WINDOWS_1252 = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ';
/** Control characters that decoders make of undefined bytes. */
const NO_CHARACTER = /[\u0080-\u009F]/;
/** Most bytes held back while waiting for the end of a line. */
const MAX_HELD_BYTES = 2 ** 20;

/** Decoder for an encoding in which the byte of a line feed is never part of another character. */
class LegacyDecoder implements ByteDecoder {
  private rest: Buffer = Buffer.alloc(0);
  private offset = 0;
  private line = 1;
  private readonly decoder: InstanceType<typeof TextDecoder>;

  constructor(
    private readonly encoding: string,
    private readonly file: string,
  ) {
    this.decoder = new TextDecoder(encoding, { fatal: true, ignoreBOM: true });
  }

  push(chunk: Uint8Array): string {
    const bytes = Buffer.concat([this.rest, chunk]);
    const lines = bytes.lastIndexOf(LINE_FEED) + 1;
    const used = lines === 0 && bytes.length > MAX_HELD_BYTES ? bytes.length : lines;
    this.rest = bytes.subarray(used);
    return this.decode(bytes.subarray(0, used), true);
  }

  end(): string {
    return this.decode(this.rest, false);
  }

  private decode(bytes: Buffer, stream: boolean): string {
    const text = decodeLegacy(this.decoder, bytes, stream);
    if (text === null) throw this.invalid(bytes);
    this.offset += bytes.length;
    this.line += countLines(bytes);
    return text;
  }

  /** The error for the first wrong byte of the first line that cannot be decoded. */
  private invalid(bytes: Buffer): Error {
    let begin = 0;
    let end = bytes.indexOf(LINE_FEED) + 1 || bytes.length;
    while (end < bytes.length && isLegacy(this.encoding, bytes.subarray(begin, end))) {
      begin = end;
      end = bytes.indexOf(LINE_FEED, begin) + 1 || bytes.length;
    }
    const at = begin + goodLegacy(this.encoding, bytes.subarray(begin, end));
    const place = {
      line: this.line + countLines(bytes.subarray(0, begin)),
      byteOffset: this.offset + at,
      byte: bytes[at],
    };
    return wrongByte(this.file, `not valid ${this.encoding}`, place);
  }
}

/** Offset of the first invalid character. */
function goodLegacy(encoding: string, bytes: Uint8Array): number {
  let good = longestGood(bytes.length, (n) => isLegacy(encoding, bytes.subarray(0, n), true));
  while (good > 0 && !isLegacy(encoding, bytes.subarray(0, good))) good -= 1;
  return good;
}

/** The text; null where a byte stands for no character. */
function decodeLegacy(
  decoder: InstanceType<typeof TextDecoder>,
  bytes: Buffer,
  stream: boolean,
): string | null {
  let text: string;
  if (decoder.encoding === 'windows-1252') {
    text = bytes
      .toString('latin1')
      .replace(/[\x80-\x9f]/g, (char) => WINDOWS_1252[char.charCodeAt(0) - 0x80] ?? char);
  } else {
    try {
      text = decoder.decode(bytes, { stream });
    } catch {
      return null;
    }
  }
  return NO_CHARACTER.test(text) ? null : text;
}

/** Whether all bytes are characters of the encoding; with `isOpen` the last one may be cut off. */
export function isLegacy(encoding: string, bytes: Uint8Array, isOpen = false): boolean {
  const decoder = new TextDecoder(encoding, { fatal: true, ignoreBOM: true });
  return decodeLegacy(decoder, Buffer.from(bytes), isOpen) !== null;
}
