/**
 * Dequantizes weights in blocks that cannot be kept as (code - integer zero point) * scale. They become floats, computed when
 * they are read.
 *
 * Both functions return a matrix [in, out] from codes in rows of one output each.
 */

/** Transposes [outputs, inputs], the order of the file, to [inputs, outputs]. */
function turned(rows: number, columns: number, value: (i: number) => number): Float32Array {
  const result = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let k = 0; k < columns; k++) result[k * rows + row] = value(row * columns + k);
  }
  return result;
}

export interface Blocks {
  readonly rows: number;
  readonly columns: number;
  readonly block: number;
}

/** Absolute values of the codes of FP4, relative to the largest number of a block. */
const FOURTHS = [0, 0.0625 / 12, 2 / 3, 1, 1 / 3, 1 / 2, 1 / 6, 1 / 4];
const FP4 = Float32Array.of(...FOURTHS, ...FOURTHS.map((x) => -x));
/** Values of the codes of NF4: quantiles of the normal distribution, scaled to 1. */
const NF4 = Float32Array.of(
  ...[-1, -0.6961928, -0.52507305, -0.3949175, -0.28444138, -0.18477343, -0.091050036, 0],
  ...[0.0795803, 0.1609302, 0.2461123, 0.33791524, 0.44070983, 0.562617, 0.72295684, 1],
);

/** Values of the codes of MatMulBnb4's quant_type; null for an unknown one. */
export function bitsAndBytesValues(kind: number): Float32Array | null {
  return kind === 0 ? FP4 : kind === 1 ? NF4 : null;
}

/**
 * Dequantizes weights of bitsandbytes: blocks run over the whole weight, and the first of two codes is in the upper half of a
 * byte.
 */
export function bitsAndBytes(
  { rows, columns, block }: Blocks,
  codes: Uint8Array,
  largest: ArrayLike<number>,
  values: Float32Array,
): Float32Array {
  return turned(rows, columns, (i) => {
    const byte = codes[i >> 1] ?? 0;
    return (
      (values[i % 2 === 0 ? byte >> 4 : byte & 15] ?? 0) * (largest[Math.floor(i / block)] ?? 0)
    );
  });
}

/**
 * Dequantizes weights with one code per byte and zero points of any number type. `order` is the block of each input; null:
 * blocks follow each other.
 */
export function blockFloats(
  { rows, columns, block }: Blocks,
  codes: Uint8Array,
  scales: ArrayLike<number>,
  zeros: ArrayLike<number>,
  order: ArrayLike<number> | null,
): Float32Array {
  const blocks = Math.ceil(columns / block);
  return turned(rows, columns, (i) => {
    const k = i % columns;
    const at = Math.floor(i / columns) * blocks + (order?.[k] ?? Math.floor(k / block));
    return ((codes[i] ?? 0) - (zeros[at] ?? 0)) * (scales[at] ?? 0);
  });
}
