/**
 * A test that an operator agrees with ONNX Runtime on random shapes and numbers.
 */

import fc from 'fast-check';
import { it } from 'vitest';
import { expectSame, type OperatorCase } from './ort-judge.js';
import { generator, seeds } from './random-tensors.js';

export type Next = () => number;

/** `make` gives a case for random dims and numbers. */
export function agrees(
  name: string,
  dims: fc.Arbitrary<number[]>,
  make: (dims: number[], next: Next) => OperatorCase,
  numRuns = 12,
): void {
  it(name, async () => {
    await fc.assert(
      fc.asyncProperty(dims, seeds, (shape, seed) => expectSame(make(shape, generator(seed)))),
      { numRuns },
    );
  });
}

/** A whole number in [0, max]. */
export const upTo = (next: Next, max: number) => Math.floor(next() * (max + 1));
export const anyAxis = (rank: number, next: Next) => upTo(next, 2 * rank - 1) - rank;
export const flag = (next: Next) => (next() < 0.5 ? 0 : 1);
