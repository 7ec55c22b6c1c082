// Batches without duplicates: no text twice in a batch, every row once in an epoch, the number of batches known beforehand.
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../lib/core/random.js';
import { Sampler } from '../../lib/train/batches.js';

function epoch(texts: readonly (readonly number[])[], batchSize: number, seed: number): number[][] {
  const numbers = texts.map((row) => Int32Array.from(row));
  const plan = {
    batchSize,
    shuffle: true,
    groupByLength: false,
    textsOf: (row: number) => numbers[row] ?? new Int32Array(),
  };
  const sampler = new Sampler(texts.length, plan, () => 1);
  sampler.begin(new SeededRandom(seed));
  const batches: number[][] = [];
  for (let rows = sampler.next(); rows !== undefined; rows = sampler.next())
    batches.push([...rows]);
  expect(batches).toHaveLength(sampler.batchCount);
  expect(sampler.rows).toBe(batches.flat().length);
  for (const batch of batches) {
    expect(batch.length).toBeLessThanOrEqual(batchSize);
    const all = batch.flatMap((row) => [...new Set(texts[row])]);
    expect(new Set(all).size).toBe(all.length);
  }
  return batches;
}

const everyRow = (rows: number) => Array.from({ length: rows }, (_, row) => row);
const sorted = (batches: readonly number[][]) => batches.flat().sort((a, b) => a - b);

describe('a sampler without duplicates', () => {
  it('cuts different texts into as many batches as any sampler', () => {
    const texts = everyRow(103).map((row) => [2 * row, 2 * row + 1]);
    const batches = epoch(texts, 10, 1);
    expect(batches).toHaveLength(11);
    expect(sorted(batches)).toEqual(everyRow(103));
  });

  it.each([1, 2, 3, 4, 5])('keeps texts that occur often apart (seed %i)', (seed) => {
    const random = new SeededRandom(seed);
    // Twenty anchors with ten positives each, some of which are shared.
    const texts = everyRow(200).map((row) => [row % 20, 100 + random.below(150)]);
    expect(sorted(epoch(texts, 16, seed))).toEqual(everyRow(200));
  });

  it('puts a text that every row has into as many batches as there are rows', () => {
    const texts = everyRow(7).map((row) => [99, row]);
    expect(epoch(texts, 4, 1)).toHaveLength(7);
  });

  it('lets a row hold a text twice', () => {
    expect(
      epoch(
        [
          [1, 1],
          [2, 2],
        ],
        2,
        1,
      ),
    ).toHaveLength(1);
  });

  it('repeats with the seed and differs with another one', () => {
    const texts = everyRow(40).map((row) => [row % 8, 100 + row]);
    expect(epoch(texts, 6, 3)).toEqual(epoch(texts, 6, 3));
    expect(epoch(texts, 6, 3)).not.toEqual(epoch(texts, 6, 4));
  });
});
