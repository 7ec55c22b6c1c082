// What the server reaches over loopback, beside fastify with transformers.js and beside `embed` in the process.
//
//   node bench/serve/run.mjs [--only throughput,latency,overload,connections,reload] [--precision int8] [--threads N] [--rounds 3]
//     [--seconds 4] [--overload-seconds 120] [--reload-seconds 120] [--isa avx2] [--json] [--out FILE]
//
// Server and client share the cores, so every figure has the client's work in it. Build first: npm run build:test.
import { rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { choices, readWorkload } from '../support/arguments.mjs';
import { describeMachine, load } from '../support/machine.mjs';
import { countOf, readOptions } from '../support/options.mjs';
import { machineLines, table, writeJson } from '../support/output.mjs';
import { answerOf } from '../support/processes.mjs';
import { LINES } from './lines.mjs';

const { values, common } = readOptions({
  threads: { type: 'string', default: String(availableParallelism()) },
  precision: { type: 'string', default: 'int8' },
  only: { type: 'string', default: Object.keys(LINES).join() },
  rounds: { type: 'string' },
  seconds: { type: 'string' },
  'overload-seconds': { type: 'string' },
  'reload-seconds': { type: 'string' },
});
const [precision] = common.precisions;
const { texts } = readWorkload('short_en');
const options = {
  ...common,
  precision,
  texts: texts.slice(0, 256),
  threads: countOf(values, 'threads'),
  rounds: countOf(values, 'rounds', 3),
  seconds: countOf(values, 'seconds', 4),
  overloadSeconds: countOf(values, 'overload-seconds', 120),
  reloadSeconds: countOf(values, 'reload-seconds', 120),
};
const machine = { ...describeMachine(common), loadBefore: load() };
const service = new URL('../service/prepare.mjs', import.meta.url);
const models = await answerOf(service, { ...options, workload: 'short_en', quick: false });
const found = [];
const writeFound = () => {
  machine.loadAfter = load();
  if (common.out !== undefined) writeJson(common.out, { machine, isa: models.isa, rows: found });
};
for (const name of choices('--only', values.only, Object.keys(LINES))) {
  const details = await LINES[name].measure({ ...options, models });
  for (const row of LINES[name].judge(details)) found.push({ line: name, precision, ...row });
  found.at(-1).details = details;
  console.error(`${name} is measured`);
  // A later line may fail; this one took minutes.
  writeFound();
}
rmSync(models.folder, { recursive: true, force: true });
if (common.json) console.log(JSON.stringify({ machine, isa: models.isa, rows: found }));
else {
  console.log(machineLines(machine, models.isa).join('\n'));
  const cells = found.map(({ line, figure, target = '', measured, holds }) => [
    ...[line, figure, target, measured, holds === undefined ? '' : holds ? 'yes' : 'NO'],
  ]);
  console.log(table([['line', 'figure', 'asked', 'measured', 'holds'], ...cells]));
}
process.exit(0);
