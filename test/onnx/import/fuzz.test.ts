/**
 * Some cases of the fuzzer (`scripts/fuzz-onnx.mjs`): damaged files are imported or refused, never anything else.
 */

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

it('damaged files are refused in time and in little memory', async () => {
  const files = join(ROOT, 'test/fixtures/onnx/zoo');
  const script = join(ROOT, 'scripts/fuzz-onnx.mjs');
  const length = ['--cases', '60', '--seconds', '50', '--seed', '2026'];
  const arguments_ = [script, '--json', ...length, '--files', files];
  const { stdout } = await promisify(execFile)(process.execPath, arguments_).catch(
    (error: { stdout: string }) => error,
  );
  const report = JSON.parse(stdout) as Record<string, number> & { broken: unknown[] };
  expect(report.broken).toEqual([]);
  expect(report.cases).toBeGreaterThan(20);
  expect(report.CORRUPT_MODEL).toBeGreaterThan(10);
  expect(report.read).toBeGreaterThan(0);
}, 90_000);
