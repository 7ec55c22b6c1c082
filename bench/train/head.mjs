// Training of a head over cached vectors: seconds of the forward pass and of the steps, and the accuracy beside full fine-tuning.
//
//   node bench/train/head.mjs [--epochs 20] [--learning-rate 1e-3] [--full] [--data FOLDER with train.csv and test.csv]
//
// By default the 10,003 rows of Banking77 in ../shared/data, else the sample in the repository.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { collectLabels, Encoder, readAllRows } from '../../dist/bundle/index.js';
import { describeMachine, load } from '../support/machine.mjs';
import { machineLines, table } from '../support/output.mjs';

const { values } = parseArgs({
  options: {
    epochs: { type: 'string', default: '20' },
    'learning-rate': { type: 'string', default: '1e-3' },
    full: { type: 'boolean', default: false },
    data: { type: 'string' },
  },
});
const places = ['../../../shared/data/banking77', '../../data/banking77'];
const known = places.map((place) => fileURLToPath(new URL(place, import.meta.url)));
const data = values.data ?? known.find((folder) => existsSync(`${folder}/train.csv`));
const rows = await readAllRows(`${data}/train.csv`);
const test = await readAllRows(`${data}/test.csv`);
const loadBefore = load();

/** Figures of one training; the last step of each epoch evaluates nothing, so that only training is timed. */
async function measure(options) {
  const encoder = await Encoder.load();
  const model = await encoder.classifier({ labels: collectLabels(rows), seed: 1 });
  let first;
  const start = performance.now();
  const onStep = () => {
    first ??= performance.now();
  };
  const report = await model.train(rows, { ...options, onStep });
  const seconds = (performance.now() - first) / 1000;
  const { accuracy } = await model.evaluate(test);
  const before = (first - start) / 1000;
  await model.dispose();
  await encoder.dispose();
  return [
    options.method,
    String(options.epochs),
    String(report.steps.length),
    before.toFixed(1),
    seconds.toFixed(1),
    `${(100 * accuracy).toFixed(2)} %`,
  ];
}

const learningRate = Number(values['learning-rate']);
const found = [await measure({ method: 'head', epochs: Number(values.epochs), learningRate })];
if (values.full) found.push(await measure({ method: 'full', epochs: 5, learningRate: 2e-4 }));
const machine = { ...describeMachine(), loadBefore, loadAfter: load() };
console.log(machineLines(machine, 'best').join('\n'));
console.log(`${rows.length} rows, ${test.length} to evaluate`);
const heads = ['method', 'epochs', 'steps', 'forward pass s', 'steps s', 'accuracy'];
console.log(table([heads, ...found]));
process.exit(0);
