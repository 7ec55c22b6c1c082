/**
 * Where the native core is: compiled in this package, or in the package that was made for this platform.
 *
 * The rule: what was compiled here goes first, because it was meant for this machine.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { packageFile } from '../core/package-files.js';

/** Platforms that a prebuilt package is made for; those of Linux are told apart by the C library. */
const PREBUILT = [
  'linux-x64',
  'linux-arm64',
  'linux-x64-musl',
  'darwin-arm64',
  'darwin-x64',
  'win32-x64',
] as const;

/** A file that may be the core. */
export interface CoreFile {
  readonly path: string;
  /** Name of the package that it is in; null: SINTER_NATIVE, or compiled here. */
  readonly package: string | null;
}

/** Names of the packages with a core for a platform: on Linux one for each C library, of which package managers install one. */
export function prebuiltPackages(platform: string, arch: string): readonly string[] {
  const own = `${platform}-${arch}`;
  return PREBUILT.filter((name) => name === own || name === `${own}-musl`).map(
    (name) => `@sinter/${name}`,
  );
}

/** The files that there are, in the order in which they are tried; the place of a compiled one where there is none. */
export function coreFiles(): readonly CoreFile[] {
  const named = process.env.SINTER_NATIVE;
  if (named !== undefined) return [{ path: named, package: null }];
  const compiled = packageFile('build/Release/sinter.node');
  if (existsSync(compiled)) return [{ path: compiled, package: null }];
  const require = createRequire(import.meta.url);
  const found = prebuiltPackages(process.platform, process.arch).flatMap((name) => {
    try {
      return [{ path: require.resolve(`${name}/sinter.node`), package: name }];
    } catch {
      return [];
    }
  });
  return found.length > 0 ? found : [{ path: compiled, package: null }];
}
