// What a bundler makes of a program with the package: named as external it works; put into one file with it, it says so.
import { execFile } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { rolldown } from 'rolldown';
import { expect, it } from 'vitest';
import { repository, scratch } from './scratch.js';

const run = promisify(execFile);
const PROGRAM = `import { Encoder } from 'sinter';
Encoder.load().then((encoder) => encoder.embed(['a text'])).then(({ cols }) => console.log(cols));`;

/** What a program prints once it is one file. `format`: of that file. */
async function bundled(external: readonly string[], format: 'esm' | 'cjs') {
  const project = scratch({ 'package.json': '{ "private": true }', 'program.mjs': PROGRAM });
  mkdirSync(join(project, 'node_modules'));
  symlinkSync(repository, join(project, 'node_modules', 'sinter'));
  const build = await rolldown({
    input: join(project, 'program.mjs'),
    platform: 'node',
    // The packages that Sinter needs have native files of their own.
    external: (id) =>
      external.includes(id) ||
      (!id.startsWith('.') && !id.startsWith('/') && !id.startsWith('#') && id !== 'sinter'),
    onLog: () => {},
  });
  const file = join(project, 'out', format === 'esm' ? 'program.mjs' : 'program.cjs');
  await build.write({ file, format, codeSplitting: false });
  await build.close();
  return run(process.execPath, [file]);
}

const REFUSAL =
  /SinterError: the files of sinter are not beside its code, .* name sinter as external/;

it('runs with the package outside of the file', async () => {
  expect((await bundled(['sinter'], 'esm')).stdout).toBe('384\n');
}, 60_000);

it.each(['esm', 'cjs'] as const)(
  'says that the package cannot be in the file: %s',
  async (format) => {
    await expect(bundled([], format)).rejects.toThrow(REFUSAL);
  },
  60_000,
);
