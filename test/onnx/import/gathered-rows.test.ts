/**
 * Rows that are gathered from any layout hold the elements that the layout names.
 */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  gathered,
  type Layout,
  Memory,
  type Raw,
} from '../../../lib/checkpoint/onnx/gathered-rows.js';

/** Copies the numbers one by one. */
function naive(from: Raw, { at, rows, columns, rowStep, columnStep }: Layout): number[] {
  const index = (i: number) => at + Math.floor(i / columns) * rowStep + (i % columns) * columnStep;
  return Array.from({ length: rows * columns }, (_, i) => from[index(i)] ?? Number.NaN);
}

const sizes = { rows: fc.integer({ min: 1, max: 40 }), columns: fc.integer({ min: 1, max: 90 }) };
const layouts = fc
  .record({
    ...sizes,
    at: fc.integer({ min: 0, max: 9 }),
    gap: fc.integer({ min: 0, max: 5 }),
    turned: fc.boolean(),
    // Sizes beyond one block of the native loops.
    times: fc.constantFrom(1, 4),
  })
  .map(({ rows, columns, at, gap, turned, times }): Layout => {
    const [r, c] = [rows * times, columns * times];
    const step = (turned ? r : c) + gap * times;
    const steps = turned ? { rowStep: 1, columnStep: step } : { rowStep: step, columnStep: 1 };
    return { at: at * times, rows: r, columns: c, ...steps };
  });

test.each([
  [Int8Array, 256],
  [Uint16Array, 65536],
  [Float32Array, 1000],
] as const)('%o', (kind, range) => {
  fc.assert(
    fc.property(layouts, (layout) => {
      const { at, rows, columns, rowStep, columnStep } = layout;
      const length = at + (rows - 1) * rowStep + (columns - 1) * columnStep + 1;
      const from = new kind(length);
      for (let i = 0; i < length; i++) from[i] = (i * 7919 + 13) % range;
      expect([...gathered<Raw>(from, layout, new Memory())]).toEqual(naive(from, layout));
    }),
    { numRuns: 60 },
  );
});
