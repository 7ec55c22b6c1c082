// Milliseconds from the token ids of one text to its vector: Sinter and onnxruntime-node, median of many calls.
//
//   node bench/latency/run.mjs [--length 16,128] [--threads 1,2] [--precision f32,int8] [--calls 200] [--json] [--out FILE]
//
// Every number of threads gets a process of its own; the engines take turns in blocks of calls.
import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { choices, count, counts } from '../support/arguments.mjs';
import { describeMachine, load, versionOf } from '../support/machine.mjs';
import { table, writeJson } from '../support/output.mjs';

const worker = fileURLToPath(new URL('worker.mjs', import.meta.url));

function readOptions() {
  const { values } = parseArgs({
    options: {
      length: { type: 'string', default: '16,128' },
      threads: { type: 'string', default: availableParallelism() > 1 ? '1,2' : '1' },
      precision: { type: 'string', default: 'f32,int8' },
      calls: { type: 'string', default: '200' },
      json: { type: 'boolean', default: false },
      out: { type: 'string' },
    },
  });
  return {
    lengths: counts('--length', values.length),
    threads: counts('--threads', values.threads),
    precisions: choices('--precision', values.precision, ['f32', 'int8']),
    calls: count('--calls', values.calls),
    json: values.json,
    out: values.out,
  };
}

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

function render({ machine, results }) {
  const head = ['tokens', 'precision', 'threads', 'sinter ms', 'onnxruntime ms', 'ratio', 'file'];
  const rows = results.map((result) => [
    result.length,
    result.precision,
    result.threads,
    result.sinterMs.toFixed(2),
    result.onnxruntimeMs.toFixed(2),
    `${(result.onnxruntimeMs / result.sinterMs).toFixed(2)} x`,
    result.file,
  ]);
  return (
    `${machine.cpu}, node ${machine.node}, onnxruntime-node ${machine['onnxruntime-node']}, ` +
    `commit ${machine.commit}, load before ${machine.loadBefore}, after ${machine.loadAfter}\n` +
    table([head, ...rows])
  );
}

async function main() {
  const options = readOptions();
  const before = { ...describeMachine(), loadBefore: load() };
  const results = [];
  for (const threads of options.threads) results.push(...(await measure(threads, options)));
  const machine = {
    ...before,
    loadAfter: load(),
    'onnxruntime-node': versionOf('onnxruntime-node'),
  };
  const content = { machine, options, results };
  console.log(options.json ? JSON.stringify(content, null, 1) : render(content));
  if (options.out !== undefined) writeJson(options.out, content);
}

await main();
