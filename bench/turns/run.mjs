// How long loads, saves, exports and a training hold the event loop: each action first in a process of its own, CPU time of the
// JavaScript thread between two turns.
//
//   node bench/turns/run.mjs [ACTION...] [--rounds 3] [--before DIST/index.js]
//
// The smallest and the median of the rounds, and those of another build of the package, which takes turns with this one. Actions are
// those of test/models/children/long-turns.mjs; the Chinese ones need ../shared/models.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { count } from '../support/arguments.mjs';
import { describeMachine, load } from '../support/machine.mjs';
import { machineLines, table } from '../support/output.mjs';
import { median } from '../support/timing.mjs';

const child = fileURLToPath(new URL('../../test/models/children/long-turns.mjs', import.meta.url));
const chinese = new URL('../../../shared/models/bge-small-zh-v1.5-q', import.meta.url);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '3' }, before: { type: 'string' } },
});
const rounds = count('--rounds', values.rounds);
const loadBefore = load();

const node = (...args) =>
  JSON.parse(execFileSync(process.execPath, [child, ...args], { encoding: 'utf8' }));
const known = node().filter((name) => existsSync(chinese) || !name.endsWith('Chinese'));
const actions = positionals.length === 0 ? known : positionals;

/** The longest turn of one action, in milliseconds. */
function measure(action, build) {
  const work = mkdtempSync(join(tmpdir(), 'sinter-turns-'));
  try {
    return node(action, work, ...(build === undefined ? [] : [build])).longest;
  } finally {
    rmSync(work, { recursive: true });
  }
}

const shown = (times) =>
  times.length === 0 ? [] : [Math.min(...times), median(times)].map((ms) => ms.toFixed(1));
const rows = actions.map((action) => {
  const [own, before] = [[], []];
  for (let i = 0; i < rounds; i++) {
    own.push(measure(action));
    if (values.before !== undefined) before.push(measure(action, values.before));
  }
  return [action, ...shown(own), ...shown(before)];
});
const heads = ['smallest ms', 'median ms'];
const others = values.before === undefined ? [] : ['before: smallest', 'median'];
const machine = { ...describeMachine(), loadBefore, loadAfter: load() };
console.log(machineLines(machine, 'best').join('\n'));
console.log(table([['action', ...heads, ...others], ...rows]));
