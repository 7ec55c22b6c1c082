/**
 * Some cases of the fuzzer (`scripts/fuzz-tokenizers.mjs`): damaged tokenizer files load or are refused; no process ends or hangs.
 */

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

it('damaged tokenizers of eleven kinds load or are refused, in time and in little memory', async () => {
  const script = join(ROOT, 'scripts/fuzz-tokenizers.mjs');
  const length = ['--cases', '300', '--seconds', '50', '--seed', '2026'];
  const { stdout } = await promisify(execFile)(process.execPath, [
    script,
    '--json',
    ...length,
  ]).catch((error: { stdout: string }) => error);
  const report = JSON.parse(stdout) as Record<string, number> & {
    broken: unknown[];
    kinds: object;
  };
  expect(report.broken).toEqual([]);
  expect(Object.keys(report.kinds)).toHaveLength(11);
  expect(report.cases).toBeGreaterThan(30);
  expect(report.loaded).toBeGreaterThan(10);
  expect(report.CORRUPT_MODEL).toBeGreaterThan(5);
  expect(report.UNSUPPORTED_MODEL).toBeGreaterThan(2);
}, 90_000);
