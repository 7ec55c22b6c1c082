// Looks at a built core: its kind, its processor, what it exports, and what it needs of the system.
import { readLibrary } from './binary.mjs';

/** The newest glibc whose functions may be used: that of Debian 10, Ubuntu 18.10, RHEL 8, which Node.js itself needs. */
const GLIBC = [2, 28];
const ENTRY = 'napi_register_module_v1';
/** Libraries that not every machine has. */
const FOREIGN = /libstdc\+\+|libc\+\+(?!\.1\.dylib)|libc\+\+abi|libgcc|libunwind/;

/** What is told of a file in a line. Throws Error where it is not what its package needs. */
export function checkBinary(file, { system, processor, libc }) {
  const found = readLibrary(file);
  if (found.system !== system || found.machine !== processor) {
    throw new Error(
      `${file} must be for ${system} ${processor}, got ${found.system} ${found.machine}`,
    );
  }
  if (!found.exports.includes(ENTRY)) throw new Error(`${file} does not export ${ENTRY}`);
  const foreign = found.libraries.filter((name) => FOREIGN.test(name));
  if (foreign.length > 0) throw new Error(`${file} needs ${foreign.join(', ')}`);
  // The linker signs it without a name, which is enough; a tool that changes the file afterwards takes the signature away.
  if (system === 'Darwin' && processor === 'arm64' && !found.isSigned) {
    throw new Error(`${file} must be signed: macOS ends a process on ARM64 that loads it unsigned`);
  }
  const needs = `needs ${found.libraries.join(', ') || 'no library'}`;
  return system === 'Linux' ? `${needs}; ${checkLibc(file, found, libc)}` : needs;
}

function checkLibc(file, { versions, libraries }, libc) {
  const newest = versions
    .flatMap((name) => {
      const [, major, minor] = /^GLIBC_(\d+)\.(\d+)/.exec(name) ?? [];
      return major === undefined ? [] : [[Number(major), Number(minor)]];
    })
    .sort(([a, b], [c, d]) => a - c || b - d)
    .at(-1);
  if (libc === 'musl') {
    if (newest !== undefined || libraries.includes('libc.so.6'))
      throw new Error(`${file} must be for musl, and asks for glibc`);
    return 'musl';
  }
  if (newest === undefined)
    throw new Error(`${file} must be for glibc, and asks for no version of it`);
  const [major, minor] = newest;
  if (major > GLIBC[0] || (major === GLIBC[0] && minor > GLIBC[1])) {
    throw new Error(`${file} must need glibc ${GLIBC.join('.')} at most, got ${major}.${minor}`);
  }
  return `glibc ${major}.${minor}`;
}
