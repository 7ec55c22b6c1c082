/** Dropout as training sees it: its rate, and that it depends on the seed and the place in the batch alone. */

import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../lib/graph/builder.js';
import type { NativeTrainer } from '../../lib/native/training.js';
import { expectSameBits } from '../kernels/native-test.js';
import { ADAMW, at, batchOf, engine, randomWeights, sealed, step, term, toyGraph } from './toy.js';

/** Every token of a batch reads a row of its own, so the gradient of the table is the mask itself. */
const WIDTH = 33;
const LENGTH = 50;

async function maskTrainer(tokens: number, probability: number): Promise<NativeTrainer> {
  const g = new GraphBuilder();
  const x = g.embedding([{ weight: 'table', rows: tokens, index: 'token' }], WIDTH, 'x');
  g.output('hidden', g.dropout(probability, x, 'y'));
  const graph = g.finish({ architecture: 'toy', maxTokens: 64, vocabulary: tokens, segments: 0 });
  const program = await sealed(graph, randomWeights(graph, 1), true);
  return new (engine().Trainer)(program, ADAMW);
}

/** The factor of every element of a batch of `tokens` tokens in texts of LENGTH. */
async function mask(
  trainer: NativeTrainer,
  tokens: number,
  dropoutSeed: number,
): Promise<Float32Array> {
  const ids = Int32Array.from({ length: tokens }, (_, i) => i);
  const offsets = Int32Array.from({ length: tokens / LENGTH + 1 }, (_, i) => i * LENGTH);
  const gradient = new Float32Array(tokens * WIDTH).fill(1);
  const loss = term('external', gradient, 'hidden');
  await step(trainer, { ids, offsets, segments: null }, loss, { dropoutSeed });
  return trainer.readGradient('table').subarray(0, tokens * WIDTH);
}

const share = (values: Float32Array, of: (i: number) => boolean) =>
  values.reduce((sum, _, i) => sum + (of(i) ? 1 : 0), 0) / values.length;

describe('dropout', () => {
  const TOKENS = 2000;

  it.each([0.1, 0.5, 0.9])('drops a share of %d and scales the rest', async (probability) => {
    const trainer = await maskTrainer(TOKENS, probability);
    const values = await mask(trainer, TOKENS, 1);
    const kept = Math.fround(1 / (1 - Math.fround(probability)));
    expect([...new Set(values)].sort((a, b) => a - b)).toEqual([0, kept]);
    // Five standard deviations.
    const deviation = Math.sqrt((probability * (1 - probability)) / values.length);
    const dropped = share(values, (i) => values[i] === 0);
    expect(Math.abs(dropped - probability)).toBeLessThan(5 * deviation);
  });

  it('draws columns, rows and seeds independently', async () => {
    const trainer = await maskTrainer(TOKENS, 0.5);
    const a = await mask(trainer, TOKENS, 1);
    const b = await mask(trainer, TOKENS, 2);
    const deviation = 0.5 / Math.sqrt(a.length);
    for (const distance of [1, 2, 16, WIDTH, 16 * WIDTH]) {
      const equal = share(a, (i) => a[i] === a[(i + distance) % a.length]);
      expect(Math.abs(equal - 0.5), `distance ${distance}`).toBeLessThan(5 * deviation);
    }
    expect(Math.abs(share(a, (i) => a[i] === b[i]) - 0.5)).toBeLessThan(5 * deviation);
    expectSameBits(await mask(trainer, TOKENS, 1), a, 'the same seed');
  });

  it('goes on through batches that are cut: no slice repeats another', async () => {
    const tokens = 10_000; // three slices
    const trainer = await maskTrainer(tokens, 0.5);
    const whole = (await mask(trainer, tokens, 3)).slice();
    for (const part of [2000, 4050, 6000]) {
      expectSameBits(await mask(trainer, part, 3), whole.subarray(0, part * WIDTH), `${part}`);
    }
    const deviation = 0.5 / Math.sqrt(1000 * WIDTH);
    for (const start of [4050, 4096, 8100]) {
      const later = whole.subarray(start * WIDTH, (start + 1000) * WIDTH);
      const equal = share(later, (i) => later[i] === whole[i]);
      expect(Math.abs(equal - 0.5), `from ${start}`).toBeLessThan(5 * deviation);
    }
  });

  it('of attention and layers does not see what comes later in the batch', async () => {
    const graph = toyGraph({ layers: 1, dropout: 0.4 });
    const weights = randomWeights(graph, 1);
    const program = await sealed(graph, weights, true);
    const trainer = new (engine().Trainer)(program, ADAMW);
    const long = batchOf(Array(90).fill(60), 5); // cut after 68 texts
    const first = at(long.offsets, 70);
    const part = {
      ids: long.ids.slice(0, first),
      offsets: long.offsets.slice(0, 71),
      segments: long.segments?.slice(0, first) ?? null,
    };
    const gradient = new Float32Array(long.ids.length * 24).fill(0.01, 0, first * 24);
    const output = 'hidden';
    await step(trainer, long, term('external', gradient, output), { dropoutSeed: 9 });
    const whole = new Map(graph.weights.map(({ name }) => [name, trainer.readGradient(name)]));
    const cut = gradient.slice(0, first * 24);
    await step(trainer, part, term('external', cut, output), { dropoutSeed: 9 });
    for (const [name, expected] of whole) {
      const ours = trainer.readGradient(name);
      // Adding zeros changes no bit but the sign of zero.
      expect(
        ours.every((value, i) => value === expected[i]),
        name,
      ).toBe(true);
    }
  });

  it('is off without a seed', async () => {
    const trainer = await maskTrainer(100, 0.5);
    const gradient = new Float32Array(100 * WIDTH).fill(1);
    const ids = Int32Array.from({ length: 50 }, (_, i) => i);
    const batch = { ids, offsets: Int32Array.of(0, 50), segments: null };
    const loss = term('external', gradient.subarray(0, 50 * WIDTH), 'hidden');
    await step(trainer, batch, loss);
    const values = trainer.readGradient('table').subarray(0, 50 * WIDTH);
    expect(values.every((value) => value === 1)).toBe(true);
  });
});
