/**
 * Where the files of this package lie: the addon, the embedded model, the worker threads.
 *
 * The rule: nothing else derives a path from `import.meta.url`, because the same source runs from lib/ (tests), from dist/ and from the bundle.
 * In each of them this module lies two folders below the package.
 */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SinterError } from './errors.js';

const BUNDLED =
  'the files of sinter are not beside its code, which a bundler has put into another file; name sinter as external, so that it stays in ' +
  'node_modules (esbuild: --external:sinter; webpack: externals)';

/** undefined in CommonJS that a bundler made. */
const OWN: string | undefined = import.meta.url;

function packageUrl(name: string): URL {
  if (OWN === undefined) throw new SinterError('DEVICE', BUNDLED);
  return new URL(`../../${name}`, OWN);
}

/** The path of a file or folder of this package, named from its root. Throws DEVICE where a bundler has left no place to count from. */
export function packageFile(name: string): string {
  return fileURLToPath(packageUrl(name));
}

/** Why the files of the package are not where its code is: a bundler has moved the code. null where they are. */
export function bundledCode(): string | null {
  try {
    const { name } = JSON.parse(readFileSync(packageFile('package.json'), 'utf8')) as JsonName;
    return name === 'sinter' ? null : BUNDLED;
  } catch {
    return BUNDLED;
  }
}

type JsonName = { readonly name?: unknown };

/** The compiled module of the worker thread `name`, as scripts/package/bundle.mjs writes it. */
export function workerFile(name: string): URL {
  return packageUrl(`dist/bundle/${name}.js`);
}

/** The version of this package, as in package.json: "0.1.0". */
export function packageVersion(): string {
  const text = readFileSync(packageFile('package.json'), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}
