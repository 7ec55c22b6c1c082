// The figures that matter to a service: speed against transformers.js, loading, memory, growth, lanes, the event loop, the
// batcher, and requests behind bulk work. Every line prints its target and the measured figure.
//
//   node bench/service/run.mjs [--only pipelines,load,memory,growth,lanes,event-loop,batcher,interactive] [--precision f32,int8]
//     [--threads N] [--isa avx2] [--workload mixed_en] [--rounds 5] [--quick] [--json] [--out FILE]
//
// Every measurement has fresh processes of its own. Build first: npm run build:test.
import { rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { choices, readWorkload, WORKLOADS } from '../support/arguments.mjs';
import { describeMachine, load } from '../support/machine.mjs';
import { countOf, readOptions } from '../support/options.mjs';
import { machineLines, table, writeJson } from '../support/output.mjs';
import { answerOf } from '../support/processes.mjs';
import { LINES } from './lines.mjs';

function allOptions() {
  const { values, common } = readOptions({
    threads: { type: 'string', default: String(availableParallelism()) },
    only: { type: 'string', default: Object.keys(LINES).join() },
    workload: { type: 'string', default: 'mixed_en' },
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
  });
  const [workload] = choices('--workload', values.workload, WORKLOADS);
  return {
    ...common,
    threads: countOf(values, 'threads'),
    only: choices('--only', values.only, Object.keys(LINES)),
    workload: readWorkload(workload) === null ? 'mixed_open_en' : workload,
    rounds: countOf(values, 'rounds', values.quick ? 1 : 5),
    quick: values.quick,
  };
}

/** [{ line, precision, target, measured, holds, details }] of all requested lines. */
async function measureAll(options, models) {
  const ask = (file, more = {}) =>
    answerOf(new URL(file, import.meta.url), { ...options, models, ...more });
  const found = [];
  for (const name of options.only) {
    for (const precision of options.precisions) {
      console.error(`${name}, ${precision}`);
      const details = await LINES[name].measure(ask, precision, options);
      for (const verdict of LINES[name].judge(details, precision, options)) {
        found.push({ line: name, precision, ...verdict, details });
      }
    }
  }
  return found;
}

function render({ machine, isa, lines }) {
  const head = ['figure', 'precision', 'target', 'measured', ''];
  const rows = lines.map(({ figure, precision, target, measured, holds }) => [
    ...[figure, precision, target ?? '-', measured],
    holds === undefined ? '' : holds ? 'reached' : 'not reached',
  ]);
  return [...machineLines(machine, isa), '', table([head, ...rows])].join('\n');
}

async function main() {
  const options = allOptions();
  const before = { ...describeMachine(options), loadBefore: load() };
  const models = await answerOf(new URL('prepare.mjs', import.meta.url), options);
  const { isa } = models;
  let lines;
  try {
    lines = await measureAll(options, models);
  } finally {
    rmSync(models.folder, { recursive: true, force: true });
  }
  const content = { machine: { ...before, loadAfter: load() }, isa, options, lines };
  console.log(options.json ? JSON.stringify(content, null, 1) : render(content));
  if (options.out !== undefined) writeJson(options.out, content);
}

await main();
