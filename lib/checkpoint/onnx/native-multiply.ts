/**
 * Products of the reference evaluator in native loops: they take half of the time of a verification.
 */

import type { Multiply } from '../../formats/onnx/import/index.js';
import { multiply } from '../../formats/onnx/import/reference/multiply.js';
import { native } from '../../native/native.js';

/** Gives the same bits as `multiply`, several times as fast. */
export const nativeMultiply: Multiply = (panel, out) => {
  const { a, b, zero, rows, depth, columns } = panel;
  const known =
    b instanceof Int8Array ||
    b instanceof Uint8Array ||
    b instanceof Int32Array ||
    b instanceof Float32Array ||
    b instanceof Float64Array;
  if (known && (out instanceof Float32Array || out instanceof Float64Array)) {
    native().referenceProduct(a, b, zero, rows, depth, columns, out);
  } else {
    multiply(panel, out);
  }
};
