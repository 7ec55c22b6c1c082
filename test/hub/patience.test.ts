/**
 * How often a failing transfer is tried again: gains count, but only above what was there before, and not for ever.
 *
 * Pauses are replaced for modules that are loaded anew, and for this file alone: others share the process.
 */

import { afterAll, beforeAll, expect, it, vi } from 'vitest';

let patiently: typeof import('../../lib/hub/patience.js').patiently;
let TransientError: typeof import('../../lib/hub/http.js').TransientError;

beforeAll(async () => {
  vi.resetModules();
  vi.doMock('node:timers/promises', () => ({ setTimeout: async () => {} }));
  ({ patiently } = await import('../../lib/hub/patience.js'));
  ({ TransientError } = await import('../../lib/hub/http.js'));
});

afterAll(() => {
  vi.doUnmock('node:timers/promises');
  vi.resetModules();
});

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

it('gives up after consecutive failures that gain no byte', async () => {
  expect(await tries(() => 0)).toBe(5);
  expect(await tries((tried) => Math.min(tried, 10))).toBe(14);
});

it('does not count bytes that were there before', async () => {
  expect(await tries((tried) => (tried % 2) * 1000)).toBe(5);
});

it('ends also when every try gains a little', async () => {
  expect(await tries((tried) => tried)).toBe(100);
});
