/**
 * Runs a script of test/models/children in a Node process of its own, against the compiled library in dist/.
 *
 * Lanes and the instruction set are fixed for a process, and memory is only measured cleanly in a fresh one.
 */

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The JSON that the script prints, or the code and message of its error. */
export async function child(
  script: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  const library = fileURLToPath(new URL('../../dist/index.js', import.meta.url));
  if (!existsSync(library)) throw new Error('dist/ is missing: run `npm run build` first');
  const path = fileURLToPath(new URL(`./children/${script}`, import.meta.url));
  const { stdout } = await run(process.execPath, ['--expose-gc', path, ...args], {
    env: { ...process.env, ...env },
    maxBuffer: 1 << 24,
  });
  return JSON.parse(stdout);
}
