// Builds the addon (with CMake, else node-gyp) and compiles lib/ to dist/ and dist/bundle/.
//
//   node scripts/build.mjs [--native] [--ts] [--test] [--sanitize=address|thread]
//
// --native or --ts alone builds that half; --test adds sinter_test.node. SINTER_BUILD=cmake|gyp forces
// the build system, SINTER_WERROR=1 makes warnings errors, SINTER_JOBS sets the number of compilers.
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { BuildFailure, buildNative } from './install/native.mjs';
import { findPrebuilt } from './install/prebuilt.mjs';
import { MissingTool } from './install/tools.mjs';

// An installed package has no sources of dist/, and keeps no objects.
const isCheckout = existsSync(join(import.meta.dirname, '..', 'lib'));

const args = new Set(process.argv.slice(2));
const sanitize = [...args].find((arg) => arg.startsWith('--sanitize='))?.slice(11);
const both = !args.has('--native') && !args.has('--ts');

try {
  // An installed package compiles nothing where it came with a core for this platform, unless it is told how to.
  const prebuilt = isCheckout || process.env.SINTER_BUILD ? null : findPrebuilt();
  if (prebuilt !== null) console.log(`sinter: the native core is that of ${prebuilt}`);
  else if (both || args.has('--native')) {
    const jobs = Number(process.env.SINTER_JOBS) || availableParallelism();
    const keepObjects = isCheckout || process.env.SINTER_KEEP_OBJECTS === '1';
    buildNative({ test: args.has('--test'), sanitize, jobs, keepObjects });
  }
  if (isCheckout && args.has('--test')) {
    const { unpackFixtures } = await import('./fixtures.mjs');
    unpackFixtures();
  }
  if (isCheckout && ((both && !sanitize) || args.has('--ts'))) {
    const { buildDist } = await import('./package/dist.mjs');
    await buildDist();
  }
} catch (error) {
  if (!(error instanceof MissingTool || error instanceof BuildFailure)) throw error;
  console.error(`sinter: ${error.message}.`);
  process.exitCode = 1;
}
