/**
 * Half precision and bfloat16 as storage formats: conversion to and from f32, in blocks.
 *
 * Narrowing rounds to nearest, ties to even, subnormals included; overflow gives infinity and NaN
 * stays NaN. The native program widens by the same rules while it loads.
 */

const word = new Uint32Array(1);
const real = new Float32Array(word.buffer);

/** Converts one f32 bit pattern to f16. */
function narrowToHalf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  // 65520 and above round to infinity; 65519.99 rounds to 65504.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) {
    const rounded = magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1);
    return sign | (rounded >>> 13);
  }
  // Magnitudes up to half of the smallest subnormal (2^-25, a tie that goes to even) become zero.
  if (magnitude <= 0x33000000) return sign;
  const shift = 126 - (magnitude >>> 23);
  const mantissa = (magnitude & 0x7fffff) | 0x800000;
  const kept = mantissa >>> shift;
  const rest = mantissa & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return sign | (kept + (rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0));
}

/** Value of one f16 bit pattern. */
function widenHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 0x1f;
  const mantissa = half & 0x3ff;
  if (exponent === 0x1f) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

/** f32 values to f16 bit patterns, same length. */
export function f32ToF16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) out[i] = narrowToHalf(bits[i] as number);
  return out;
}

/** f16 bit patterns to f32 values (exact), same length. */
export function f16ToF32(halves: Uint16Array): Float32Array {
  const out = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) out[i] = widenHalf(halves[i] as number);
  return out;
}

/** f32 values to bfloat16 bit patterns, same length. */
export function f32ToBf16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) {
    const b = bits[i] as number;
    const isNan = (b & 0x7fffffff) > 0x7f800000;
    out[i] = isNan ? (b >>> 16) | 0x40 : (b + 0x7fff + ((b >>> 16) & 1)) >>> 16;
  }
  return out;
}

/** bfloat16 bit patterns to f32 values (exact), same length. */
export function bf16ToF32(patterns: Uint16Array): Float32Array {
  const out = new Float32Array(patterns.length);
  for (let i = 0; i < patterns.length; i++) {
    word[0] = (patterns[i] as number) << 16;
    out[i] = real[0] as number;
  }
  return out;
}
