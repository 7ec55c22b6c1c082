// Milliseconds from the token ids of one text to its vector: Sinter and onnxruntime-node, median of many calls.
//
//   node bench/latency/run.mjs [--length 16,128] [--threads 1,2] [--precision f32,int8] [--calls 200] [--isa avx2]
//     [--peers-env VENV] [--peer int8:NAME=FILE.onnx] [--json] [--out FILE]
//
// Every number of threads gets a process of its own; the engines take turns in blocks of calls.
import { counts } from '../support/arguments.mjs';
import { describeMachine, load } from '../support/machine.mjs';
import { countOf, readOptions } from '../support/options.mjs';
import { machineLines, table, writeJson } from '../support/output.mjs';
import { answerOf } from '../support/processes.mjs';

const worker = new URL('worker.mjs', import.meta.url);

function allOptions() {
  const { values, common } = readOptions({
    length: { type: 'string', default: '16,128' },
    calls: { type: 'string' },
  });
  const lengths = counts('--length', values.length);
  return { ...common, lengths, calls: countOf(values, 'calls', 200), quick: false };
}

/** For each length and precision the best number of threads on either side. */
function bestOfThreads(results) {
  const keys = new Map(results.map(({ length, precision }) => [`${length} ${precision}`, []]));
  for (const one of results) keys.get(`${one.length} ${one.precision}`).push(one);
  return [...keys.values()].map((group) => {
    const least = (key) => group.reduce((a, b) => (b[key] < a[key] ? b : a));
    const [own, theirs] = [least('sinterMs'), least('onnxruntimeMs')];
    return {
      length: own.length,
      precision: own.precision,
      sinter: { ms: own.sinterMs, threads: own.threads },
      onnxruntime: { ms: theirs.onnxruntimeMs, threads: theirs.threads, file: theirs.file },
      share: own.sinterMs / theirs.onnxruntimeMs,
    };
  });
}

function render({ machine, isa, results, best }) {
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
  const side = ({ ms, threads }) => `${ms.toFixed(2)} ms on ${threads}`;
  const bestRows = best.map(({ length, precision, sinter, onnxruntime, share }) => [
    ...[length, precision, side(sinter), side(onnxruntime), `${share.toFixed(2)} x`],
  ]);
  return [
    ...machineLines(machine, isa),
    '',
    table([head, ...rows]),
    '',
    'Each at its best number of threads',
    table([['tokens', 'precision', 'sinter', 'onnxruntime', 'share of its time'], ...bestRows]),
  ].join('\n');
}

async function main() {
  const options = allOptions();
  const before = { ...describeMachine(options), loadBefore: load() };
  const answers = [];
  for (const threads of options.threads) {
    answers.push(await answerOf(worker, { ...options, threads }));
  }
  const results = answers.flatMap((answer) => answer.results);
  const machine = { ...before, loadAfter: load() };
  const content = { machine, isa: answers[0].isa, options, results, best: bestOfThreads(results) };
  console.log(options.json ? JSON.stringify(content, null, 1) : render(content));
  if (options.out !== undefined) writeJson(options.out, content);
}

await main();
