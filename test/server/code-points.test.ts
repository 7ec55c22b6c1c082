// Places in UTF-16 units and in code points are those of the same characters.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codePointIndex, placesIn } from '../../lib/server/routes/code-points.js';

describe('codePointIndex', () => {
  it('counts characters beyond U+FFFF as one', () => {
    const at = codePointIndex('a😀b');
    expect([0, 1, 2, 3, 4].map(at)).toEqual([0, 1, 1, 2, 3]);
  });

  it('agrees with a count of the characters before, for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'ab é😀𝒳') }), (text) => {
        const at = codePointIndex(text);
        const chars = [...text];
        const starts = chars.map((_, i) => chars.slice(0, i).join('').length);
        expect([...starts, text.length].map(at)).toEqual([...chars.keys(), chars.length]);
      }),
    );
  });
});

describe('placesIn', () => {
  it('gives the fields asked for', () => {
    expect(placesIn('😀 b', 'utf16')(3, 4)).toEqual({ start: 3, end: 4 });
    expect(placesIn('😀 b', 'codePoint')(3, 4)).toEqual({ startCodePoint: 2, endCodePoint: 3 });
    expect(placesIn('😀 b', 'both')(3, 4)).toEqual({
      start: 3,
      end: 4,
      startCodePoint: 2,
      endCodePoint: 3,
    });
  });
});
