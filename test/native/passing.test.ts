/**
 * Urgent calls pass bulk calls and training steps between their operations: soon, with the same bits, without harm to
 * what they pass. Everything runs in child processes, as in life.test.ts.
 */

import { describe, expect, it } from 'vitest';
import { child, sanitized } from './child.js';

const LONG = { timeout: 300_000 };
const slow = sanitized ? ' (skipped: a sanitizer slows it down)' : '';

async function scene(name: string, lanes: number): Promise<unknown> {
  const { stdout, stderr, end } = await child('passing', [name, String(lanes)]);
  expect({ end, stderr }).toEqual({ end: 0, stderr: '' });
  return JSON.parse(stdout);
}

describe.each([1, 2, 3])('urgent calls on %i lanes', LONG, (lanes) => {
  it.each(['spread', 'shared', 'training'])('pass %s work, and no bit changes', async (name) => {
    const found = (await scene(name, lanes)) as { passed: number; wrong: number; bulk: boolean };
    expect(found).toMatchObject({ wrong: 0, bulk: true });
    // If urgent calls could not pass, the first one would end after the bulk work.
    expect(found.passed).toBeGreaterThan(2);
  });

  it('stay behind the steps of the program that they run', async () => {
    expect(await scene('order', lanes)).toEqual([false, true]);
  });

  it('are made by loading', async () => {
    expect(await scene('loading', lanes)).toEqual([true, true]);
  });

  it('leave bulk work its share', async () => {
    expect(await scene('flood', lanes)).toBe(true);
  });

  it('are cancelled one by one', async () => {
    expect(await scene('cancel', lanes)).toEqual({
      ends: ['CANCELLED', 'done'],
      kept: true,
      right: true,
      bulk: true,
    });
  });
});

describe('lanes', LONG, () => {
  it.skipIf(sanitized)(`are busy while they compute, and only then${slow}`, async () => {
    const { long, idle } = (await scene('busy', 2)) as { long: number[]; idle: number[] };
    expect(long).toHaveLength(2);
    for (const share of long) {
      expect(share).toBeGreaterThan(0.5);
      expect(share).toBeLessThanOrEqual(1);
    }
    expect(Math.max(...idle)).toBeLessThan(0.01);
  });

  it.skipIf(sanitized)(`use no CPU when idle${slow}`, async () => {
    // A lane that kept spinning would use 1000.
    expect(await scene('idle', 3)).toBeLessThan(20);
  });
});
