// What int8 costs on test sets: score in f32 and in int8, their difference, McNemar's counts and the agreement of predictions.
//
//   node bench/compress/int8-drop.mjs TASK=FOLDER... [--bits 8] [--exclude NAMES] [--data DIR] [--json]
//
// TASK is a row of bench/train/recipes.mjs (sst2, banking77, trec6, stsb-en), FOLDER a trained model in f32; of `stsb-en` it may be
// `embedded`, the model in the package. b counts rows that f32 has right and int8 wrong, c the reverse.
import { parseArgs } from 'node:util';
import { Classifier, Encoder, spearman } from '../../dist/bundle/index.js';
import { table } from '../support/output.mjs';
import { rowsOf, TASKS } from '../train/recipes.mjs';
import { DATA } from '../train/sides.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    bits: { type: 'string', default: '8' },
    exclude: { type: 'string' },
    data: { type: 'string', default: DATA },
    json: { type: 'boolean', default: false },
  },
});
const quantize = {
  activationBits: Number(values.bits),
  ...(values.exclude === undefined ? {} : { exclude: values.exclude.split(',') }),
};

const percent = (share) => 100 * share;

/** Accuracy of both, rows where only one is right, and the share of equal predictions. */
async function classes(folder, rows) {
  const model = await Classifier.load(folder);
  const small = await model.quantize(quantize);
  const texts = rows.map(({ text }) => text);
  const labels = [];
  for (const one of [model, small])
    labels.push((await one.predict(texts)).map(({ label }) => label));
  const [f32, int8] = labels;
  const right = labels.map((found) => found.map((label, i) => label === String(rows[i].label)));
  const count = (test) => rows.filter((_, i) => test(i)).length;
  return {
    f32: percent(count((i) => right[0][i]) / rows.length),
    int8: percent(count((i) => right[1][i]) / rows.length),
    b: count((i) => right[0][i] && !right[1][i]),
    c: count((i) => !right[0][i] && right[1][i]),
    agreement: percent(count((i) => f32[i] === int8[i]) / rows.length),
  };
}

/** Spearman of both with the scores of people, and of int8's similarities with those of f32 as the agreement. */
async function similarities(folder, rows) {
  const model = folder === 'embedded' ? await Encoder.load() : await Encoder.load(folder);
  const small = await model.quantize(quantize);
  const found = [];
  for (const one of [model, small]) {
    const sides = [];
    for (const side of ['sentence1', 'sentence2'])
      sides.push(await one.embed(rows.map((row) => row[side])));
    const [a, b] = sides;
    found.push(rows.map((_, i) => a.row(i).reduce((sum, x, k) => sum + x * b.row(i)[k], 0)));
  }
  const wanted = rows.map(({ score }) => score);
  const [f32, int8] = found.map((one) => percent(spearman(one, wanted)));
  return { f32, int8, b: '-', c: '-', agreement: percent(spearman(found[0], found[1])) };
}

const results = [];
for (const argument of positionals) {
  const at = argument.indexOf('=');
  const [name, folder] = [argument.slice(0, at), argument.slice(at + 1)];
  const task = TASKS[name];
  if (task === undefined || folder === '') throw new RangeError(`TASK=FOLDER, got ${argument}`);
  const rows = await rowsOf(task, values.data);
  if (rows === null) throw new Error(`the data of ${name} is not in ${values.data}`);
  const measure = task.kind === 'similarity' ? similarities : classes;
  results.push({ name, rows: rows.test.length, ...(await measure(folder, rows.test)) });
}
const shown = (value) => (typeof value === 'number' ? value.toFixed(2) : value);
const lines = results.map(({ name, rows, f32, int8, b, c, agreement }) => [
  ...[name, rows, shown(f32), shown(int8), shown(int8 - f32), b, c, shown(agreement)],
]);
const head = ['set', 'rows', 'f32', 'int8', 'difference', 'b', 'c', 'agreement'];
console.log(values.json ? JSON.stringify(results, null, 2) : table([head, ...lines]));
process.exit(0);
