/** Numbers with a shape, in row-major order, as files of weights hold them. */
export interface FloatTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}
