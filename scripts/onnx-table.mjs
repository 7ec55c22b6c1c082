/**
 * Imports every ONNX file of ../shared/fixtures/onnx/zoo, compares it with what was recorded, and writes the table in
 * docs/guide/onnx-import.md: who wrote the file, by architecture: imported, or refused why.
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
