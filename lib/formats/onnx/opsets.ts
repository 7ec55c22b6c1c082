/**
 * The ONNX opsets that can be written, and the features of each.
 *
 * The only place for such facts: lowerings call `since` instead of comparing opset numbers.
 */

/** 17 (ONNX 1.12, mid-2022) is read by every runtime in use; see `SINCE` for what the others change. */
export type Opset = 14 | 15 | 16 | 17 | 18 | 19 | 20 | 21;

export const OPSETS: readonly Opset[] = [14, 15, 16, 17, 18, 19, 20, 21];
export const DEFAULT_OPSET: Opset = 17;

/** The lowest IR version for each opset: older runtimes refuse a file with a newer IR version unseen. */
export const IR_VERSIONS: Readonly<Record<Opset, number>> = {
  14: 7,
  15: 8,
  16: 8,
  17: 8,
  18: 8,
  19: 9,
  20: 9,
  21: 10,
};

const SINCE = {
  /** Attributes `start` and `end` of Shape. */
  shapeSlice: 15,
  /** LayerNormalization; before it is written out. */
  layerNormalization: 17,
  /** Axes of ReduceMax, ReduceMin, ReduceMean and ReduceL2 as an input; ReduceSum has that from 13 on. */
  reduceAxesInput: 18,
  /** Gelu; before it is written out. */
  gelu: 20,
  /** DequantizeLinear with blocks, and 4-bit types. */
  blocks: 21,
} as const satisfies Readonly<Record<string, Opset>>;

/** Whether `opset` has `feature`. */
export function since(opset: Opset, feature: keyof typeof SINCE): boolean {
  return opset >= SINCE[feature];
}
