/**
 * Says why the native core is not there and how to get it: package managers that run install scripts only of packages that are
 * named differ in how one names them.
 */

import { existsSync } from 'node:fs';
import { join, sep } from 'node:path';
import { type CoreFile, prebuiltPackages } from './core-file.js';

const NEEDED = 'a C++20 compiler, make, and CMake or Python 3 are needed';

/** What is wrong with the core in a file, which `require` refused with `cause`, in one line. */
export function coreProblem({ path, package: name }: CoreFile, cause: unknown): string {
  const { code, message = String(cause) } = cause as { code?: string; message?: string };
  if (code === 'MODULE_NOT_FOUND') {
    const others = prebuiltPackages(process.platform, process.arch);
    const instead = others.length === 0 ? '' : `, and ${others.join(' or ')} is not installed`;
    return `the native core was not compiled: ${path} is missing${instead}`;
  }
  // Node's message goes on with the modules that wanted it.
  const [first = ''] = message.split('\n');
  if (name === null) return `the native core could not be loaded from ${path}: ${first}`;
  const { platform, arch } = process;
  return `the native core of ${name} could not be loaded on ${platform} ${arch} from ${path}: ${first}`;
}

/** How to compile the core of the package in `folder`, by what the package manager leaves around it. */
export function compileHint(folder: string): string {
  const project = folder.slice(0, Math.max(0, folder.lastIndexOf(`${sep}node_modules${sep}`)));
  if (folder.split(sep).includes('.pnpm')) {
    return `run \`pnpm approve-builds\` and choose sinter (${NEEDED})`;
  }
  if (existsSync(join(project, 'node_modules', '.yarn-state.yml'))) {
    const setting = '"dependenciesMeta": { "sinter": { "built": true } }';
    return `put ${setting} into package.json and run \`yarn install\` (${NEEDED})`;
  }
  return `run \`npm rebuild sinter --foreground-scripts\` (${NEEDED})`;
}
