// Compiles the addon with CMake or node-gyp into build/Release/sinter.node.
// Both systems stay incremental and download nothing: the Node-API headers come from npm packages.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { writeGypHeaders } from './gyp-headers.mjs';
import { findTools } from './tools.mjs';

const root = join(import.meta.dirname, '..', '..');

/** The compiler or the linker failed, and said why. */
export class BuildFailure extends Error {
  constructor() {
    super(
      'the native core could not be built, for the reason that is printed above; ' +
        'where a compiler was killed, memory was short, and SINTER_JOBS=1 runs one at a time',
    );
  }
}

function run(command, args, env = process.env) {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', env });
  if (result.error) throw result.error;
  if (result.status !== 0) throw new BuildFailure();
}

/** Folders of the headers that the addon includes. */
function headerFolders() {
  const require = createRequire(import.meta.url);
  const addonApi = dirname(require.resolve('node-addon-api/package.json'));
  return [require('node-api-headers').include_dir, addonApi];
}

/** A checkout that was moved or copied has a cache that points at the old place, and a generator cannot be changed. */
function isUsable(cache, generator) {
  const text = readFileSync(cache, 'utf8');
  const entries = [
    `CMAKE_HOME_DIRECTORY:INTERNAL=${root}\n`,
    `CMAKE_GENERATOR:INTERNAL=${generator}\n`,
  ];
  return entries.every((entry) => text.includes(entry));
}

function buildWithCmake({ compiler, generator }, { folder, test, sanitize, jobs }) {
  const out = join(folder, 'cmake');
  const cache = join(out, 'CMakeCache.txt');
  if (existsSync(cache) && !isUsable(cache, generator)) rmSync(out, { recursive: true });
  const defines = {
    CMAKE_BUILD_TYPE: 'Release',
    SINTER_OUTPUT_DIR: join(folder, 'Release'),
    SINTER_NODE_HEADERS: headerFolders().join(';'),
    SINTER_WERROR: process.env.SINTER_WERROR === '1' ? 'ON' : 'OFF',
    SINTER_SANITIZE: sanitize ?? '',
  };
  const flags = Object.entries(defines).map(([key, value]) => `-D${key}=${value}`);
  const env = { ...process.env, CXX: compiler };
  run('cmake', ['-S', root, '-B', out, '-G', generator, '--log-level=WARNING', ...flags], env);
  const target = test ? [] : ['--target', 'sinter'];
  run('cmake', ['--build', out, '--parallel', String(jobs), ...target]);
}

function buildWithGyp({ compiler, nodeGyp }, { folder, test, jobs }) {
  const nodedir = writeGypHeaders(join(folder, 'gyp-node'));
  const env = { ...process.env, CXX: compiler };
  // node-gyp lets npm's setting win over its own option, and that folder may hold other headers.
  for (const name of ['npm_config_nodedir', 'npm_package_config_node_gyp_nodedir'])
    delete env[name];
  const common = [nodeGyp, `--nodedir=${nodedir}`, '--release', '--loglevel=warn'];
  run(process.execPath, [...common, 'configure'], env);
  const targets = test ? [] : ['sinter'];
  run(process.execPath, [...common, `--jobs=${jobs}`, 'build', ...targets], env);
}

/** Leaves the addon alone in the build folder: an installed package is not built again piece by piece. */
function removeObjects(folder) {
  const remove = (path) => rmSync(path, { recursive: true, force: true });
  const keep = join(folder, 'Release');
  for (const name of readdirSync(folder)) if (name !== 'Release') remove(join(folder, name));
  for (const name of readdirSync(keep)) if (!name.endsWith('.node')) remove(join(keep, name));
}

/**
 * `test`: sinter_test.node too. `sanitize`: address or thread, in a folder of its own. `keepObjects`: for the next build.
 * Throws MissingTool before it writes anything, BuildFailure when a compiler fails.
 */
export function buildNative(options) {
  const { sanitize, jobs, keepObjects } = options;
  const tools = findTools(sanitize ? 'cmake' : undefined);
  const { system } = tools;
  const folder = join(root, sanitize ? `build-${sanitize}` : 'build');
  const stamp = join(folder, 'system');
  // Each system only trusts its own timestamps, so a binary of the other one must go first.
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') !== system) {
    rmSync(join(folder, 'Release'), { recursive: true, force: true });
  }
  mkdirSync(folder, { recursive: true });
  writeFileSync(stamp, system);
  const by = system === 'cmake' ? `CMake (${tools.generator})` : 'node-gyp';
  const many = jobs === 1 ? 'one compiler' : `${jobs} compilers`;
  console.log(`sinter: compiling the native core with ${by}, ${many} at a time; minutes at first`);
  const build = system === 'cmake' ? buildWithCmake : buildWithGyp;
  build(tools, { ...options, folder });
  if (!keepObjects) removeObjects(folder);
}
