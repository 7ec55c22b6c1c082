// What a bundler makes of a program with the package: named as external it works; bundled with it, it says so.
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { rolldown } from 'rolldown';
import { expect, it } from 'vitest';
import { repository, scratch } from './scratch.js';

const run = promisify(execFile);
const { dependencies } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as {
  readonly dependencies: Readonly<Record<string, string>>;
};
const PROGRAM = `import { Encoder } from 'sinter';
Encoder.load().then((encoder) => encoder.embed(['a text'])).then(({ cols }) => console.log(cols));`;

/** What a program prints once it is bundled. `format`: of the files. */
async function bundled(external: readonly string[], format: 'esm' | 'cjs') {
  const project = scratch({ 'package.json': '{ "private": true }', 'program.mjs': PROGRAM });
  mkdirSync(join(project, 'node_modules'));
  symlinkSync(repository, join(project, 'node_modules', 'sinter'));
  for (const name of Object.keys(dependencies)) {
    const link = join(project, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(repository, 'node_modules', name), link);
  }
  const build = await rolldown({
    input: join(project, 'program.mjs'),
    platform: 'node',
    // The packages that Sinter needs have native files of their own.
    external: (id) =>
      external.includes(id) ||
      (!id.startsWith('.') && !id.startsWith('/') && !id.startsWith('#') && id !== 'sinter'),
    onLog: () => {},
  });
  const [dir, extension] = [join(project, 'out'), format === 'esm' ? 'mjs' : 'cjs'];
  // rolldown makes a second file of some modules, although it is told not to divide the program.
  await build.write({
    ...{ dir, format, codeSplitting: false },
    ...{ entryFileNames: `program.${extension}`, chunkFileNames: `[name].${extension}` },
  });
  await build.close();
  return run(process.execPath, [join(dir, `program.${extension}`)]);
}

const REFUSAL =
  /SinterError: the files of sinter are not beside its code, .* name sinter as external/;

it('runs with the package outside of the file', async () => {
  expect((await bundled(['sinter'], 'esm')).stdout).toBe('384\n');
}, 60_000);

it.each(['esm', 'cjs'] as const)(
  'says that the package cannot be in the bundle: %s',
  async (format) => {
    await expect(bundled([], format)).rejects.toThrow(REFUSAL);
  },
  60_000,
);
