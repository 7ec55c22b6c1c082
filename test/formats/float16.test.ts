// Half precision: every f16 value there and back, and rounding checked against the definition.
import { describe, expect, it } from 'vitest';
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from '../../lib/formats/float16.js';

const ALL = Uint16Array.from({ length: 1 << 16 }, (_, i) => i);
const isNanPattern = (half: number) => (half & 0x7c00) === 0x7c00 && (half & 0x3ff) !== 0;

describe('f16', () => {
  it('widens and narrows every bit pattern back to itself', () => {
    const back = f32ToF16(f16ToF32(ALL));
    for (const half of ALL) {
      if (isNanPattern(half)) expect(isNanPattern(back[half] ?? 0)).toBe(true);
      else expect(back[half]).toBe(half);
    }
  });

  it('rounds the middle of two neighbours to the even one, else to the nearer', () => {
    const values = f16ToF32(ALL);
    const bits = new Uint32Array(1);
    const float = new Float32Array(bits.buffer);
    for (let half = 0; half < 0x7bff; half++) {
      // The middle is exact in f32, which has 13 more bits.
      float[0] = ((values[half] ?? 0) + (values[half + 1] ?? 0)) / 2;
      const middle = bits[0] ?? 0;
      const even = half % 2 === 0 ? half : half + 1;
      for (const [pattern, expected] of [
        [middle, even],
        [middle - 1, half],
        [middle + 1, half + 1],
      ] as const) {
        bits[0] = pattern;
        expect(f32ToF16(float)[0]).toBe(expected);
      }
    }
  });

  it('overflows to infinity from 65520 on and keeps signs', () => {
    const given = [65519.996, 65520, 1e30, -65520, -0, Number.POSITIVE_INFINITY];
    const halves = f32ToF16(Float32Array.from(given));
    expect([...halves]).toEqual([0x7bff, 0x7c00, 0x7c00, 0xfc00, 0x8000, 0x7c00]);
    expect(f16ToF32(f32ToF16(Float32Array.of(Number.NaN)))[0]).toBeNaN();
  });
});

describe('bf16', () => {
  it('widens and narrows every bit pattern back to itself', () => {
    const back = f32ToBf16(bf16ToF32(ALL));
    for (const pattern of ALL) {
      const nan = (pattern & 0x7f80) === 0x7f80 && (pattern & 0x7f) !== 0;
      if (!nan) expect(back[pattern]).toBe(pattern);
    }
  });

  it('rounds to nearest even', () => {
    const half = 2 ** -8;
    const given = Float32Array.of(1 + half, 1 + 3 * half, 1 + half * 1.01, Number.NaN);
    const [down, up, above, nan] = bf16ToF32(f32ToBf16(given));
    expect([down, up, above]).toEqual([1, 1 + 4 * half, 1 + 2 * half]);
    expect(nan).toBeNaN();
  });
});
