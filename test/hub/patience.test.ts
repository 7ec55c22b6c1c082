/**
 * How often a failing transfer is tried again: gains count, but only above what was there before, and not for ever.
 */

import { expect, it, vi } from 'vitest';
import { TransientError } from '../../lib/hub/http.js';
import { patiently } from '../../lib/hub/patience.js';

vi.mock('node:timers/promises', () => ({ setTimeout: async () => {} }));

/** The number of tries, where `bytes` says how many are there after each. */
async function tries(bytes: (tried: number) => number): Promise<number> {
  let tried = 0;
  const work = async () => {
    if (++tried > 1000) throw new Error('for ever');
    throw new TransientError('broke off');
  };
  const progress = async () => (tried === 0 ? 0 : bytes(tried));
  await expect(patiently(undefined, work, { progress })).rejects.toThrow('broke off');
  return tried;
}

it('gives up after failures in a row without a byte more', async () => {
  expect(await tries(() => 0)).toBe(5);
  expect(await tries((tried) => Math.min(tried, 10))).toBe(14);
});

it('does not count bytes that were there before', async () => {
  expect(await tries((tried) => (tried % 2) * 1000)).toBe(5);
});

it('ends also when every try gains a little', async () => {
  expect(await tries((tried) => tried)).toBe(100);
});
