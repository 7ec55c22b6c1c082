// Looks at a built core: its kind, its processor, what it exports, and what it needs of the system.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** The newest glibc whose functions may be used: that of Debian 10, Ubuntu 18.10, RHEL 8. */
const GLIBC = [2, 28];
const ENTRY = 'napi_register_module_v1';

/** First bytes and processor by system: [offset, bytes as hex]. */
const KINDS = {
  'Linux x86_64': [
    [0, '7f454c46'],
    [18, '3e00'],
  ],
  'Linux aarch64': [
    [0, '7f454c46'],
    [18, 'b700'],
  ],
  'Darwin arm64': [[0, 'cffaedfe0c000001']],
  'Darwin x86_64': [[0, 'cffaedfe07000001']],
  'Windows AMD64': [[0, '4d5a']],
};

/** What is told of a file in a line. Throws Error where it is not what its package needs. */
export function checkBinary(file, { system, processor, libc }) {
  const bytes = readFileSync(file);
  for (const [at, hex] of KINDS[`${system} ${processor}`]) {
    const found = bytes.subarray(at, at + hex.length / 2).toString('hex');
    if (found !== hex)
      throw new Error(`${file} is not for ${system} ${processor}: ${found} at ${at}`);
  }
  if (!bytes.includes(ENTRY)) throw new Error(`${file} does not export ${ENTRY}`);
  if (system !== 'Linux') return `exports ${ENTRY}, was not run`;
  return `needs ${needs(file, libc)}`;
}

function needs(file, libc) {
  const { stdout: dynamic } = spawnSync('objdump', ['-p', file], { encoding: 'utf8' });
  const libraries = [...dynamic.matchAll(/NEEDED\s+(\S+)/g)].map(([, name]) => name);
  const others = libraries.filter((name) => /libstdc\+\+|libc\+\+|libgcc/.test(name));
  if (others.length > 0) throw new Error(`${file} needs ${others.join(', ')}`);
  const versions = [...dynamic.matchAll(/GLIBC_(\d+)\.(\d+)/g)].map(([, a, b]) => [
    Number(a),
    Number(b),
  ]);
  const newest = versions.sort(([a, b], [c, d]) => a - c || b - d).at(-1);
  if (libc === 'musl') {
    if (newest !== undefined) throw new Error(`${file} is for musl and asks for glibc`);
    return 'musl';
  }
  const [major = 0, minor = 0] = newest ?? [];
  if (major > GLIBC[0] || (major === GLIBC[0] && minor > GLIBC[1])) {
    throw new Error(`${file} needs glibc ${major}.${minor}, more than ${GLIBC.join('.')}`);
  }
  return `glibc ${major}.${minor}`;
}
