// Runs scripts/runtimes/use.mjs with the built package on other versions of Node, on Bun and on Deno: each must find what this Node finds, to the
// bit. The runtimes are npm packages, which are taken by name.
//
//   node scripts/check-runtimes.mjs [RUNTIME...]      RUNTIME: node22 ... (default: all); needs dist/ (node scripts/build.mjs)
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const cpu = process.arch;
/** The package, its program, and what comes before a script. */
const RUNTIMES = {
  node22: [`node-linux-${cpu}@22`, 'bin/node', []],
  node24: [`node-linux-${cpu}@24`, 'bin/node', []],
  node26: [`node-linux-${cpu}@26`, 'bin/node', []],
  bun: [`@oven/bun-linux-${cpu === 'x64' ? 'x64' : 'aarch64'}`, 'bin/bun', []],
  deno: [`@deno/linux-${cpu}-glibc`, 'deno', ['run', '-A']],
};
const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(RUNTIMES);
const folder = mkdtempSync(join(tmpdir(), 'sinter-runtimes-'));

function run(command, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    timeout: 300_000,
    ...options,
  });
  if (status === 0) return stdout.trim();
  throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? status}\n${stdout}${stderr}`);
}

/** The program of a runtime, from its package. */
function install(name) {
  const [wanted, program] = RUNTIMES[name] ?? [];
  if (wanted === undefined)
    throw new RangeError(
      `a runtime must be one of ${Object.keys(RUNTIMES).join(', ')}, got ${name}`,
    );
  const place = join(folder, name);
  mkdirSync(place);
  run('npm', ['pack', '--silent', wanted], { cwd: place });
  const [packed] = readdirSync(place);
  run('tar', ['-xzf', packed], { cwd: place });
  return join(place, 'package', program);
}

function use(command, before, name) {
  const out = join(folder, `${name}-files`);
  mkdirSync(out);
  const entry = join(root, 'dist/bundle/index.js');
  const script = join(root, 'scripts/runtimes/use.mjs');
  const lines = run(command, [...before, script, entry, out]).split('\n');
  const required = run(command, [...before, join(root, 'scripts/runtimes/use.cjs'), entry]);
  return `${lines.at(-1)} ${required}`;
}

if (!existsSync(join(root, 'dist/bundle/index.js'))) throw new Error('run npm run build first');
let failed = 0;
try {
  const wanted = use(process.execPath, [], 'here');
  console.log(`node ${process.version}: ${wanted}`);
  for (const name of names) {
    try {
      const program = install(name);
      const [version] = run(program, ['--version']).split('\n');
      const found = use(program, RUNTIMES[name][2], name);
      const same = found === wanted;
      console.log(`${name} ${version}: ${same ? 'the same' : `other: ${found}`}`);
      if (!same) failed++;
    } catch (error) {
      console.log(`${name}: ${error.message}`);
      failed++;
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = failed === 0 ? 0 : 1;
