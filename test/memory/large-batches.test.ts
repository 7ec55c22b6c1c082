/**
 * A batch of any size: its texts go through the encoder in slices, forward and once more forward and backward, so memory grows
 * by the vectors of the batch and not by its activations.
 *
 * 1,024 pairs of two texts of some 50 tokens have about 1 MB of vectors and gradients here, and 0.5 MB of token ids. The values
 * that backward needs are about 4 KB a token: 400 MB for all texts at once, 16 for a slice of 4,096 tokens.
 */

import { platform } from 'node:os';
import { describe, expect, it } from 'vitest';
import { child } from '../models/child.js';

describe.skipIf(platform() !== 'linux')('a step of 1,024 pairs (needs Linux)', () => {
  it('takes little more memory than one of 32', async () => {
    const script = '../../memory/children/large-batches.mjs';
    const { growth } = (await child(script, ['1024'])) as { readonly growth: number };
    expect(growth).toBeLessThan(25e6);
  }, 120_000);
});
