// Tokens a second of Sinter and of ONNX Runtime (its best file and batch size) on the same token ids and threads.
//
//   node bench/encode/run.mjs [--workload mixed_en,short_en] [--threads 1,2] [--precision f32,int8] [--rounds 5]
//     [--batch 1,8,32] [--peer NAME=FILE.onnx] [--pipelines] [--token-budget N] [--quick] [--json] [--out FILE]
//
// Every number of threads gets a process of its own with both engines in it. Build first: npm run build:test.
import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { choices, count, counts, readWorkload, WORKLOADS } from '../support/arguments.mjs';
import { describeMachine, load, versionOf } from '../support/machine.mjs';
import { writeJson } from '../support/output.mjs';
import { renderResults } from './render.mjs';

const worker = fileURLToPath(new URL('worker.mjs', import.meta.url));

function readOptions() {
  const { values } = parseArgs({
    options: {
      workload: { type: 'string', default: 'mixed_en,short_en,equal128_en' },
      threads: { type: 'string', default: availableParallelism() > 1 ? '1,2' : '1' },
      precision: { type: 'string', default: 'f32,int8' },
      rounds: { type: 'string' },
      batch: { type: 'string', default: '1,8,32' },
      peer: { type: 'string', multiple: true, default: [] },
      pipelines: { type: 'boolean', default: false },
      'token-budget': { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      out: { type: 'string' },
    },
  });
  const budget = values['token-budget'];
  return {
    workloads: choices('--workload', values.workload, WORKLOADS),
    threads: counts('--threads', values.threads),
    precisions: choices('--precision', values.precision, ['f32', 'int8']),
    rounds: count('--rounds', values.rounds ?? (values.quick ? '1' : '5')),
    batches: counts('--batch', values.batch),
    peers: values.peer.map(readPeer),
    pipelines: values.pipelines,
    ...(budget !== undefined && { tokenBudget: count('--token-budget', budget) }),
    quick: values.quick,
    json: values.json,
    out: values.out,
  };
}

/** f32:NAME=FILE or int8:NAME=FILE: one more file for ONNX Runtime, made by other tools. */
function readPeer(text) {
  const [, precision, name, path] = /^(f32|int8):([^=]+)=(.+)$/.exec(text) ?? [];
  if (path === undefined) {
    throw new RangeError(`--peer must be f32:NAME=FILE.onnx or int8:NAME=FILE.onnx, got ${text}`);
  }
  return { precision, name, path };
}

/** Workloads that are there, none twice. A missing one is replaced by one of the same make-up, with a note. */
function chooseWorkloads(names) {
  const chosen = names.map((name) => {
    if (readWorkload(name) !== null) return name;
    console.error(`${name} is not here (see bench/workloads/SOURCE.md): mixed_open_en instead`);
    return 'mixed_open_en';
  });
  return [...new Set(chosen)];
}

/** What the worker process sends back for one number of threads. */
function measure(threads, options) {
  return new Promise((resolve, reject) => {
    const child = fork(worker, [JSON.stringify({ ...options, threads })]);
    let answer;
    child.on('message', (message) => {
      answer = message;
    });
    child.on('error', reject);
    child.on('exit', (code) => {
      if (answer === undefined)
        reject(new Error(`the process for ${threads} threads ended: ${code}`));
      else resolve(answer);
    });
  });
}

async function main() {
  const options = readOptions();
  const workloads = chooseWorkloads(options.workloads);
  const machine = { ...describeMachine(), loadBefore: load() };
  const runs = [];
  for (const threads of options.threads) {
    runs.push({ threads, ...(await measure(threads, { ...options, workloads })) });
  }
  const versions = {
    'onnxruntime-node': versionOf('onnxruntime-node'),
    '@huggingface/transformers': versionOf('@huggingface/transformers'),
  };
  const content = { machine: { ...machine, loadAfter: load(), ...versions }, options, runs };
  console.log(options.json ? JSON.stringify(content, null, 1) : renderResults(content));
  if (options.out !== undefined) writeJson(options.out, content);
}

await main();
