/**
 * Decodes the raw form of a tensor (little-endian, row-major).
 *
 * The result is a view where alignment allows it, and a copy where elements are widened, unpacked or not aligned.
 */

import { bf16ToF32, f16ToF32 } from '../../../float16.js';
import type { Numbers } from '../model.js';
import type { NumberDtype } from './dtypes.js';

type Typed<T> = { new (buffer: ArrayBuffer, byteOffset: number, length: number): T } & {
  readonly BYTES_PER_ELEMENT: number;
};

/** `bytes` must hold exactly `count` elements. */
export function decodeRaw(dtype: NumberDtype, bytes: Uint8Array, count: number): Numbers {
  switch (dtype) {
    case 'float32':
      return view(Float32Array, bytes, count);
    case 'float64':
      return view(Float64Array, bytes, count);
    case 'float16':
      return f16ToF32(view(Uint16Array, bytes, count));
    case 'bfloat16':
      return bf16ToF32(view(Uint16Array, bytes, count));
    case 'int8':
      return view(Int8Array, bytes, count);
    case 'uint8':
      return bytes;
    case 'int16':
      return view(Int16Array, bytes, count);
    case 'uint16':
      return view(Uint16Array, bytes, count);
    case 'int32':
      return view(Int32Array, bytes, count);
    case 'uint32':
      return view(Uint32Array, bytes, count);
    case 'int64':
      return Float64Array.from(view(BigInt64Array, bytes, count), Number);
    case 'uint64':
      return Float64Array.from(view(BigUint64Array, bytes, count), Number);
    case 'bool':
      return bytes.map((value) => (value === 0 ? 0 : 1));
    case 'int4':
      return unpackInt4(bytes, count);
    case 'uint4':
      return unpackUint4(bytes, count);
  }
}

function view<T>(kind: Typed<T>, bytes: Uint8Array, count: number): T {
  const aligned = bytes.byteOffset % kind.BYTES_PER_ELEMENT === 0 ? bytes : bytes.slice();
  return new kind(aligned.buffer as ArrayBuffer, aligned.byteOffset, count);
}

/** Unpacks two elements from each byte, the first from the low half. */
export function unpackUint4(bytes: Uint8Array, count: number): Uint8Array {
  const out = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const pair = bytes[i >> 1] as number;
    out[i] = i % 2 === 0 ? pair & 15 : pair >> 4;
  }
  return out;
}

export function unpackInt4(bytes: Uint8Array, count: number): Int8Array {
  const out = new Int8Array(count);
  for (let i = 0; i < count; i++) {
    const pair = bytes[i >> 1] as number;
    out[i] = (i % 2 === 0 ? pair << 28 : (pair << 24) & 0xf0000000) >> 28;
  }
  return out;
}
