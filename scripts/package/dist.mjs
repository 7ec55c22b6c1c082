// Makes dist/ of a checkout: lib/ compiled and bundled, the declarations in one file, and the charts library that reports draw with.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');
const require = createRequire(import.meta.url);

/** The folder of an installed package. */
function folderOf(name) {
  return dirname(require.resolve(`${name}/package.json`));
}

/** One minified file instead of 70 MB of packages, with the licences that it is under (package.json, `imports`). */
function copyCharts() {
  const out = join(root, 'dist', 'vendor', 'echarts');
  mkdirSync(out, { recursive: true });
  const echarts = folderOf('echarts');
  const zrender = dirname(
    createRequire(join(echarts, 'package.json')).resolve('zrender/package.json'),
  );
  cpSync(join(echarts, 'dist', 'echarts.esm.min.mjs'), join(out, 'echarts.mjs'));
  for (const name of ['LICENSE', 'NOTICE']) cpSync(join(echarts, name), join(out, name));
  cpSync(join(echarts, 'licenses'), join(out, 'licenses'), { recursive: true });
  cpSync(join(zrender, 'LICENSE'), join(out, 'LICENSE-zrender'));
}

/** Does nothing where the packages for development are not installed. */
export async function buildDist() {
  try {
    require.resolve('typescript/package.json');
  } catch {
    console.warn('sinter: typescript is not installed, dist/ is left as it is');
    return;
  }
  const tsc = join(folderOf('typescript'), 'bin', 'tsc');
  const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(status ?? 1);
  copyCharts();
  const { bundle } = await import('./bundle.mjs');
  await bundle(root);
  const { bundleDeclarations } = await import('./declarations.mjs');
  bundleDeclarations(root);
}
