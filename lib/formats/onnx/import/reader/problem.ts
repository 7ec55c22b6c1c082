/**
 * The errors of the ONNX reader: the fault and its place (file, byte, tensor or node).
 *
 * `details.category` is one of a short list, so that a program can tell a damaged download from a hostile path.
 */

import { SinterError } from '../../../../core/errors.js';

/**
 * parse: no complete ONNX model; data: the numbers of a tensor do not agree with its shape, type or location; path: external
 * data outside the folder; limits: sizes beyond any sane model, refused before memory is allocated; graph: cycles, missing
 * values, double assignments; value: infinity or NaN in a weight; shape: sizes of neighbouring tensors do not fit.
 */
export type CorruptCategory = 'parse' | 'data' | 'path' | 'limits' | 'graph' | 'value' | 'shape';

export interface OnnxPlace {
  readonly byteOffset?: number;
  readonly tensor?: string;
  readonly node?: string;
}

/** Makes a CORRUPT_MODEL error with the message `<file>: <what>`. */
export function corruptOnnx(
  file: string,
  category: CorruptCategory,
  what: string,
  place: OnnxPlace = {},
  cause?: unknown,
): SinterError {
  return new SinterError('CORRUPT_MODEL', `${file}: ${what}`, {
    details: { file, category, ...place },
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Makes an UNSUPPORTED_MODEL error for a well-formed file with something that is not supported. */
export function unsupportedOnnx(file: string, what: string, place: OnnxPlace = {}): SinterError {
  return new SinterError('UNSUPPORTED_MODEL', `${file}: ${what}`, {
    details: { file, category: 'unsupported', ...place },
  });
}
