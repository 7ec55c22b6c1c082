// Few-shot training beside plain fine-tuning and a head alone, on 8 rows of each label: accuracy on the test rows.
//
//   node bench/train/few-shot.mjs --set banking77|trec [--shots 8] [--seeds 1,2] [--iterations 20] [--body-learning-rate 2e-5]
//                                 [--plain 3e-4:20,1e-4:40] [--data DIR] [--model DIR] [--skip plain,head,cls]
//
// The rows are drawn by the seed. Plain fine-tuning is tried with every RATE:EPOCHS of --plain, and the best one on the test rows
// counts, so the comparison favours it; few-shot and the head alone have one setting each.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { SeededRandom, shuffled } from '../../dist/data/index.js';
import { collectLabels, Encoder, readAllRows } from '../../dist/index.js';
import { describeMachine, load } from '../support/machine.mjs';
import { machineLines, table } from '../support/output.mjs';
import { activeIsa } from '../support/sinter.mjs';

const { values } = parseArgs({
  options: {
    set: { type: 'string', default: 'banking77' },
    shots: { type: 'string', default: '8' },
    seeds: { type: 'string', default: '1,2' },
    iterations: { type: 'string', default: '20' },
    'body-learning-rate': { type: 'string', default: '2e-5' },
    plain: { type: 'string', default: '3e-4:20,1e-4:40' },
    data: {
      type: 'string',
      default: fileURLToPath(new URL('../../../shared/data', import.meta.url)),
    },
    model: { type: 'string' },
    skip: { type: 'string', default: '' },
  },
});

/** Lines `LABEL:detail text` of TREC, with the label before the colon. */
function readQuestions(file) {
  const lines = readFileSync(file, 'latin1').split('\n');
  return lines
    .filter((line) => line.trim() !== '')
    .map((line) => ({
      label: line.slice(0, line.indexOf(':')),
      text: line.slice(line.indexOf(' ') + 1),
    }));
}

const SETS = {
  banking77: ['train.csv', 'test.csv', (file) => readAllRows(file)],
  trec: ['TREC.train', 'TREC.test', readQuestions],
};

async function readSet(name) {
  const [train, test, read] = SETS[name] ?? [];
  if (read === undefined)
    throw new RangeError(`--set must be one of ${Object.keys(SETS)}, got ${name}`);
  const folder = join(values.data, name === 'trec' ? 'trec6' : name);
  if (!existsSync(join(folder, train))) throw new RangeError(`${folder} does not have ${train}`);
  return { train: await read(join(folder, train)), test: await read(join(folder, test)) };
}

/** `shots` rows of each label, drawn by the seed. */
function drawRows(rows, labels, shots, seed) {
  const drawn = new Map(labels.map((label) => [label, []]));
  for (const row of shuffled(rows, new SeededRandom(seed))) {
    const own = drawn.get(row.label);
    if (own.length < shots) own.push(row);
  }
  return [...drawn.values()].flat();
}

const { train, test } = await readSet(values.set);
const labels = collectLabels(train);
const skipped = values.skip.split(',');
const loadBefore = load();

/** [accuracy, seconds] of a training. */
async function measure(rows, seed, pooling, options) {
  const encoder = await Encoder.load(values.model);
  const model = await encoder.classifier({ labels, seed, ...(pooling && { pooling }) });
  const start = performance.now();
  await model.train(rows, { seed, ...options });
  const seconds = (performance.now() - start) / 1000;
  const { accuracy } = await model.evaluate(test);
  await model.dispose();
  await encoder.dispose();
  return { accuracy, seconds };
}

const fewShot = {
  numIterations: Number(values.iterations),
  bodyLearningRate: Number(values['body-learning-rate']),
};
const plain = values.plain.split(',').map((one) => one.split(':').map(Number));
const kinds = [
  ...plain.flatMap(([learningRate, epochs]) =>
    [undefined, 'mean'].map((pooling) => ['plain', pooling, { learningRate, epochs }]),
  ),
  ['head', 'mean', { method: 'head', learningRate: 1e-2, epochs: 40 }],
  ['cls', undefined, { method: 'few-shot', fewShot }],
  ['few-shot', 'mean', { method: 'few-shot', fewShot }],
].filter(([name]) => !skipped.includes(name));

const found = [];
for (const [name, pooling, options] of kinds) {
  const results = [];
  for (const seed of values.seeds.split(',').map(Number)) {
    const rows = drawRows(train, labels, Number(values.shots), seed);
    results.push(await measure(rows, seed, pooling, options));
    console.error(name, pooling ?? 'family', seed, JSON.stringify(results.at(-1)));
  }
  const { learningRate, epochs } = options;
  found.push([
    name === 'cls' ? 'few-shot' : name,
    pooling ?? 'pooler over the first token',
    learningRate === undefined ? '' : `${learningRate}, ${epochs} epochs`,
    ...results.map(({ accuracy }) => `${(100 * accuracy).toFixed(2)} %`),
    (results.reduce((sum, { seconds }) => sum + seconds, 0) / results.length).toFixed(0),
  ]);
}
const machine = { ...describeMachine(), loadBefore, loadAfter: load() };
console.log(machineLines(machine, activeIsa()).join('\n'));
console.log(
  `${values.set}: ${values.shots} rows of each of ${labels.length} labels, ${test.length} to evaluate`,
);
const heads = values.seeds.split(',').map((seed) => `seed ${seed}`);
console.log(table([['method', 'head reads', 'settings', ...heads, 'seconds'], ...found]));
process.exit(0);
