/** Thousands of spoiled graphs and calls: refused with a code or run, never a crash. */

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROUNDS = 4000;

it(`refuses or runs ${ROUNDS} spoiled models`, { timeout: 300_000 }, () => {
  const script = fileURLToPath(new URL('fuzz.mjs', import.meta.url));
  const { stdout, stderr, status, signal } = spawnSync(process.execPath, [script, `${ROUNDS}`], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  // The last line of stderr is the seed of the round that ended the process.
  expect({ status, signal, seed: stderr.slice(-1500) }).toMatchObject({ status: 0, signal: null });
  const result = JSON.parse(stdout) as { accepted: number; refused: number; failures: string[] };
  expect(result.failures).toEqual([]);
  expect(result.accepted).toBeGreaterThan(ROUNDS / 20);
  expect(result.refused).toBeGreaterThan(ROUNDS / 20);
});
