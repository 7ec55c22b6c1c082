/**
 * Reads weights, whose numbers must be finite: a file with others is damaged.
 */

import type { Initializer, Numbers, Tensor } from '../model.js';
import { corruptOnnx } from './problem.js';

/** Reads the numbers of a weight. Throws CORRUPT_MODEL (value), naming the tensor, for infinity or NaN. */
export function readWeights(initializer: Initializer, file: string): Tensor {
  const tensor = initializer.read();
  checkFinite(tensor.data, initializer.name, file);
  return tensor;
}

/** Throws CORRUPT_MODEL (value) at the first number that is infinite or NaN. */
export function checkFinite(data: Numbers, tensor: string, file: string): void {
  if (!(data instanceof Float32Array) && !(data instanceof Float64Array)) return;
  for (let i = 0; i < data.length; i++) {
    if (Number.isFinite(data[i])) continue;
    throw corruptOnnx(file, 'value', `tensor ${tensor} holds ${data[i]} at element ${i}`, {
      tensor,
    });
  }
}
