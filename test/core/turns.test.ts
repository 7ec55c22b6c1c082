// Work in pieces: order, turns of the event loop between them, errors.
import { describe, expect, it } from 'vitest';
import {
  atOnce,
  importInTurns,
  inTurns,
  makeInTurns,
  type Steps,
  Turn,
} from '../../lib/core/turns.js';

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

/** Works so long without a turn. */
function busy(ms: number): void {
  const end = process.hrtime.bigint() + BigInt(ms) * 1_000_000n;
  while (process.hrtime.bigint() < end);
}

/** Three steps, each as long; what `looks` gives between them. */
function* steps(ms: number, looks: () => number): Steps<number[]> {
  const seen: number[] = [];
  for (let i = 0; i < 3; i++) {
    busy(ms);
    yield;
    seen.push(looks());
  }
  return seen;
}

describe('work in steps', () => {
  const counted = async <T>(work: (turns: () => number) => Promise<T>): Promise<T> => {
    let [turns, over] = [0, false];
    const count = () => {
      turns++;
      if (!over) setImmediate(count);
    };
    setImmediate(count);
    try {
      return await work(() => turns);
    } finally {
      over = true;
    }
  };

  it('lets the event loop turn where a step was long, or several together', async () => {
    const seen = await counted((turns) => inTurns(steps(3, turns)));
    expect(seen[0]).toBeGreaterThan(0);
    expect(seen[1]).toBeGreaterThan(seen[0] as number);
    const shared = await counted(async (turns) => {
      const turn = new Turn();
      const all: number[] = [];
      for (let i = 0; i < 4; i++) all.push(...(await inTurns(steps(1, turns), turn)));
      return all;
    });
    expect(shared.at(-1)).toBeGreaterThan(2);
  });

  it('does not turn at once, and ends with the first error', async () => {
    expect(await counted(async (turns) => atOnce(steps(3, turns)))).toEqual([0, 0, 0]);
    const failing = function* (): Steps<void> {
      yield;
      throw new Error('in the second step');
    };
    await expect(inTurns(failing())).rejects.toThrow('in the second step');
    expect(() => atOnce(failing())).toThrow('in the second step');
  });

  it('imports one after the other', async () => {
    const order: string[] = [];
    const load = (name: string) => async () => {
      order.push(`${name} begins`);
      await Promise.resolve();
      order.push(`${name} ends`);
    };
    await importInTurns([load('a'), load('b')]);
    expect(order).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
  });
});
