// Tokens a second of Sinter and of other engines (each with its best file and batch size) on the same token ids and
// threads.
//
//   node bench/encode/run.mjs [--workload mixed_en,short_en] [--threads 1,2] [--precision f32,int8] [--rounds 5]
//     [--batch 1,8,32] [--isa avx2] [--peers-env VENV] [--peer int8:NAME=FILE.onnx] [--pipelines] [--token-budget N]
//     [--quick] [--json] [--out FILE]
//
// Every number of threads gets a process of its own with all engines in it. Build first: npm run build:test.
import { choices, counts, readWorkload, WORKLOADS } from '../support/arguments.mjs';
import { describeMachine, load } from '../support/machine.mjs';
import { countOf, readOptions } from '../support/options.mjs';
import { writeJson } from '../support/output.mjs';
import { answerOf } from '../support/processes.mjs';
import { renderResults } from './render.mjs';

const worker = new URL('worker.mjs', import.meta.url);

function allOptions() {
  const { values, common } = readOptions({
    workload: { type: 'string', default: 'mixed_en,short_en,equal128_en' },
    rounds: { type: 'string' },
    batch: { type: 'string', default: '1,8,32' },
    pipelines: { type: 'boolean', default: false },
    'token-budget': { type: 'string' },
    quick: { type: 'boolean', default: false },
  });
  return {
    ...common,
    workloads: choices('--workload', values.workload, WORKLOADS),
    rounds: countOf(values, 'rounds', values.quick ? 1 : 5),
    batches: counts('--batch', values.batch),
    pipelines: values.pipelines,
    ...(values['token-budget'] !== undefined && { tokenBudget: countOf(values, 'token-budget') }),
    quick: values.quick,
  };
}

/** The workloads to run, none twice. A missing one is replaced by mixed_open_en, with a note. */
function chooseWorkloads(names) {
  const chosen = names.map((name) => {
    if (readWorkload(name) !== null) return name;
    console.error(`${name} is not here (see bench/workloads/SOURCE.md): mixed_open_en instead`);
    return 'mixed_open_en';
  });
  return [...new Set(chosen)];
}

async function main() {
  const options = allOptions();
  const workloads = chooseWorkloads(options.workloads);
  const machine = { ...describeMachine(options), loadBefore: load() };
  const runs = [];
  for (const threads of options.threads) {
    runs.push({ threads, ...(await answerOf(worker, { ...options, workloads, threads })) });
  }
  const content = { machine: { ...machine, loadAfter: load() }, options, runs };
  console.log(options.json ? JSON.stringify(content, null, 1) : renderResults(content));
  if (options.out !== undefined) writeJson(options.out, content);
}

await main();
