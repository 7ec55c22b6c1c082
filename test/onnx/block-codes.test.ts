/**
 * Codes of weights in blocks: what the formula says, the error that it allows, the order of the packed bits.
 */

import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../lib/core/random.js';
import { blockCodes, packNibbles } from '../../lib/formats/onnx/block-codes.js';

const random = new SeededRandom(4);
const weight = Float32Array.from({ length: 6 * 40 }, () => random.below(2001) / 1000 - 0.7);

describe('blockCodes', () => {
  it.each([
    { bits: 4, size: 16, symmetric: true },
    { bits: 4, size: 32, symmetric: false },
    { bits: 8, size: 16, symmetric: true },
    { bits: 8, size: 64, symmetric: false },
  ] as const)(
    '$bits bits, blocks of $size, symmetric $symmetric: within half a step',
    async (form) => {
      const { codes, scales, zeroPoints } = await blockCodes(weight, 40, form);
      const blocks = Math.ceil(40 / form.size);
      expect([codes.length, scales.length, zeroPoints.length]).toEqual([
        240,
        6 * blocks,
        6 * blocks,
      ]);
      for (const [i, value] of weight.entries()) {
        const block = Math.floor(i / 40) * blocks + Math.floor((i % 40) / form.size);
        const [scale = 0, zero = 0] = [scales[block], zeroPoints[block]];
        const error = Math.abs(((codes[i] ?? 0) - zero) * scale - value);
        // Symmetric codes have one step less on the side opposite to the largest number.
        expect(error).toBeLessThanOrEqual(Math.abs(scale) * (form.symmetric ? 1 : 0.5001));
        if (form.symmetric) expect(zero).toBe(2 ** (form.bits - 1));
      }
    },
  );

  it('on paper: 4 bits, the largest number is -8 steps', async () => {
    const { codes, scales, zeroPoints } = await blockCodes(Float32Array.of(4, 0, -1, 2), 4, {
      bits: 4,
      size: 16,
      symmetric: true,
    });
    expect([...scales]).toEqual([-0.5]);
    expect([...zeroPoints]).toEqual([8]);
    expect([...codes]).toEqual([0, 8, 10, 4]);
  });

  it('a block of zeros stays zero', async () => {
    for (const symmetric of [true, false]) {
      const { codes, scales, zeroPoints } = await blockCodes(new Float32Array(16), 16, {
        bits: 8,
        size: 16,
        symmetric,
      });
      expect(Math.abs(scales[0] ?? 1)).toBe(0);
      expect([...codes].every((code) => code === zeroPoints[0])).toBe(true);
    }
  });

  it('packs the first code into the low half', async () => {
    expect([...(await packNibbles(Uint8Array.of(1, 2, 15, 0, 7)))]).toEqual([0x21, 0x0f, 0x07]);
  });
});
