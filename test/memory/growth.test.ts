/**
 * Nothing grows: ten thousand calls, and two hundred models that come and go, in a process of their own.
 *
 * A leak of 1 KB a native call, of 5 KB an embed or of a tenth of a small model a load would show. The bounds on whole
 * calls are wider because the tokenizer's heap settles late: it was at 76 MB after 5,000 calls, 88 after 10,000, 89 after 20,000.
 */

import { platform } from 'node:os';
import { describe, expect, it } from 'vitest';
import { child } from '../models/child.js';

interface Sample {
  /** Resident memory outside of V8's heap. */
  readonly outside: number;
  readonly external: number;
  readonly heap: number;
  readonly resources: number;
  readonly weights: number;
}

describe.skipIf(platform() !== 'linux')('a process that works for long (needs Linux)', () => {
  it('does not grow over 10,000 native calls', async () => {
    const { half, full } = (await child('../../memory/children/growth.mjs', ['runs'])) as {
      readonly half: Sample;
      readonly full: Sample;
    };
    expect(full.outside - half.outside).toBeLessThan(5e6);
    expect(full.heap - half.heap).toBeLessThan(1e6);
    expect(full.external - half.external).toBeLessThan(1e6);
    expect(full.resources).toBe(half.resources);
  }, 120_000);

  it('does not grow over 10,000 calls', async () => {
    const { half, full } = (await child('../../memory/children/growth.mjs', ['calls'])) as {
      readonly half: Sample;
      readonly full: Sample;
    };
    expect(full.outside - half.outside).toBeLessThan(25e6);
    expect(full.heap - half.heap).toBeLessThan(1e6);
    expect(full.external - half.external).toBeLessThan(1e6);
    expect(full.resources).toBe(half.resources);
    expect(full.weights).toBe(half.weights);
  }, 120_000);

  it('does not grow over 100 models that are loaded, used and disposed after 200 others', async () => {
    const { half, full } = (await child('../../memory/children/growth.mjs', ['models'])) as {
      readonly half: Sample;
      readonly full: Sample;
    };
    expect(full.weights).toBe(0);
    // A small model and its tokenizer are about 1 MB.
    expect(full.outside - half.outside).toBeLessThan(10e6);
    expect(full.heap - half.heap).toBeLessThan(2e6);
    expect(full.external - half.external).toBeLessThan(1e6);
    expect(full.resources).toBe(half.resources);
  }, 120_000);
});
