/**
 * Targets of a corpus: some numbers per text, or one per token.
 *
 * Integers are classes or positions (-1: does not count), floats are scores.
 */

import type { TokenBatch } from '../native/program.js';

export type TargetNumbers = Int32Array | Float32Array;

export interface Targets {
  readonly unit: 'text' | 'token';
  /** Numbers per text or token. */
  readonly width: number;
  readonly values: TargetNumbers;
}

/** An array of zeros of the type of `like`. */
export function sameKind(like: TargetNumbers, length: number): TargetNumbers {
  return like instanceof Int32Array ? new Int32Array(length) : new Float32Array(length);
}

/** Range of the targets of texts [begin, end) in `values`. */
export function targetRange(
  { unit, width }: Targets,
  { offsets }: TokenBatch,
  begin: number,
  end: number,
): [number, number] {
  if (unit === 'text') return [begin * width, end * width];
  return [(offsets[begin] ?? 0) * width, (offsets[end] ?? 0) * width];
}
