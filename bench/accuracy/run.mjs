// What int8 costs in accuracy: an encoder and classifiers in f32 and in every int8 form that the product offers.
//
//   node bench/accuracy/run.mjs --work DIR [--sets stsb,sst2,banking77] [--data DIR] [--model DIR] [--explore] [--quick]
//                               [--json] [--out FILE]
//
// Classifiers are trained once and kept in --work. --explore adds ways of equalization that the product does not offer. The
// data is expected beside the repository (../shared/data); a missing set is left out, and the result says so.
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { choices } from '../support/arguments.mjs';
import { describeMachine } from '../support/machine.mjs';
import { table, writeJson } from '../support/output.mjs';
import { explorations } from './explore.mjs';
import { modelOf } from './models.mjs';
import { compare, evaluate, readTask, TASKS } from './tasks.mjs';

const FORMS = [8, 7].flatMap((activationBits) =>
  [false, true].map((equalize) => ({
    name: `${activationBits} bits${equalize ? ', equalized' : ''}`,
    options: { activationBits, equalize },
  })),
);

function readOptions() {
  const { values } = parseArgs({
    options: {
      work: { type: 'string' },
      sets: { type: 'string', default: TASKS.join(',') },
      data: {
        type: 'string',
        default: fileURLToPath(new URL('../../../shared/data', import.meta.url)),
      },
      model: { type: 'string' },
      explore: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      out: { type: 'string' },
    },
  });
  if (values.work === undefined) throw new RangeError('--work must be a folder, got nothing');
  return { ...values, sets: choices('--sets', values.sets, TASKS) };
}

async function measure(task, options) {
  const model = await modelOf(task, options);
  const f32 = await evaluate(model, task);
  const variants = [
    ...FORMS.map(({ name, options }) => ({ name, make: () => model.quantize(options) })),
    ...(options.explore ? explorations(model, task) : []),
  ];
  const results = [{ name: 'f32', score: f32.score }];
  for (const { name, make } of variants) {
    const small = await make();
    results.push({ name, ...compare(await evaluate(small, task), f32) });
    await small.dispose();
    options.note(`${task.name}: ${name}`);
  }
  await model.dispose();
  return {
    set: task.name,
    rows: (task.test ?? task.human).length,
    training: task.training,
    results,
  };
}

function render({ machine, sets, missing }) {
  const head = ['', 'score', 'to f32', 'error', 'cosine mean', 'lowest', 'other predictions'];
  const digits = (value, count) => (value === undefined ? '' : value.toFixed(count));
  const parts = sets.map(({ set, rows, results }) => {
    const lines = results.map((result) => [
      result.name,
      digits(result.score, 2),
      digits(result.difference, 2),
      digits(result.error, 4),
      digits(result.cosineMean, 5),
      digits(result.cosineLowest, 4),
      result.changed ?? '',
    ]);
    return `${set}, ${rows} rows\n${table([head, ...lines])}`;
  });
  const left = missing.length === 0 ? [] : [`not there: ${missing.join(', ')}`];
  return [`${machine.cpu}, commit ${machine.commit}`, ...parts, ...left].join('\n\n');
}

async function main() {
  const options = { ...readOptions(), note: (text) => console.error(text) };
  mkdirSync(options.work, { recursive: true });
  const tasks = options.sets.map((name) => [name, readTask(name, options.data, options.quick)]);
  const missing = tasks.filter(([, task]) => task === null).map(([name]) => name);
  const sets = [];
  for (const [, task] of tasks) if (task !== null) sets.push(await measure(task, options));
  const content = { machine: describeMachine(), sets, missing };
  console.log(options.json ? JSON.stringify(content, null, 1) : render(content));
  if (options.out !== undefined) writeJson(options.out, content);
}

await main();
