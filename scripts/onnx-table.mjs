/**
 * Imports every ONNX file of ../shared/fixtures/onnx/zoo, compares the result with the recorded one, and writes the table of
 * docs/guide/onnx-import.md: per writer and architecture, whether its files are imported or why they are refused.
 */

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const test = 'test/onnx/import/zoo-import.test.ts';
const { status } = spawnSync('npx', ['vitest', 'run', test], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, UPDATE_DOCS: '1' },
});
process.exitCode = status ?? 1;
