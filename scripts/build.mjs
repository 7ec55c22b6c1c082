// Builds the addon (CMake through cmake-js where it is installed, else node-gyp) and compiles lib/ to dist/.
// Both systems write build/Release/sinter.node, stay incremental and download nothing.
//
//   node scripts/build.mjs [--native] [--ts] [--test] [--sanitize=address|thread]
//
// --native or --ts alone builds that half; --test adds sinter_test.node. SINTER_BUILD=cmake|gyp forces
// the build system, SINTER_WERROR=1 makes warnings errors, SINTER_JOBS sets the number of compilers.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const require = createRequire(join(root, 'package.json'));

/** Runs a program in the repository root; ends this process with its status when it fails. */
function run(command, args, env = process.env) {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', env });
  if (result.error) throw result.error;
  if (result.status !== 0) process.exit(result.status ?? 1);
}

/** The path of the script behind `command` of package `name`, to be run with node on every platform. */
function binary(name, command = name) {
  const manifest = require.resolve(`${name}/package.json`);
  const { bin } = JSON.parse(readFileSync(manifest, 'utf8'));
  return join(dirname(manifest), typeof bin === 'string' ? bin : bin[command]);
}

function chooseSystem() {
  const forced = process.env.SINTER_BUILD;
  if (forced === 'cmake' || forced === 'gyp') return forced;
  if (forced) throw new RangeError(`SINTER_BUILD must be cmake or gyp, got ${forced}`);
  const found = spawnSync('cmake', ['--version'], { encoding: 'utf8' });
  const version = /version (\d+)\.(\d+)/.exec(found.stdout ?? '');
  // string(JSON) in CMakeLists.txt needs 3.19.
  const recent = version && Number(version[1]) * 100 + Number(version[2]) >= 319;
  return recent ? 'cmake' : 'gyp';
}

function buildWithCmake({ test, sanitize, jobs }) {
  const out = join(root, sanitize ? `build-${sanitize}` : 'build', 'cmake');
  const cache = join(out, 'CMakeCache.txt');
  // The CMake cache of a checkout that was moved or copied points at its old path.
  if (
    existsSync(cache) &&
    !readFileSync(cache, 'utf8').includes(`CMAKE_HOME_DIRECTORY:INTERNAL=${root}\n`)
  ) {
    rmSync(out, { recursive: true });
  }
  const options = {
    SINTER_OUTPUT_DIR: join(out, '..', 'Release'),
    SINTER_WERROR: process.env.SINTER_WERROR === '1' ? 'ON' : 'OFF',
    SINTER_SANITIZE: sanitize ?? '',
  };
  const common = [binary('cmake-js'), '--out', out, '--log-level', 'error', '--config', 'Release'];
  const defines = Object.entries(options).map(([key, value]) => `--CD${key}=${value}`);
  run(process.execPath, [...common, ...defines, 'configure']);
  const target = test ? [] : ['--target', 'sinter'];
  run(process.execPath, [...common, '--parallel', String(jobs), ...target, 'build']);
}

async function buildWithGyp({ test, jobs }) {
  if (!existsSync(join(root, 'binding.gyp'))) {
    throw new Error('sinter: building the addon needs CMake 3.19 or newer on the PATH');
  }
  const { writeGypHeaders } = await import('./gyp-headers.mjs');
  const nodedir = writeGypHeaders(join(root, 'build', 'gyp-node'));
  const env = { ...process.env };
  // node-gyp prefers npm's nodedir setting to its own option, and that folder may hold other headers.
  for (const name of ['npm_config_nodedir', 'npm_package_config_node_gyp_nodedir'])
    delete env[name];
  const common = [binary('node-gyp'), `--nodedir=${nodedir}`, '--release', '--loglevel=warn'];
  run(process.execPath, [...common, 'configure'], env);
  const targets = test ? [] : ['sinter'];
  run(process.execPath, [...common, `--jobs=${jobs}`, 'build', ...targets], env);
}

async function buildNative(options) {
  const system = options.sanitize ? 'cmake' : chooseSystem();
  const folder = join(root, options.sanitize ? `build-${options.sanitize}` : 'build');
  const stamp = join(folder, 'system');
  // Each build system trusts only its own timestamps, so a binary that the other one built is removed first.
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') !== system) {
    rmSync(join(folder, 'Release'), { recursive: true, force: true });
  }
  mkdirSync(folder, { recursive: true });
  writeFileSync(stamp, system);
  await (system === 'cmake' ? buildWithCmake : buildWithGyp)(options);
}

function compileTypeScript() {
  if (!existsSync(join(root, 'lib'))) return; // an installed package, which holds dist/ already
  try {
    require.resolve('typescript/package.json');
  } catch {
    console.warn('sinter: typescript is not installed, dist/ is left as it is');
    return;
  }
  run(process.execPath, [binary('typescript', 'tsc'), '-p', 'tsconfig.build.json']);
}

const args = new Set(process.argv.slice(2));
const sanitize = [...args].find((arg) => arg.startsWith('--sanitize='))?.slice(11);
const both = !args.has('--native') && !args.has('--ts');
if (both || args.has('--native')) {
  const jobs = Number(process.env.SINTER_JOBS) || availableParallelism();
  await buildNative({ test: args.has('--test'), sanitize, jobs });
}
if ((both && !sanitize) || args.has('--ts')) compileTypeScript();
