/**
 * Where the native core is: compiled in this package, or in the package that was made for this platform.
 *
 * The rule: what was compiled here goes first, because it was meant for this machine.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { packageFile } from '../core/package-files.js';
import { readBinary } from './core-binary.js';

/** Platforms that a prebuilt package is made for (scripts/prebuild/platforms.mjs). */
const PREBUILT = [
  'linux-x64',
  'linux-arm64',
  'linux-x64-musl',
  'darwin-arm64',
  'darwin-x64',
  'win32-x64',
];

/** The C library that a program of Linux uses; null on other systems. */
export type Libc = 'glibc' | 'musl' | null;

/** A file that may be the core. */
export interface CoreFile {
  readonly path: string;
  /** Name of the package that it is in; null: SINTER_NATIVE, or compiled here. */
  readonly package: string | null;
}

/** The name of the package with a core for a platform; null where none is made. */
export function prebuiltPackage(platform: string, arch: string, libc: Libc): string | null {
  const name = `${platform}-${arch}${libc === 'musl' ? '-musl' : ''}`;
  return PREBUILT.includes(name) ? `@sinter/${name}` : null;
}

/** The C library of this process. The loader that its program names tells it in the time of one read; a report takes longer. */
export function hostLibc(): Libc {
  if (process.platform !== 'linux') return null;
  const named = interpreterOf(process.execPath);
  if (named?.includes('ld-musl')) return 'musl';
  if (named?.includes('ld-linux')) return 'glibc';
  const { header } = process.report.getReport() as unknown as {
    readonly header: { readonly glibcVersionRuntime?: string };
  };
  return header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
}

function interpreterOf(program: string): string | null {
  try {
    return readBinary(program).binary?.interpreter ?? null;
  } catch {
    return null;
  }
}

/** The core in a package that is installed beside this one; null where it is not installed. */
export function installedCore(name: string): CoreFile | null {
  try {
    const { resolve } = createRequire(packageFile('package.json'));
    return { path: resolve(`${name}/sinter.node`), package: name };
  } catch {
    return null;
  }
}

/** The file that is the core: that of SINTER_NATIVE, else the compiled one, else that of the package for this platform. */
export function coreFile(): CoreFile {
  const named = process.env.SINTER_NATIVE;
  if (named !== undefined) return { path: named, package: null };
  const compiled: CoreFile = { path: packageFile('build/Release/sinter.node'), package: null };
  if (existsSync(compiled.path)) return compiled;
  const name = prebuiltPackage(process.platform, process.arch, hostLibc());
  return (name === null ? null : installedCore(name)) ?? compiled;
}
