/**
 * The errors of the ONNX reader: what is wrong, in which file, at which byte, tensor or node.
 *
 * `details.category` is one of a short list, so that a program can tell a damaged download from a hostile path.
 */

import { SinterError } from '../../../../core/errors.js';

/**
 * parse: no complete ONNX model; data: the numbers of a tensor do not agree with its shape, type or place; path: external data
 * outside the folder; limits: more than is sane, refused before memory is taken; graph: cyclic, dangling, assigned twice;
 * value: infinity or NaN in a weight; shape: neighbouring tensors that do not fit.
 */
export type CorruptCategory = 'parse' | 'data' | 'path' | 'limits' | 'graph' | 'value' | 'shape';

export interface Place {
  readonly byteOffset?: number;
  readonly tensor?: string;
  readonly node?: string;
}

/** CORRUPT_MODEL; `what` reads on after the file's name. */
export function corruptOnnx(
  file: string,
  category: CorruptCategory,
  what: string,
  place: Place = {},
  cause?: unknown,
): SinterError {
  return new SinterError('CORRUPT_MODEL', `${file}: ${what}`, {
    details: { file, category, ...place },
    ...(cause === undefined ? {} : { cause }),
  });
}

/** UNSUPPORTED_MODEL: well formed, but nothing that is known here. */
export function unsupportedOnnx(file: string, what: string, place: Place = {}): SinterError {
  return new SinterError('UNSUPPORTED_MODEL', `${file}: ${what}`, {
    details: { file, category: 'unsupported', ...place },
  });
}
