// Bundles suites into files that Node runs by itself: vitest has parts that are compiled for this machine.
import { join } from 'node:path';
import { rolldown } from 'rolldown';

/** Bundles `names` of test/kernels of `root` into `folder`; gives the paths. */
export async function bundleSuites(root, folder, names) {
  const files = [];
  for (const name of names) {
    const bundle = await rolldown({
      input: join(root, 'test', 'kernels', `${name}.test.ts`),
      platform: 'node',
      resolve: { alias: { vitest: join(import.meta.dirname, 'vitest.mjs') } },
      logLevel: 'silent',
      external: [/^node:/],
    });
    const file = join(folder, `${name}.mjs`);
    await bundle.write({ file, format: 'esm', codeSplitting: false });
    await bundle.close();
    files.push(file);
  }
  return files;
}
