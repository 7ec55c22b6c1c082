// Numbers that the core writes as JSON read back as the same float32, whatever they are.
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { base64Of, jsonOf, listOf, refuseNotFinite } from '../../lib/server/routes/vectors-json.js';

const bitsOf = (vector: Float32Array) => [
  ...new Uint32Array(vector.buffer, vector.byteOffset, vector.length),
];
const readBack = (json: unknown) => Float32Array.from(JSON.parse(String(json)) as number[]);

describe('jsonOf', () => {
  it('writes the fewest digits', () => {
    const vector = Float32Array.of(0.1, 1 / 3, -0, 1e20, 1e-7, 16777216, 0.5, -2);
    expect(String(jsonOf([vector]))).toBe('[0.1,0.33333334,-0,1e+20,1e-07,16777216,0.5,-2]');
    expect(String(jsonOf([new Float32Array()]))).toBe('[]');
  });

  it('gives back the same bits: borders, denormals, and all kinds of bits', () => {
    const bits = new Uint32Array(2 ** 18);
    let state = 7;
    for (let i = 0; i < bits.length; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      bits[i] = state;
    }
    bits.set([0, 1, 0x007fffff, 0x00800000, 0x7f7fffff, 0x80000000, 0x80000001, 0x3f800000]);
    // The only numbers whose shortest decimal is another float after it was a double.
    bits.set([0x15ae43fd, 0x95ae43fd], 8);
    const vector = new Float32Array(bits.buffer).map((x) => (Number.isFinite(x) ? x : 0));
    expect(bitsOf(readBack(jsonOf([vector])))).toEqual(bitsOf(vector));
  });

  it('writes a view of an array, and texts between vectors', () => {
    const all = Float32Array.of(1, 2, 3, 4);
    const parts = ['{"ä":', all.subarray(1, 3), '}'];
    expect(String(jsonOf(parts))).toBe('{"ä":[2,3]}');
    expect(String(jsonOf(listOf([[all], [all]])))).toBe('[[1,2,3,4],[1,2,3,4]]');
    expect(String(jsonOf(listOf([])))).toBe('[]');
  });

  it('streams many numbers in pieces', async () => {
    const vectors = Array.from({ length: 500 }, (_, i) => new Float32Array(384).fill(i + 0.25));
    const stream = jsonOf(listOf(vectors.map((vector) => [vector])));
    expect(Buffer.isBuffer(stream)).toBe(false);
    const all = JSON.parse(await text(stream as NodeJS.ReadableStream as never)) as number[][];
    expect(all).toHaveLength(500);
    expect(all.every((vector, i) => vector.length === 384 && vector[383] === i + 0.25)).toBe(true);
  });
});

describe('refuseNotFinite', () => {
  it('rejects what is not finite, wherever it is', async () => {
    const good = new Float32Array(2 ** 19).fill(3.4e38);
    await refuseNotFinite([good, good, good, new Float32Array()]);
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const vector = good.slice().fill(bad, 5, 6);
      await expect(refuseNotFinite([good, good, vector])).rejects.toThrow('not finite');
    }
  });
});

describe('base64Of', () => {
  it('is little-endian float32', () => {
    expect(base64Of(Float32Array.of(1, -2.5).subarray(1))).toBe(
      Buffer.from([0, 0, 0x20, 0xc0]).toString('base64'),
    );
  });
});
