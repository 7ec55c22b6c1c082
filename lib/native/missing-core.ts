/**
 * Says why the native core is not there and how to get it: package managers that run install scripts only of packages that are
 * named differ in how one names them.
 */

import { existsSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { type BinaryFile, readBinary } from './core-binary.js';
import { type CoreFile, hostLibc, installedCore, prebuiltPackage } from './core-file.js';

const NEEDED = 'a C++20 compiler, make, and CMake or Python 3 are needed';

/** The system that a core must be for. */
export interface Host {
  readonly platform: string;
  readonly arch: string;
}

const named = ({ path, package: name }: CoreFile) =>
  name === null ? `the native core at ${path}` : `the native core of ${name} at ${path}`;

/** Why the file of a core must not be loaded, in one line; null where nothing is wrong, or the file is not there. */
export function coreDamage(file: CoreFile, host: Host = process): string | null {
  let found: BinaryFile;
  try {
    found = readBinary(file.path);
  } catch {
    return null; // `require` says why it cannot be read
  }
  const { size, binary } = found;
  if (binary === null) return `${named(file)} is damaged: its ${size} bytes are no native library`;
  const { platform, arch, needed } = binary;
  if (size < needed) return `${named(file)} is damaged: it has ${size} of ${needed} bytes`;
  if (platform === host.platform && arch === host.arch) return null;
  return `${named(file)} was made for ${platform} ${arch}, and this Node.js is for ${host.platform} ${host.arch}`;
}

/** What is wrong with the core in a file, which `require` refused with `cause`, in one line. */
export function coreProblem(file: CoreFile, cause: unknown): string {
  const { code, message = String(cause) } = cause as { code?: string; message?: string };
  if (code === 'MODULE_NOT_FOUND') return missing(file.path);
  const host = hostLibc();
  const made = libcOf(file.path);
  if (host !== null && made !== null && made !== host) {
    return `${named(file)} was made for ${made}, and this Node.js uses ${host}`;
  }
  // Node's message goes on with the modules that wanted it.
  const [first = ''] = message.split('\n');
  return `${named(file)} could not be loaded: ${first}`;
}

/** What is there where no core is: perhaps a package for the other C library, as node_modules of another system have. */
function missing(path: string): string {
  const what = `the native core was not compiled: ${path} is missing`;
  const { platform, arch } = process;
  const libc = hostLibc();
  const name = prebuiltPackage(platform, arch, libc);
  if (name === null || process.env.SINTER_NATIVE !== undefined) return what;
  const other = prebuiltPackage(platform, arch, libc === 'musl' ? 'glibc' : 'musl');
  const foreign = other !== null && libc !== null && installedCore(other) !== null;
  const instead = foreign ? ` (${other} is, and this Node.js uses ${libc})` : '';
  return `${what}, and ${name} is not installed${instead}`;
}

/** The C library that a library of Linux asks for by name; null where it asks for none. */
function libcOf(path: string): 'glibc' | 'musl' | null {
  try {
    const bytes = readFileSync(path);
    if (bytes.includes('\0libc.so.6\0')) return 'glibc';
    return bytes.includes('\0libc.so\0') || bytes.includes('\0libc.musl-') ? 'musl' : null;
  } catch {
    return null;
  }
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
