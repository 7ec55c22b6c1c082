// Two builds of the package in turns: load to the first vector, 600 texts in f32 and int8, one text of 16 tokens, an epoch of
// training, and the peak memory of each process.
//
//   node bench/builds/run.mjs --before DIST/index.js [ACTION...] [--rounds 5] [--json] [--out FILE]
//
// Each run has a process of its own. Figures are medians; `ratio` is this build over the one before, of CPU time.
import { execFileSync } from 'node:child_process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { choices, count } from '../support/arguments.mjs';
import { describeMachine, load } from '../support/machine.mjs';
import { machineLines, table, writeJson } from '../support/output.mjs';
import { median } from '../support/timing.mjs';

const child = fileURLToPath(new URL('child.mjs', import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    before: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
});
if (values.before === undefined)
  throw new RangeError('--before must be given: index.js of a build');
const rounds = count('--rounds', values.rounds);
const builds = [
  pathToFileURL(values.before).href,
  new URL('../../dist/bundle/index.js', import.meta.url).href,
];
const run = (...args) =>
  JSON.parse(execFileSync(process.execPath, [child, ...args], { encoding: 'utf8' }));
const known = run();
const actions = positionals.length === 0 ? known : choices('ACTION', positionals.join(','), known);

const loadBefore = load();
const results = actions.map((action) => {
  const runs = builds.map(() => []);
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? [0, 1] : [1, 0];
    for (const i of order) runs[i].push(run(action, builds[i]));
  }
  const [before, after] = runs.map((list) => {
    const of = (key) => median(list.map((one) => one[key]));
    const cpu = list.map(({ cpuMs }) => cpuMs);
    const spread = (Math.max(...cpu) - Math.min(...cpu)) / median(cpu);
    return { ms: of('ms'), cpuMs: of('cpuMs'), spread, rssMB: of('rssMB') };
  });
  return { action, before, after };
});
const machine = { ...describeMachine(), loadBefore, loadAfter: load() };

if (values.out !== undefined) writeJson(values.out, { bench: 'builds', machine, rounds, results });
if (values.json) console.log(JSON.stringify({ machine, rounds, results }));
else {
  const rows = results.map(({ action, before, after }) => [
    action,
    ...[before, after].map(({ ms }) => ms.toFixed(1)),
    ...[before, after].map(({ cpuMs }) => cpuMs.toFixed(1)),
    (after.cpuMs / before.cpuMs).toFixed(3),
    ...[before, after].map(({ spread }) => `${(100 * spread).toFixed(0)} %`),
    ...[before, after].map(({ rssMB }) => rssMB.toFixed(0)),
  ]);
  const heads = ['before ms', 'ms', 'before CPU', 'CPU ms', 'ratio', 'spread', 'spread'];
  console.log(machineLines(machine, 'best').join('\n'));
  console.log(table([['action', ...heads, 'before MB', 'MB'], ...rows]));
}
