/**
 * Reads a stored float tensor as f32, from any format of weights.
 *
 * The dtype is checked before a byte is read.
 */

import { SinterError, show } from '../core/errors.js';
import { bf16ToF32, f16ToF32 } from './float16.js';

/**
 * Widens an F32, F16 or BF16 tensor to f32, flat and row-major. `read` returns the tensor's bytes in memory of their
 * own. Throws UNSUPPORTED_MODEL for other dtypes.
 */
export async function readWidened(
  path: string,
  name: string,
  dtype: string,
  read: () => Promise<Uint8Array>,
): Promise<Float32Array> {
  if (dtype !== 'F32' && dtype !== 'F16' && dtype !== 'BF16') {
    throw new SinterError(
      'UNSUPPORTED_MODEL',
      `${path}: ${show(name)} must be F32, F16 or BF16 to be read as floats, got ${dtype}`,
      { details: { file: path } },
    );
  }
  const { buffer } = await read();
  if (dtype === 'F32') return new Float32Array(buffer);
  const patterns = new Uint16Array(buffer);
  return dtype === 'F16' ? f16ToF32(patterns) : bf16ToF32(patterns);
}
