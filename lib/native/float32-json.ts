/**
 * Float32 numbers as JSON text, written by the core: the shortest decimals that read back as the same float32.
 */
import { native } from './native.js';

/** Room for a number and the comma behind it. */
const NUMBER_BYTES = 16;
const BRACKET_BYTES = 2;

/** Most bytes of the text of `vector`. */
export const float32JsonBytes = (vector: Float32Array): number =>
  vector.length * NUMBER_BYTES + BRACKET_BYTES;

/** `[0.25,-1]`, or null in the place of a number that JSON does not have. */
export function float32Json(vector: Float32Array): string {
  if (!isFiniteVector(vector)) return JSON.stringify(Array.from(vector));
  const target = Buffer.allocUnsafe(float32JsonBytes(vector));
  return target.toString('latin1', 0, native().writeFloat32Json(vector, target, 0));
}

/** x * 0 is 0 for every finite x, and NaN for all others. */
export function isFiniteVector(vector: Float32Array): boolean {
  let zero = 0;
  for (let i = 0; i < vector.length; i++) zero += (vector[i] ?? 0) * 0;
  return zero === 0;
}
