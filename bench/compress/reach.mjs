// What `compress` reaches on real data: score and speed of the original and of its smaller form, beside ONNX Runtime in f32 and int8.
//
//   node bench/compress/reach.mjs --set sst2|banking77|chnsenticorp [--model DIR] [--speedup 16] [--max-drop 0.01] [--epochs N]
//                                 [--bytes N] [--work DIR] [--out DIR] [--data DIR] [--budget-minutes N]
//                                 [--student layers=4,embeddingSize=128]
//
// Without --model the model is trained first, with the recipe of bench/train. Rows for the choice are those of the set's development
// part, else a third of its test rows; the verdict is on the other test rows.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { withPeers } from '../../dist/cli/compress-peers.js';
import { Classifier } from '../../dist/index.js';
import { describeMachine, load } from '../support/machine.mjs';
import { machineLines, table } from '../support/output.mjs';
import { activeIsa } from '../support/sinter.mjs';
import { TASKS } from '../train/recipes.mjs';
import { DATA, modelFolder } from '../train/sides.mjs';

const { values } = parseArgs({
  options: {
    set: { type: 'string', default: 'sst2' },
    model: { type: 'string' },
    speedup: { type: 'string' },
    bytes: { type: 'string' },
    'max-drop': { type: 'string', default: '0.01' },
    epochs: { type: 'string' },
    student: { type: 'string' },
    'budget-minutes': { type: 'string' },
    work: { type: 'string' },
    out: { type: 'string' },
    data: { type: 'string', default: DATA },
  },
});
const task = TASKS[values.set];
const read = (file) => task.read(join(values.data, file));
const [train, test] = await Promise.all(task.files.map(read));
const choice = values.set === 'sst2' ? await read('sst2/stsa.binary.dev') : undefined;
const loadBefore = load();

async function original() {
  if (values.model !== undefined) return Classifier.load(values.model);
  const labels = [...new Set(train.map(({ label }) => label))].sort();
  const folder = await modelFolder(task.model, values.work ?? '/tmp');
  const model = await Classifier.load(folder, { labels, newHead: true, seed: 1 });
  await model.train(train, { ...task.recipe, seed: 1 });
  return model;
}

const model = await original();
const number = (name) => (values[name] === undefined ? undefined : Number(values[name]));
const target = Object.fromEntries(
  Object.entries({ speedup: number('speedup'), bytes: number('bytes') }).filter(
    ([, value]) => value !== undefined,
  ),
);
const student = values.student
  ?.split(',')
  .map((part) => part.split('='))
  .map(([name, size]) => [name, Number(size)]);
const began = performance.now();
const { model: small, report } = await model.compress({
  ...{ rows: train, eval: test, target, maxDrop: number('max-drop'), allowOverlap: true },
  ...(choice && { choice }),
  ...(student && { student: Object.fromEntries(student) }),
  ...(values.epochs && { epochs: number('epochs') }),
  ...(values.work && { workFolder: values.work }),
  ...(values['budget-minutes'] && { budgetMinutes: number('budget-minutes') }),
  onProgress: ({ seconds, message }) => console.error(seconds.toFixed(0), message),
});
const minutes = (performance.now() - began) / 60_000;
const { signal } = new AbortController();
const variants = await withPeers(report.data.variants, [model, small], test, signal);
const shown = variants.filter(({ role }) => role !== 'candidate');
const peer = shown.find(({ role, precision }) => role === 'peer' && precision === 'f32');
const { verdict } = report;
if (values.out !== undefined) {
  mkdirSync(values.out, { recursive: true });
  await small.save(join(values.out, 'model'), { overwrite: true });
  await report.save(join(values.out, 'report.html'));
  await report.save(join(values.out, 'report.json'));
}
const machine = { ...describeMachine(), loadBefore, loadAfter: load() };
console.log(machineLines(machine, activeIsa()).join('\n'));
console.log(report.data.choices.join('\n'));
console.log(`${verdict.reason}; ${minutes.toFixed(1)} minutes`);
console.log(
  `${verdict.metric}: ${(100 * verdict.original.score).toFixed(2)} -> ${(100 * verdict.candidate.score).toFixed(2)} on ${verdict.rows} rows`,
);
console.log(
  table([
    ['form', 'tokens/s', 'times ONNX Runtime f32', 'bytes'],
    ...shown.map(({ name, tokensPerSecond = 0, bytes }) => [
      name,
      tokensPerSecond.toFixed(0),
      peer === undefined ? '-' : (tokensPerSecond / peer.tokensPerSecond).toFixed(2),
      bytes === undefined ? '-' : String(bytes),
    ]),
  ]),
);
process.exit(0);
