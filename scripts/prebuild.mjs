// Makes the npm packages with the core for each platform, and the main package that asks for them, all below out/npm. One compiler for
// all: zig's clang, with the C libraries that it has in itself (pip install ziglang).
//
//   node scripts/prebuild.mjs [--zig COMMAND] [--jobs N] [platform...]     platform: linux-x64 ... (default: all)
//
// Nothing is run here. Each file is checked: of the right kind, exports Node-API's entry, needs nothing of a C++ library, on Linux
// glibc 2.28 at most, or musl, and on macOS for ARM64 is signed.
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { checkBinary } from './prebuild/check-binary.mjs';
import { PLATFORMS } from './prebuild/platforms.mjs';

const root = join(import.meta.dirname, '..');
const out = join(root, 'out', 'npm');
const require = createRequire(import.meta.url);
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    zig: { type: 'string', default: 'zig' },
    jobs: { type: 'string', default: String(availableParallelism()) },
  },
});
const zig = values.zig.split(' ');
const main = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', cwd: root, ...options });
  if (error) throw error;
  if (status !== 0)
    throw new Error(`${command} ${args.slice(0, 3).join(' ')} ended with ${status}`);
}

/** A command of zig as one program, which is what CMake takes. */
function wrapper(folder, name, args) {
  const path = join(folder, name);
  const words = [...zig, ...args].map((word) => `'${word}'`).join(' ');
  writeFileSync(path, `#!/bin/sh\nexec ${words} "$@"\n`, { mode: 0o755 });
  return path;
}

/** The library through which a file for Windows finds Node-API in node.exe. */
function importLibrary(folder) {
  const { symbols } = require('node-api-headers');
  const names = new Set(
    Object.values(symbols).flatMap((one) => [
      ...one.js_native_api_symbols,
      ...one.node_api_symbols,
    ]),
  );
  const definition = join(folder, 'node.def');
  writeFileSync(
    definition,
    `NAME node.exe\nEXPORTS\n${[...names].map((name) => `    ${name}\n`).join('')}`,
  );
  const library = join(folder, 'libnode.a');
  run(zig[0], [
    ...zig.slice(1),
    'dlltool',
    '-m',
    'i386:x86-64',
    '-D',
    'node.exe',
    '-d',
    definition,
    '-l',
    library,
  ]);
  return library;
}

function compile(name, { target, system, processor }) {
  const folder = join(root, 'build-prebuilt', name);
  mkdirSync(folder, { recursive: true });
  const compiler = wrapper(folder, 'c++', ['c++', '-target', target]);
  const headers = [
    require('node-api-headers').include_dir,
    dirname(require.resolve('node-addon-api/package.json')),
  ];
  const defines = {
    CMAKE_SYSTEM_NAME: system,
    CMAKE_SYSTEM_PROCESSOR: processor,
    CMAKE_CXX_COMPILER: compiler,
    CMAKE_CXX_COMPILER_WORKS: '1',
    CMAKE_OSX_SYSROOT: '',
    CMAKE_BUILD_TYPE: 'Release',
    SINTER_OUTPUT_DIR: join(folder, 'Release'),
    SINTER_NODE_HEADERS: headers.join(';'),
    SINTER_WERROR: 'ON',
    SINTER_ZIG: 'ON',
    ...(system === 'Windows' && { SINTER_NODE_LIBRARY: importLibrary(folder) }),
  };
  const flags = Object.entries(defines).map(([key, value]) => `-D${key}=${value}`);
  const made = join(folder, 'cmake');
  run('cmake', ['-S', root, '-B', made, '-G', 'Ninja', '--log-level=WARNING', ...flags]);
  // All failures are shown, not only the first one.
  const toNinja = ['--', '-k', '0', '--quiet'];
  run('cmake', ['--build', made, '--parallel', values.jobs, '--target', 'sinter', ...toNinja]);
  return join(folder, 'Release', 'sinter.node');
}

/** The package of a platform, in a folder that `npm pack` takes. */
function writePackage(name, { os, cpu, libc }, file) {
  const folder = join(out, `sinter-${name}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  cpSync(file, join(folder, 'sinter.node'));
  cpSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
  const manifest = {
    name: `@sinter/${name}`,
    version: main.version,
    description: `The native core of sinter for ${name}.`,
    license: main.license,
    os: [os],
    cpu: [cpu],
    ...(libc && { libc: [libc] }),
    main: 'sinter.node',
    files: ['sinter.node'],
    engines: main.engines,
  };
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  return folder;
}

const wanted = positionals.length > 0 ? positionals : Object.keys(PLATFORMS);
for (const name of wanted) {
  const platform = PLATFORMS[name];
  if (platform === undefined) {
    throw new RangeError(
      `a platform must be one of ${Object.keys(PLATFORMS).join(', ')}, got ${name}`,
    );
  }
  const file = compile(name, platform);
  const facts = checkBinary(file, platform);
  const folder = writePackage(name, platform, file);
  run('npm', ['pack', '--loglevel=error', '--pack-destination', out], { cwd: folder });
  console.log(`@sinter/${name}: ${(statSync(file).size / 1e6).toFixed(2)} MB, ${facts}`);
}

/** The main package as it is published: with the packages that were made, as optional ones of which a machine installs its own. */
function packMain() {
  const folder = join(out, 'sinter');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  run('npm', ['pack', '--ignore-scripts', '--loglevel=error', '--pack-destination', folder]);
  const packed = join(folder, `sinter-${main.version}.tgz`);
  run('tar', ['-xzf', packed, '-C', folder, '--strip-components=1']);
  rmSync(packed);
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const made = Object.keys(PLATFORMS).filter((name) =>
    existsSync(join(out, `sinter-${name}-${main.version}.tgz`)),
  );
  const names = made.map((name) => `@sinter/${name}`);
  manifest.optionalDependencies = Object.fromEntries(names.map((name) => [name, main.version]));
  // Of what is packed here nothing is built.
  delete manifest.scripts.prepare;
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  run('npm', ['pack', '--ignore-scripts', '--loglevel=error', '--pack-destination', out], {
    cwd: folder,
  });
}
packMain();
