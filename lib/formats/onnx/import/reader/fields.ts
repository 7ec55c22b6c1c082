/**
 * Reads values of single protobuf fields. A field whose wire type is not that of the schema makes the file no ONNX model.
 */

import { decodeVarint, type WireSource, type WireSpan } from '../../wire-reader.js';
import type { ParseContext } from './context.js';
import { MAX_LIST } from './limits.js';

function wrongWire(context: ParseContext, item: WireSpan): Error {
  return context.corrupt('parse', `field ${item.field} at byte ${item.offset} has a wrong type`, {
    byteOffset: item.offset,
  });
}

export function expectBytes(
  context: ParseContext,
  item: WireSpan,
): { readonly begin: number; readonly end: number } {
  if (item.wire !== 'bytes') throw wrongWire(context, item);
  return item;
}

export function expectVarint(context: ParseContext, item: WireSpan): bigint {
  if (item.wire !== 'varint') throw wrongWire(context, item);
  return item.value;
}

/** Value of an int32, int64 or enum field; beyond 2^53 it is rounded. */
export function intOf(context: ParseContext, item: WireSpan): number {
  return Number(BigInt.asIntN(64, expectVarint(context, item)));
}

export function textOf(context: ParseContext, source: WireSource, item: WireSpan): string {
  const { begin, end } = expectBytes(context, item);
  return utf8(context, source.read(begin, end), begin);
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function utf8(context: ParseContext, bytes: Uint8Array, byteOffset: number): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw context.corrupt('parse', `invalid UTF-8 at byte ${byteOffset}`, { byteOffset }, cause);
  }
}

/** Values of a repeated int64 field: one entry, or a packed run of at most `limit` numbers. */
export function intsOf(
  context: ParseContext,
  source: WireSource,
  item: WireSpan,
  limit: number = MAX_LIST,
): number[] {
  if (item.wire === 'varint') {
    checkLimit(context, item, 1, limit);
    return [Number(BigInt.asIntN(64, item.value))];
  }
  const { begin, end } = expectBytes(context, item);
  const bytes = source.read(begin, end);
  const out: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    const { value, next } = decodeVarint(bytes, at, begin);
    checkLimit(context, item, out.length + 1, limit);
    out.push(Number(BigInt.asIntN(64, value)));
    at = next;
  }
  return out;
}

/** Values of a repeated float field: one entry, or a packed run of at most `limit` numbers. */
export function floatsOf(
  context: ParseContext,
  source: WireSource,
  item: WireSpan,
  limit: number = MAX_LIST,
): number[] {
  if (item.wire === 'varint' || item.wire === 'fixed64') throw wrongWire(context, item);
  const bytes = source.read(item.begin, item.end);
  if (bytes.length % 4 !== 0) throw wrongWire(context, item);
  checkLimit(context, item, bytes.length / 4, limit);
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / 4 }, (_, i) => data.getFloat32(4 * i, true));
}

/** Throws CORRUPT_MODEL (limits) when a list of `count` entries is longer than `limit`. */
export function checkLimit(
  context: ParseContext,
  item: WireSpan,
  count: number,
  limit: number,
): void {
  if (count <= limit) return;
  throw context.corrupt('limits', `a list at byte ${item.offset} is too long`, {
    byteOffset: item.offset,
  });
}
