// makeInTurns: order, turns between pieces, errors.
import { describe, expect, it } from 'vitest';
import { makeInTurns } from '../../lib/core/turns.js';

describe('makeInTurns', () => {
  it('makes all in order, so many between two turns of the event loop', async () => {
    let turns = 0;
    let over = false;
    const count = () => {
      turns++;
      if (!over) setImmediate(count);
    };
    setImmediate(count);
    const made = await makeInTurns(10, 4, (i) => ({ i, turns }));
    over = true;
    expect(made.map(({ i }) => i)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const at = made.map((one) => one.turns);
    for (const i of [1, 2, 3, 5, 6, 7, 9]) expect(at[i]).toBe(at[i - 1]);
    for (const i of [4, 8]) expect(at[i]).toBeGreaterThan(at[i - 1] ?? Number.NaN);
  });

  it('of no items is empty', async () => {
    expect(await makeInTurns(0, 1, () => 1)).toEqual([]);
  });
});
