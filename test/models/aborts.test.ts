// Every public call with a signal ends soon after an abort, wherever it is: in reading its texts, and in computing.
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { child } from './child.js';
import { leastOf, over } from './least-of.js';

/** The most milliseconds that the JavaScript thread may run between the abort and the rejection; the promise is as much in all. */
const MAX_MS = 100;

const measured = existsSync('/proc/self/schedstat');

interface Answer {
  readonly aborted: number;
  readonly others: readonly string[];
  readonly ranMs: number;
}

describe('an abort', () => {
  it.skipIf(!measured)(
    `ends every call${measured ? '' : ' (skipped: needs /proc/self/schedstat)'}`,
    async () => {
      const times = await leastOf(async () => {
        const calls = Object.entries(
          (await child('aborted-calls.mjs', ['1'])) as Record<string, Answer>,
        );
        // A call that had ended before the abort ends well; no other outcome is allowed.
        const others = calls.flatMap(([, one]) => one.others);
        expect(others.filter((end) => end !== 'done')).toEqual([]);
        expect(calls.filter(([, { aborted }]) => aborted === 0)).toEqual([]);
        return Object.fromEntries(calls.map(([name, { ranMs }]) => [name, ranMs]));
      }, MAX_MS);
      expect(times.size).toBeGreaterThan(20);
      expect(over(times, MAX_MS)).toEqual([]);
    },
    600_000,
  );
});
