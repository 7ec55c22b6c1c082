/**
 * Quantizes weights in blocks of a few bits: the numbers of one output channel for some neighbouring inputs share a scale.
 *
 * Symmetric blocks map their number of largest magnitude to the lowest code (-8 in 4 bits): that side has one code more.
 */

import { forRows } from './in-turns.js';

/** Codes of a weight [rows, width], one scale (and zero point) for each block of a row. */
export interface BlockCodes {
  /** Unsigned, 0 ... 2^bits - 1, [rows, width]. */
  readonly codes: Uint8Array;
  /** [rows, blocks]. */
  readonly scales: Float32Array;
  /** [rows, blocks]. */
  readonly zeroPoints: Uint8Array;
}

/** Quantizes `weight` [rows, width] so that w = (code - zeroPoint) * scale. The last block of a row may be shorter. */
export async function blockCodes(
  weight: Float32Array,
  width: number,
  {
    bits,
    size,
    symmetric,
  }: { readonly bits: 8 | 4; readonly size: number; readonly symmetric: boolean },
): Promise<BlockCodes> {
  const rows = weight.length / width;
  const blocks = Math.ceil(width / size);
  const codes = new Uint8Array(weight.length);
  const scales = new Float32Array(rows * blocks);
  const zeroPoints = new Uint8Array(rows * blocks);
  const last = 2 ** bits - 1;
  const quantize = (row: number, block: number) => {
    const begin = row * width + block * size;
    const end = Math.min(begin + size, (row + 1) * width);
    const values = weight.subarray(begin, end);
    const [scale, zero] = symmetric ? symmetricScale(values, last) : fullScale(values, last);
    scales[row * blocks + block] = scale;
    zeroPoints[row * blocks + block] = zero;
    for (let i = begin; i < end; i++) {
      const code = scale === 0 ? zero : Math.round((weight[i] as number) / scale) + zero;
      codes[i] = Math.min(Math.max(code, 0), last);
    }
  };
  // Four times the width, because a number takes some four times as long here as in other users of forRows.
  await forRows(rows, 4 * width, (begin, end) => {
    for (let row = begin; row < end; row++) {
      for (let block = 0; block < blocks; block++) quantize(row, block);
    }
  });
  return { codes, scales, zeroPoints };
}

/**
 * Scale and zero point of a symmetric block: its number of largest magnitude becomes code 0; the zero point is the middle
 * code.
 */
function symmetricScale(values: Float32Array, last: number): readonly [number, number] {
  const middle = (last + 1) / 2;
  let extreme = 0;
  for (const value of values) if (Math.abs(value) > Math.abs(extreme)) extreme = value;
  return [Math.fround(-extreme / middle), middle];
}

/**
 * Scale and zero point of an asymmetric block: its smallest number becomes code 0, the largest the last code; 0 has a code.
 */
function fullScale(values: Float32Array, last: number): readonly [number, number] {
  let [low, high] = [0, 0];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const scale = Math.fround((high - low) / last);
  return [scale, scale === 0 ? 0 : Math.min(Math.max(Math.round(-low / scale), 0), last)];
}

/** Packs two 4-bit codes into a byte, the first in the low half. */
export async function packNibbles(codes: Uint8Array): Promise<Uint8Array> {
  const packed = new Uint8Array(Math.ceil(codes.length / 2));
  await forRows(packed.length, 2, (begin, end) => {
    for (let i = begin; i < end; i++) {
      packed[i] = ((codes[2 * i] as number) & 15) | (((codes[2 * i + 1] ?? 0) & 15) << 4);
    }
  });
  return packed;
}
