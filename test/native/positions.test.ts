// Positions: the buckets of distances and the angles of rotary embeddings are PyTorch's, on every machine.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { expectSameBits } from '../kernels/native-test.js';
import { positions } from './internals.js';
import { at } from './toy.js';

interface Buckets {
  readonly buckets: number;
  readonly maxDistance: number;
  /** [first distance, bucket], for distances from 0 to 4096. */
  readonly starts: readonly (readonly [number, number])[];
}

interface RotaryRows {
  readonly theta: number;
  readonly dimensions: number;
  readonly positions: readonly number[];
  /** Float32, little endian, base64: [positions, dimensions / 2]. */
  readonly cos: string;
  readonly sin: string;
}

const file = fileURLToPath(new URL('../fixtures/positions/positions.json', import.meta.url));
const golden = JSON.parse(readFileSync(file, 'utf8')) as {
  readonly t5: readonly Buckets[];
  readonly deberta: readonly Buckets[];
  readonly rotary: readonly RotaryRows[];
};

const FARTHEST = 4096;
const DISTANCES = Int32Array.from({ length: 2 * FARTHEST + 1 }, (_, i) => i - FARTHEST);

/** Bucket of each distance from 0. */
function unfold({ starts }: Buckets): number[] {
  const list: number[] = [];
  starts.forEach(([first, bucket], i) => {
    const end = starts[i + 1]?.[0] ?? FARTHEST + 1;
    for (let d = first; d < end; d++) list.push(bucket);
  });
  return list;
}

function floats(text: string): Float32Array {
  const bytes = Uint8Array.from(Buffer.from(text, 'base64'));
  return new Float32Array(bytes.buffer);
}

describe('buckets of distances', () => {
  // 100: most distances are beyond the table that the constructor makes.
  it.each([100, 8192])('of T5 are those of transformers, texts of %i tokens', (longest) => {
    for (const set of golden.t5) {
      const behind = unfold(set);
      const want = [...DISTANCES].map((d) =>
        d > 0 ? at(behind, d) + set.buckets / 2 : at(behind, -d),
      );
      const got = positions.t5Rows(set.buckets, set.maxDistance, longest, DISTANCES);
      expect([...got], `${set.buckets} of ${set.maxDistance}`).toEqual(want);
    }
  });

  it.each([100, 8192])('of DeBERTa are those of transformers, texts of %i tokens', (longest) => {
    for (const set of golden.deberta) {
      const ahead = unfold(set);
      const want = [...DISTANCES].map((d) => {
        const bucket = d < 0 ? -at(ahead, -d) : at(ahead, d);
        return Math.min(Math.max(bucket + set.buckets, 0), 2 * set.buckets - 1);
      });
      const got = positions.disentangledRows(set.buckets, set.maxDistance, longest, DISTANCES);
      expect([...got], `${set.buckets} of ${set.maxDistance}`).toEqual(want);
    }
  });

  it('of DeBERTa without buckets are the distances themselves, clamped', () => {
    const got = positions.disentangledRows(0, 24, 100, DISTANCES);
    expect([...got]).toEqual([...DISTANCES].map((d) => Math.min(Math.max(d + 24, 0), 47)));
  });
});

describe('rotary tables', () => {
  it('are within 1e-6 of PyTorch up to position 8191', () => {
    for (const rows of golden.rotary) {
      const half = rows.dimensions / 2;
      const got = positions.rotary(rows.theta, rows.dimensions, 8192);
      expect(got.shared).toBe(true);
      const [cos, sin] = [floats(rows.cos), floats(rows.sin)];
      let worst = 0;
      rows.positions.forEach((position, row) => {
        for (let i = 0; i < half; i++) {
          const [ours, theirs] = [position * half + i, row * half + i];
          worst = Math.max(worst, Math.abs(at(got.cos, ours) - at(cos, theirs)));
          worst = Math.max(worst, Math.abs(at(got.sin, ours) - at(sin, theirs)));
        }
      });
      expect(worst, `theta ${rows.theta}`).toBeLessThan(1e-6);
    }
  });

  it('are the nearest floats of cosine and sine, one unit in 10000 values apart at most', () => {
    // Dimensions 2: the frequency is 1, the angle the position.
    const count = 200_000;
    const { cos, sin } = positions.rotary(10_000, 2, count);
    let off = 0;
    for (let p = 0; p < count; p++) {
      if (at(cos, p) !== Math.fround(Math.cos(p))) off++;
      if (at(sin, p) !== Math.fround(Math.sin(p))) off++;
    }
    expect(off).toBeLessThan(2 * count * 1e-4);
  });

  it('do not depend on how many positions were asked for', () => {
    const few = positions.rotary(160_000, 16, 600);
    const many = positions.rotary(160_000, 16, 5000);
    expectSameBits(many.cos.slice(0, few.cos.length), few.cos, 'cos');
    expectSameBits(many.sin.slice(0, few.sin.length), few.sin, 'sin');
  });

  it('have frequencies that fade to 0 for a huge theta', () => {
    const { cos, sin } = positions.rotary(1e300, 8, 4);
    expect(cos.every((v) => Math.abs(v) <= 1)).toBe(true);
    expect(at(sin, 3 * 4 + 3)).toBe(0);
  });
});
