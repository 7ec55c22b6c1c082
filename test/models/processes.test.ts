/**
 * What needs a process of its own: memory while loading, worker threads that come and go, the number of lanes.
 */

import { platform } from 'node:os';
import { describe, expect, it } from 'vitest';
import { child } from './child.js';

describe('a process', () => {
  it.skipIf(platform() !== 'linux')(
    'grows by less than 1.3 times the weights while they load (read from /proc on Linux)',
    async () => {
      const { tokenizerBytes, grown, residentBytes } = (await child('load-memory.mjs', [])) as {
        readonly tokenizerBytes: number;
        readonly grown: number;
        readonly residentBytes: number;
      };
      // 22.7 million weights, of which the 11.9 million of the tables stay in f16.
      expect(residentBytes).toBeGreaterThan(66e6);
      expect(residentBytes).toBeLessThan(68e6);
      expect(grown).toBeGreaterThan(residentBytes);
      expect(grown).toBeLessThan(1.3 * residentBytes + tokenizerBytes);
    },
    60_000,
  );

  it('lets worker threads load, embed and end, also in the middle of a call', async () => {
    const { expected, sums } = (await child('workers.mjs', [])) as {
      readonly expected: number;
      readonly sums: readonly number[];
    };
    expect(sums).toEqual(Array.from({ length: 9 }, () => expected));
  }, 60_000);

  it('embeds 100,000 texts in one call with little more memory than their vectors take', async () => {
    const found = (await child('many-texts.mjs', [])) as {
      readonly growthMb: number;
      readonly resultMb: number;
    };
    expect(found).toMatchObject({ rows: 100_000, wrong: -1 });
    // The tokens of all of them as JavaScript numbers would be over 100 MiB.
    expect(found.growthMb).toBeLessThan(found.resultMb + 64);
  }, 120_000);
});
