/**
 * Jobs, programs and threads while JavaScript goes on, stops, or throws things away. Everything runs in child
 * processes: what is tested here ends in a crash when it is wrong.
 */

import { describe, expect, it } from 'vitest';
import { child, sanitized } from './child.js';

const LONG = { timeout: 300_000 };

async function scene(name: string): Promise<unknown> {
  const { stdout, stderr, end } = await child('life', [name]);
  expect({ end, stderr }).toEqual({ end: 0, stderr: '' });
  return JSON.parse(stdout);
}

describe('jobs', LONG, () => {
  it('end well when their program is disposed', async () => {
    expect(await scene('dispose')).toEqual(Array(5).fill('done'));
  });

  it('keep what they use through garbage collection', async () => {
    expect(await scene('garbage')).toEqual(['done']);
  });

  it('are cancelled one by one, running or waiting', async () => {
    const endings = ['CANCELLED', 'CANCELLED', 'done'];
    // The waiting job does not wait for the running one.
    const order = ['waiting', 'running', 'other'];
    expect(await scene('cancel')).toEqual([...endings, order, 'done']);
  });

  it('that train change nothing when cancelled', async () => {
    expect(await scene('step')).toEqual(['CANCELLED', true, 'done', true]);
  });

  it('come in thousands at once', async () => {
    expect(await scene('crowd')).toEqual([true, true, true]);
  });

  it.skipIf(sanitized)(
    'leave the event loop free (not under a sanitizer: it is slow)',
    async () => {
      expect(await scene('turns')).toBeGreaterThan(100);
    },
  );

  it.skipIf(sanitized)(
    'do not make memory grow (not under a sanitizer: it keeps freed memory)',
    async () => {
      // Each call, program and step that leaked would add at least its own size, 60 MiB and more in total.
      expect(await scene('memory')).toBeLessThan(24);
    },
  );
});

describe('worker threads', LONG, () => {
  it('load and unload the addon in every state, 24 times', async () => {
    const { stdout, stderr, end } = await child('workers', ['24']);
    expect({ stdout, stderr, end }).toEqual({ stdout: 'done', stderr: '', end: 0 });
  });
});

describe('the process', LONG, () => {
  it.each([
    ['exit', 0],
    ['train', 0],
    ['throw', 1],
    ['wait', 0],
  ] as const)('ends on %s while jobs run', async (how, code) => {
    const delays = how === 'wait' ? ['0'] : ['0', '3', '10', '25'];
    for (const delay of delays) {
      const { stdout, stderr, end } = await child('exit', [how, delay]);
      expect({ stdout, end, stderr: code === 0 ? stderr : '' }).toEqual({
        stdout: 'busy',
        end: code,
        stderr: '',
      });
    }
  });
});
