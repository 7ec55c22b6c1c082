/**
 * Where the files of this package lie: the addon, the embedded model, the worker threads.
 *
 * The rule: nothing else derives a path from `import.meta.url`, because the same source runs from lib/ (tests), from dist/ and from the bundle.
 * In each of them this module lies two folders below the package.
 */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const PACKAGE = new URL('../../', import.meta.url);

/** The path of a file or folder of this package, named from its root. */
export function packageFile(name: string): string {
  return fileURLToPath(new URL(name, PACKAGE));
}

/** The compiled module of the worker thread `name`, as scripts/package/bundle.mjs writes it. */
export function workerFile(name: string): URL {
  return new URL(`dist/bundle/${name}.js`, PACKAGE);
}

/** The version of this package, as in package.json: "0.1.0". */
export function packageVersion(): string {
  const text = readFileSync(packageFile('package.json'), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}
