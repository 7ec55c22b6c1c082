/** What int8 may take of a score, so that a product stays f32 only where the verdict would miss it. */
import { expect, it } from 'vitest';
import { isWithinShare } from '../../../lib/models/compression/precision.js';

it.each([
  // A form worse than the original: int8 may take 30 % of what may be lost.
  [{ original: 0.9, form: 0.895 }, 0.893, true],
  [{ original: 0.9, form: 0.895 }, 0.891, false],
  // A form better than the original: what it is better by may go.
  [{ original: 0.8658, form: 0.8739 }, 0.8693, true],
  [{ original: 0.8658, form: 0.8739 }, 0.863, true],
  [{ original: 0.8658, form: 0.8739 }, 0.8625, false],
])('of %o a score of %d is within its share of 0.01: %s', (before, score, expected) => {
  expect(isWithinShare(score, before, 0.01)).toBe(expected);
});
