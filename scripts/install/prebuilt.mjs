// Finds the core that was made for this platform (@sinter/linux-x64 ...) beside an installed package, so that nothing is compiled.
// The rule: only what the package loads later counts: of this version, and for the C library of this process.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');
const versionIn = (folder) =>
  JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version;

function packageName() {
  const own = `@sinter/${process.platform}-${process.arch}`;
  if (process.platform !== 'linux') return own;
  const { header } = process.report.getReport();
  return header.glibcVersionRuntime === undefined ? `${own}-musl` : own;
}

/** Name of the installed package whose core loads; null where there is none. Loading is tried in another process: a damaged file may crash it. */
export function findPrebuilt() {
  const name = packageName();
  let path;
  try {
    path = createRequire(join(root, 'package.json')).resolve(`${name}/sinter.node`);
  } catch {
    return null;
  }
  const [own, theirs] = [versionIn(root), versionIn(dirname(path))];
  if (own !== theirs) {
    console.warn(`sinter: ${name} has version ${theirs}, and ${own} is needed`);
    return null;
  }
  const { status } = spawnSync(process.execPath, ['-e', 'require(process.argv[1])', path]);
  if (status === 0) return name;
  console.warn(`sinter: ${path} does not load on this machine`);
  return null;
}
