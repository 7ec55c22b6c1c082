/**
 * Reads the protobuf wire format: the fields of one message, one level deep.
 *
 * The bytes come from outside: every varint and length is checked against the end of the message before it is used, and each
 * error names its byte offset in the file.
 */

import { SinterError } from '../../core/errors.js';

/** One field. Varints are unsigned 64 bits (`BigInt.asIntN(64, ...)` makes an int64 of them). */
export type WireField = { readonly field: number; readonly offset: number } & (
  | { readonly wire: 'varint'; readonly value: bigint }
  | { readonly wire: 'fixed32' | 'fixed64' | 'bytes'; readonly value: Uint8Array }
);

const MAX_FIELD = 0x1fffffffn;

function corrupt(what: string, offset: number): SinterError {
  return new SinterError('CORRUPT_MODEL', `protobuf: ${what} at byte ${offset}`, {
    details: { byteOffset: offset },
  });
}

/**
 * Decodes the varint at `at`. Returns its value and the index after it; `base` is the offset of `bytes` in the file, for
 * messages.
 */
export function decodeVarint(
  bytes: Uint8Array,
  at: number,
  base = 0,
): { readonly value: bigint; readonly next: number } {
  // Nearly all varints are short, and BigInt is slow.
  let small = 0;
  for (let i = 0; i < 4; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) break;
    small |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) return { value: BigInt(small), next: at + i + 1 };
  }
  let value = 0n;
  for (let i = 0; i < 10; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) throw corrupt('number cut off', base + at);
    if (i === 9 && byte > 1) break;
    value |= BigInt(byte & 0x7f) << BigInt(7 * i);
    if (byte < 0x80) return { value, next: at + i + 1 };
  }
  throw corrupt('number longer than 64 bits', base + at);
}

/** Bytes of a file by position; `read` gives a view that stays valid. `end - begin` never exceeds the file. */
export interface WireSource {
  readonly read: (begin: number, end: number) => Uint8Array;
}

/** Position of a field: the value of a varint, or the range [begin, end) of any other field. */
export type WireSpan = { readonly field: number; readonly offset: number } & (
  | { readonly wire: 'varint'; readonly value: bigint }
  | {
      readonly wire: 'fixed32' | 'fixed64' | 'bytes';
      readonly begin: number;
      readonly end: number;
    }
);

/** Limit of the bytes of a tag and a length. */
const HEAD_BYTES = 20;

/**
 * Lists the fields of the message at [begin, end) of `source` in file order, reading only tags, lengths and varints. Throws
 * CORRUPT_MODEL at the first malformed field.
 */
export function* scanFields(source: WireSource, begin: number, end: number): Generator<WireSpan> {
  let offset = begin;
  while (offset < end) {
    const head = source.read(offset, Math.min(end, offset + HEAD_BYTES));
    const tag = decodeVarint(head, 0, offset);
    const number = tag.value >> 3n;
    if (number === 0n || number > MAX_FIELD) throw corrupt('impossible field number', offset);
    const field = Number(number);
    const kind = Number(tag.value & 7n);
    if (kind === 0) {
      const { value, next } = decodeVarint(head, tag.next, offset);
      yield { field, offset, wire: 'varint', value };
      offset += next;
      continue;
    }
    const body = extent(head, kind, tag.next, offset);
    const start = offset + body.begin;
    if (body.length > BigInt(end - start)) throw corrupt('field longer than its message', offset);
    const stop = start + Number(body.length);
    yield { field, offset, wire: body.wire, begin: start, end: stop };
    offset = stop;
  }
}

/**
 * Lists the fields of the message in `bytes` in file order; byte values are views, not copies. `base` is the offset of
 * `bytes` in the file. Throws CORRUPT_MODEL at the first malformed field.
 */
export function* readFields(bytes: Uint8Array, base = 0): Generator<WireField> {
  const source = { read: (begin: number, end: number) => bytes.subarray(begin - base, end - base) };
  for (const span of scanFields(source, base, base + bytes.length)) {
    if (span.wire === 'varint') yield span;
    else {
      const { field, offset, wire } = span;
      yield { field, offset, wire, value: source.read(span.begin, span.end) };
    }
  }
}

function extent(
  bytes: Uint8Array,
  kind: number,
  at: number,
  base: number,
): { wire: 'fixed32' | 'fixed64' | 'bytes'; begin: number; length: bigint } {
  if (kind === 1) return { wire: 'fixed64', begin: at, length: 8n };
  if (kind === 5) return { wire: 'fixed32', begin: at, length: 4n };
  if (kind !== 2) throw corrupt(`unknown wire type ${kind}`, base + at);
  const { value, next } = decodeVarint(bytes, at, base);
  return { wire: 'bytes', begin: next, length: value };
}
