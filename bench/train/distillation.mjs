// What distillation gives back to a classifier of half the layers: SST-2 or Banking77, a fine-tuned teacher, and students cut from it.
//
//   node bench/train/distillation.mjs [--set sst2|banking77] [--keep 0,2,4] [--epochs 3] [--learning-rate 1e-4] [--seeds 1]
//                                     [--rows N] [--data DIR] [--variants labels,logits,hidden,relations,all]
//
// A student is the teacher without some layers, with its head. All students have the same rows, steps and learning rate.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { saveModel } from '../../dist/checkpoint/save-model.js';
import { cutModel } from '../../dist/compress/cut-model.js';
import { Classifier, collectLabels, Encoder } from '../../dist/index.js';
import { insideOf } from '../../dist/models/text-model.js';
import { readTask } from '../accuracy/tasks.mjs';
import { describeMachine, load } from '../support/machine.mjs';
import { machineLines, table } from '../support/output.mjs';
import { activeIsa } from '../support/sinter.mjs';

const { values } = parseArgs({
  options: {
    set: { type: 'string', default: 'sst2' },
    keep: { type: 'string', default: '0,2,4' },
    epochs: { type: 'string', default: '3' },
    'learning-rate': { type: 'string', default: '1e-4' },
    seeds: { type: 'string', default: '1' },
    rows: { type: 'string' },
    data: {
      type: 'string',
      default: fileURLToPath(new URL('../../../shared/data', import.meta.url)),
    },
    variants: { type: 'string', default: 'labels,logits,hidden,relations,all' },
  },
});
const task = readTask(values.set, values.data, false);
if (task === null) throw new RangeError(`--data must hold ${values.set}, got ${values.data}`);
const rows = task.train.slice(0, Number(values.rows ?? task.train.length));
const keep = values.keep.split(',').map(Number);
const seeds = values.seeds.split(',').map(Number);
const work = mkdtempSync(join(tmpdir(), 'distillation-'));
const loadBefore = load();

const encoder = await Encoder.load();
const teacher = await encoder.classifier({ labels: collectLabels(rows), seed: 1 });
await teacher.train(rows, { ...task.training, seed: 1 });
const percent = (share) => `${(100 * share).toFixed(2)} %`;
const accuracyOf = async (model) => (await model.evaluate(task.test)).accuracy;
const teacherAccuracy = await accuracyOf(teacher);
console.error('teacher', teacherAccuracy);

const { parts, use } = insideOf(teacher);
const dropped = parts.graph.nodes
  .filter(({ op }) => op === 'attention')
  .map((_, i) => i)
  .filter((i) => !keep.includes(i));
const cut = join(work, 'student');
await use('cut', async (program) => {
  const made = await cutModel('cut', parts, program, { layers: dropped });
  await made.program.use('cut', (own) => saveModel(made, own, cut, {}));
  await made.program.retire();
});

// The output of a layer that stays learns what the next layer that stays read in the teacher; the last one, the last output.
const layers = keep.length + dropped.length;
const hiddenStates = keep.map((_, i) => ({
  student: i + 1,
  teacher: i + 1 === keep.length ? layers : keep[i + 1],
}));
const VARIANTS = {
  labels: undefined,
  logits: {},
  hidden: { hiddenStates },
  relations: { relations: true },
  all: { hiddenStates, relations: true },
};

const found = [];
for (const name of values.variants.split(',')) {
  const results = [];
  let seconds = 0;
  for (const seed of seeds) {
    const student = await Classifier.load(cut);
    if (found.length === 0 && seed === seeds[0])
      found.push(['none: only cut', percent(await accuracyOf(student)), '']);
    const terms = VARIANTS[name];
    const { seconds: took } = await student.train(rows, {
      ...{ epochs: Number(values.epochs), learningRate: Number(values['learning-rate']), seed },
      ...(terms && { distillation: { teacher, ...terms } }),
    });
    seconds += took / seeds.length;
    results.push(await accuracyOf(student));
    console.error(name, seed, results.at(-1), took);
    await student.dispose();
  }
  found.push([name, results.map(percent).join(', '), seconds.toFixed(0)]);
}
rmSync(work, { recursive: true });
const machine = { ...describeMachine(), loadBefore, loadAfter: load() };
console.log(machineLines(machine, activeIsa()).join('\n'));
console.log(
  `${values.set}: ${rows.length} rows, ${task.test.length} to evaluate; the teacher has ${percent(teacherAccuracy)}, students keep layers ${values.keep}`,
);
console.log(table([['student learns from', 'accuracy', 'seconds'], ...found]));
process.exit(0);
