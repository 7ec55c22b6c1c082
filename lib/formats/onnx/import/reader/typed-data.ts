/**
 * The typed form of a tensor: repeated fields of floats or varints, packed or one by one.
 *
 * Entries are counted while the model is parsed and decoded on demand; each varint is checked against the tensor's dtype.
 */

import { bf16ToF32, f16ToF32 } from '../../../float16.js';
import { scanFields, type WireSource } from '../../wire-reader.js';
import type { Numbers } from '../model.js';
import { unpackInt4, unpackUint4 } from './decode-raw.js';
import type { NumberDtype } from './dtypes.js';

/** Field numbers of TensorProto's typed data. */
export const TYPED_FIELDS = { float: 4, int32: 5, int64: 7, double: 10, uint64: 11 } as const;

/** Field that must hold the numbers of a dtype. */
export function typedField(dtype: NumberDtype): number {
  switch (dtype) {
    case 'float32':
      return TYPED_FIELDS.float;
    case 'float64':
      return TYPED_FIELDS.double;
    case 'int64':
      return TYPED_FIELDS.int64;
    case 'uint32':
    case 'uint64':
      return TYPED_FIELDS.uint64;
    default:
      return TYPED_FIELDS.int32;
  }
}

/** Number of entries for `count` elements; two four-bit elements share an entry. */
export function typedEntries(dtype: NumberDtype, count: number): number {
  return dtype === 'int4' || dtype === 'uint4' ? Math.ceil(count / 2) : count;
}

/** Number of entries in the `bytes` of a field; null when they end inside an entry. */
export function countEntries(field: number, bytes: Uint8Array): number | null {
  if (field === TYPED_FIELDS.float) return bytes.length % 4 === 0 ? bytes.length / 4 : null;
  if (field === TYPED_FIELDS.double) return bytes.length % 8 === 0 ? bytes.length / 8 : null;
  let count = 0;
  for (const byte of bytes) if (byte < 0x80) count++;
  return bytes.length > 0 && (bytes.at(-1) as number) >= 0x80 ? null : count;
}

/** An entry that does not fit its dtype; the caller knows the tensor's name. */
export class EntryError extends Error {}

/** Decodes `count` elements from the message at [begin, end), whose entries were already counted. */
export function decodeTyped(
  dtype: NumberDtype,
  source: WireSource,
  extent: { readonly begin: number; readonly end: number },
  count: number,
): Numbers {
  const field = typedField(dtype);
  const entries = typedEntries(dtype, count);
  const out = dtype === 'float32' ? new Float32Array(entries) : new Float64Array(entries);
  let at = 0;
  for (const item of scanFields(source, extent.begin, extent.end)) {
    if (item.field !== field) continue;
    if (item.wire === 'varint') out[at++] = fitted(dtype, item.value);
    else at = decodeRun(dtype, field, source.read(item.begin, item.end), out, at);
  }
  return finish(dtype, out, count);
}

function decodeRun(
  dtype: NumberDtype,
  field: number,
  bytes: Uint8Array,
  out: Float32Array | Float64Array,
  start: number,
): number {
  let at = start;
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (field === TYPED_FIELDS.float) {
    for (let i = 0; i < bytes.length; i += 4) out[at++] = data.getFloat32(i, true);
    return at;
  }
  if (field === TYPED_FIELDS.double) {
    for (let i = 0; i < bytes.length; i += 8) out[at++] = data.getFloat64(i, true);
    return at;
  }
  let value = 0n;
  let shift = 0n;
  for (const byte of bytes) {
    if (byte < 0x80 && shift === 0n) {
      out[at++] = fitted(dtype, byte);
      continue;
    }
    value |= BigInt(byte & 0x7f) << shift;
    shift += 7n;
    if (shift > 70n) throw new EntryError('holds a number longer than 64 bits');
    if (byte >= 0x80) continue;
    out[at++] = fitted(dtype, value);
    value = 0n;
    shift = 0n;
  }
  return at;
}

const RANGES: Readonly<Partial<Record<NumberDtype, readonly [number, number]>>> = {
  int4: [-128, 255],
  uint4: [-128, 255],
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
  float16: [0, 65535],
  bfloat16: [0, 65535],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
};

function fitted(dtype: NumberDtype, entry: bigint | number): number {
  const unsigned = dtype === 'uint64' || dtype === 'uint32';
  const value =
    typeof entry === 'number'
      ? entry
      : Number(unsigned ? BigInt.asUintN(64, entry) : BigInt.asIntN(64, entry));
  const range = RANGES[dtype];
  if (range && (value < range[0] || value > range[1])) {
    throw new EntryError(`holds ${value}, which is no ${dtype}`);
  }
  return value;
}

function finish(dtype: NumberDtype, entries: Float32Array | Float64Array, count: number): Numbers {
  switch (dtype) {
    case 'float16':
      return f16ToF32(Uint16Array.from(entries));
    case 'bfloat16':
      return bf16ToF32(Uint16Array.from(entries));
    case 'int4':
      return unpackInt4(Uint8Array.from(entries), count);
    case 'uint4':
      return unpackUint4(Uint8Array.from(entries), count);
    case 'int8':
      return Int8Array.from(entries);
    case 'uint8':
      return Uint8Array.from(entries);
    case 'bool':
      return Uint8Array.from(entries, (value) => (value === 0 ? 0 : 1));
    case 'int16':
      return Int16Array.from(entries);
    case 'uint16':
      return Uint16Array.from(entries);
    case 'int32':
      return Int32Array.from(entries);
    case 'uint32':
      return Uint32Array.from(entries);
    default:
      return entries;
  }
}
