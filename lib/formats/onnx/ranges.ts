/**
 * Ranges of activations and their quantization scale and zero point.
 *
 * A range always includes 0, so that 0 has a code of its own and padding stays exact.
 */

/** Smallest and largest number of an activation; numbers beyond them saturate. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/** Parameters of QuantizeLinear, which stores x as round(x / scale) + zeroPoint. */
export interface ActivationCodes {
  /** An f32 above 0. */
  readonly scale: number;
  readonly zeroPoint: number;
}

/** Smallest scale: some runtimes treat smaller ones as 0. */
const MIN_SCALE = 1e-30;

/** Scale and zero point of codes 0 ... 255 over the range, or of codes -127 ... 127 over the larger side of it. */
export function activationCodes({ min, max }: Range, form: 'uint8' | 'int8'): ActivationCodes {
  const [low, high] = [Math.min(min, 0), Math.max(max, 0)];
  if (form === 'int8') {
    const scale = Math.fround(Math.max(-low, high) / 127);
    return { scale: Math.max(scale, MIN_SCALE), zeroPoint: 0 };
  }
  const scale = Math.max(Math.fround((high - low) / 255), MIN_SCALE);
  return { scale, zeroPoint: Math.min(Math.max(Math.round(-low / scale), 0), 255) };
}
