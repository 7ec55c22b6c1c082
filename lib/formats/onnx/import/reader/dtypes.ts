/**
 * The element types of ONNX: their numbers in the file and their sizes.
 *
 * Types that no encoder has (complex, float8, float4, two bits) are left out, so that they are refused by name.
 */

import type { Dtype } from '../model.js';

const BY_NUMBER: ReadonlyMap<number, Dtype> = new Map([
  [1, 'float32'],
  [2, 'uint8'],
  [3, 'int8'],
  [4, 'uint16'],
  [5, 'int16'],
  [6, 'int32'],
  [7, 'int64'],
  [8, 'string'],
  [9, 'bool'],
  [10, 'float16'],
  [11, 'float64'],
  [12, 'uint32'],
  [13, 'uint64'],
  [16, 'bfloat16'],
  [21, 'uint4'],
  [22, 'int4'],
]);

/** Maps TensorProto.DataType to a dtype; undefined for unsupported types. */
export function dtypeOf(number: number): Dtype | undefined {
  return BY_NUMBER.get(number);
}

export type NumberDtype = Exclude<Dtype, 'string'>;

const BITS: Readonly<Record<NumberDtype, number>> = {
  float32: 32,
  float16: 16,
  bfloat16: 16,
  float64: 64,
  int4: 4,
  uint4: 4,
  int8: 8,
  uint8: 8,
  int16: 16,
  uint16: 16,
  int32: 32,
  uint32: 32,
  int64: 64,
  uint64: 64,
  bool: 8,
};

/** Size in bytes of `count` elements in raw form; two four-bit elements share a byte. */
export function rawBytes(dtype: NumberDtype, count: number): number {
  return Math.ceil((count * BITS[dtype]) / 8);
}
