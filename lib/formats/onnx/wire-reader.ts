/**
 * Protobuf wire format, the reading half: the fields of one message, one level deep.
 *
 * The bytes come from outside: every varint and length is checked against the end of the message before it
 * is used, and each mistake names its byte offset in the file.
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

/** Reads the varint at `at`: its value and the position after it. `base` is only for messages. */
export function decodeVarint(
  bytes: Uint8Array,
  at: number,
  base = 0,
): { readonly value: bigint; readonly next: number } {
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

/**
 * The fields of the message in `bytes`, in file order; byte values are views, not copies. `base` is the
 * offset of `bytes` in the file. Throws CORRUPT_MODEL at the first field that does not fit.
 */
export function* readFields(bytes: Uint8Array, base = 0): Generator<WireField> {
  let at = 0;
  while (at < bytes.length) {
    const offset = base + at;
    const tag = decodeVarint(bytes, at, base);
    const number = tag.value >> 3n;
    if (number === 0n || number > MAX_FIELD) throw corrupt('impossible field number', offset);
    const field = Number(number);
    const kind = Number(tag.value & 7n);
    if (kind === 0) {
      const { value, next } = decodeVarint(bytes, tag.next, base);
      yield { field, offset, wire: 'varint', value };
      at = next;
      continue;
    }
    const { wire, begin, length } = extent(bytes, kind, tag.next, base);
    if (length > BigInt(bytes.length - begin))
      throw corrupt('field longer than its message', offset);
    at = begin + Number(length);
    yield { field, offset, wire, value: bytes.subarray(begin, at) };
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
