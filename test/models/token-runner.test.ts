/**
 * The way in below the public API that the benches take: it must compute what `embed` computes.
 */
import { describe, expect, it } from 'vitest';
import { Encoder } from '../../lib/index.js';
import { tokenRunner } from '../../lib/models/token-runner.js';

const TEXTS = ['a story', 'the film was good and long', 'x'];

describe('tokenRunner', () => {
  it('gives the bits of embed, for any token budget', async () => {
    await using encoder = await Encoder.load();
    const expected = await encoder.embed(TEXTS);
    const runner = tokenRunner(encoder, 'embedding');
    expect(runner.width).toBe(encoder.dimensions);
    const tokens = await runner.tokenize(TEXTS);
    for (const tokenBudget of [1, 8, 4096]) {
      const data = new Float32Array(TEXTS.length * runner.width);
      await runner.run(tokens, data, { tokenBudget });
      expect(data).toEqual(expected.data);
    }
  });

  it('cuts at the length that is asked for', async () => {
    await using encoder = await Encoder.load();
    const { offsets } = await tokenRunner(encoder, 'embedding').tokenize(TEXTS, 4);
    expect([...offsets]).toEqual([0, 4, 8, 11]);
  });

  it('throws DISPOSED once the model is disposed', async () => {
    const encoder = await Encoder.load();
    const runner = tokenRunner(encoder, 'embedding');
    const tokens = await runner.tokenize(TEXTS);
    await encoder.dispose();
    const data = new Float32Array(TEXTS.length * runner.width);
    await expect(runner.run(tokens, data)).rejects.toMatchObject({ code: 'DISPOSED' });
  });
});
