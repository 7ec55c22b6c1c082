// The facts without which a figure means little: the machine, its load, the versions, the commit, and the arithmetic peaks
// measured in the same process.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { LEVELS } from './levels.mjs';
import { pythonVersions } from './python-peers.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const require = createRequire(import.meta.url);

/**
 * Describes the machine and the versions. `options` are those of readOptions; with a Python environment they add its engines.
 */
export function describeMachine({ peersEnv, isa } = {}) {
  return {
    date: new Date().toISOString(),
    cpu: cpus()[0]?.model ?? 'unknown',
    cpus: cpus().length,
    ...(isa !== undefined && { forcedIsa: isa }),
    node: process.version,
    commit: commit(),
    versions: {
      'onnxruntime-node': versionOf('onnxruntime-node'),
      '@huggingface/transformers': versionOf('@huggingface/transformers'),
      ...(peersEnv !== undefined && pythonVersions(peersEnv)),
    },
  };
}

/** The load average of the last minute, which shows other work on the machine, but also the bench itself. */
export function load() {
  return Number((loadavg()[0] ?? 0).toFixed(2));
}

/** The version of a package as resolved from this folder, or null. */
export function versionOf(name) {
  for (const folder of require.resolve.paths(name) ?? []) {
    const manifest = `${folder}/${name}/package.json`;
    if (existsSync(manifest)) return JSON.parse(readFileSync(manifest, 'utf8')).version;
  }
  return null;
}

function commit() {
  const git = (...args) =>
    execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const changed = git('status', '--porcelain', '--', 'native', 'lib').trim() !== '';
    return git('rev-parse', '--short', 'HEAD').trim() + (changed ? ' with changes' : '');
  } catch {
    return null;
  }
}

/**
 * Operations per second of one thread, { isa, f32, s8 }, at the level that the kernels run at. null without the test addon (npm
 * run build:test), which measures them.
 */
export function measurePeaks(isa) {
  const built = fileURLToPath(new URL('../../build/Release/sinter_test.node', import.meta.url));
  const path = process.env.SINTER_NATIVE_TEST ?? built;
  if (!existsSync(path)) return null;
  const peaks = require(path).peaks();
  const best = (kind) => {
    const usable = peaks.filter(
      (peak) => peak.kind === kind && LEVELS.indexOf(peak.isa) <= LEVELS.indexOf(isa),
    );
    // Of the highest level: avx512 multiplies no bytes as avxvnni does.
    return usable.at(-1)?.operationsPerSecond ?? 0;
  };
  const found = { isa, f32: best('f32'), s8: best('s8') };
  return found.f32 > 0 && found.s8 > 0 ? found : null;
}

/**
 * Seconds that the arithmetic of a BERT encoder takes at the measured peaks on `threads` threads: the linear layers at
 * the peak of their precision, attention always at the f32 peak. `lengths` are the tokens of each sequence.
 */
export function idealSeconds({ layers, hidden, intermediate }, lengths, precision, peaks, threads) {
  let linear = 0;
  let attention = 0;
  for (const length of lengths) {
    linear += 2 * length * layers * (4 * hidden * hidden + 2 * hidden * intermediate);
    attention += 4 * length * length * layers * hidden;
  }
  const linearPeak = precision === 'int8' ? peaks.s8 : peaks.f32;
  return (linear / linearPeak + attention / peaks.f32) / threads;
}
