// Finds the core that was made for this platform (@sinter/linux-x64 ...) beside an installed package, so that nothing is compiled.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';

/** Names of the packages for this platform; on Linux package managers install that of the C library. */
const packages = () => {
  const own = `@sinter/${process.platform}-${process.arch}`;
  return process.platform === 'linux' ? [own, `${own}-musl`] : [own];
};

/** Name of the installed package whose core loads; null where there is none. Loading is tried in another process: a damaged file may crash it. */
export function findPrebuilt() {
  const require = createRequire(import.meta.url);
  for (const name of packages()) {
    let path;
    try {
      path = require.resolve(`${name}/sinter.node`);
    } catch {
      continue;
    }
    const { status } = spawnSync(process.execPath, ['-e', 'require(process.argv[1])', path]);
    if (status === 0) return name;
    console.warn(`sinter: ${path} does not load on this machine`);
  }
  return null;
}
