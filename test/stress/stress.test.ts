/** A short stress run; `npm run stress` is the long one. The seed is fixed here, the timing of threads is not. */

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const path = fileURLToPath(new URL('run.mjs', import.meta.url));

it('nothing is wrong, lost or leaked when everything happens at once', async () => {
  const seconds = process.env.SINTER_STRESS_SECONDS ?? '8';
  const run = promisify(execFile)(process.execPath, [
    // The models of the run have new heads, which would be warned about.
    '--disable-warning=SINTER_UNTRAINED_HEAD',
    path,
    ...['--seconds', seconds, '--seed', '4', '--json'],
  ]);
  const { stdout, stderr } = await run.catch((error) => error);
  expect(stderr).toBe('');
  const { ends, faults } = JSON.parse(stdout);
  expect(faults).toEqual([]);
  // Calls must have ended in each of these ways.
  for (const end of ['done', 'CANCELLED', 'OVERLOADED', 'DISPOSED']) {
    expect(ends[end], end).toBeGreaterThan(0);
  }
}, 180_000);
