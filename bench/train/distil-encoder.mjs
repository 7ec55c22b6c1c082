// What distillation gives back to an encoder of half the layers, from texts without labels: Spearman's correlation (x 100) on
// the test rows of STS-B.
//
//   node bench/train/distil-encoder.mjs [--keep 0,2,4] [--texts 4000] [--epochs 1] [--learning-rate 3e-4] [--seed 1]
//                                       [--data DIR] [--variants vectors,hidden,all]
//
// The texts are sentences of STS-B's training rows; their scores are not read.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { saveModel } from '../../dist/checkpoint/save-model.js';
import { cutModel } from '../../dist/compress/cut-model.js';
import { Encoder, readAllRows } from '../../dist/index.js';
import { insideOf } from '../../dist/models/text-model.js';
import { describeMachine, load } from '../support/machine.mjs';
import { machineLines, table } from '../support/output.mjs';
import { activeIsa } from '../support/sinter.mjs';

const { values } = parseArgs({
  options: {
    keep: { type: 'string', default: '0,2,4' },
    texts: { type: 'string', default: '4000' },
    epochs: { type: 'string', default: '1' },
    'learning-rate': { type: 'string', default: '3e-4' },
    seed: { type: 'string', default: '1' },
    data: {
      type: 'string',
      default: fileURLToPath(new URL('../../../shared/data', import.meta.url)),
    },
    variants: { type: 'string', default: 'vectors,hidden,all' },
  },
});

/** Rows of a part of STS-B, whose files have no header. */
async function rowsOf(part) {
  const columns = { textColumn: 1, pairColumn: 2, labelColumn: 3, labels: 'numbers' };
  const file = join(values.data, 'stsb', `stsb-en-${part}.csv`);
  const rows = await readAllRows(file, { header: false, ...columns });
  return rows.map(({ text, pair, label }) => ({
    ...{ sentence1: text, sentence2: pair, score: Number(label) / 5 },
  }));
}

const train = await rowsOf('train');
const test = await rowsOf('test');
const all = new Set(train.flatMap(({ sentence1, sentence2 }) => [sentence1, sentence2]));
const texts = [...all].slice(0, Number(values.texts));
const keep = values.keep.split(',').map(Number);
const loadBefore = load();
const teacher = await Encoder.load();
const { parts, use } = insideOf(teacher);
const layers = parts.graph.nodes.filter(({ op }) => op === 'attention').length;
const dropped = Array.from({ length: layers }, (_, i) => i).filter((i) => !keep.includes(i));
const work = mkdtempSync(join(tmpdir(), 'distil-encoder-'));
const cut = join(work, 'student');
await use('cut', async (program) => {
  const made = await cutModel('cut', parts, program, { layers: dropped });
  await made.program.use('cut', (own) => saveModel(made, own, cut, {}));
  await made.program.retire();
});
const scoreOf = async (encoder) => (100 * (await encoder.evaluate(test)).spearman).toFixed(2);

// The output of a layer that stays learns what the next layer that stays read in the teacher; the last one, the last output.
const hiddenStates = keep.map((_, i) => ({
  student: i + 1,
  teacher: i + 1 === keep.length ? layers : keep[i + 1],
}));
const VARIANTS = {
  vectors: { embeddings: true },
  hidden: { hiddenStates },
  relations: { relations: true },
  all: { embeddings: true, hiddenStates, relations: true },
};
const found = [[`teacher, ${layers} layers`, await scoreOf(teacher), '']];
for (const name of ['none', ...values.variants.split(',')]) {
  const student = await Encoder.load(cut);
  let seconds = 0;
  if (name !== 'none') {
    const report = await student.train(texts, {
      ...{ epochs: Number(values.epochs), seed: Number(values.seed) },
      learningRate: Number(values['learning-rate']),
      distillation: { teacher, ...VARIANTS[name] },
    });
    seconds = report.seconds;
  }
  found.push([name === 'none' ? 'only cut' : name, await scoreOf(student), seconds.toFixed(0)]);
  console.error(...found.at(-1));
  await student.dispose();
}
rmSync(work, { recursive: true });
const machine = { ...describeMachine(), loadBefore, loadAfter: load() };
console.log(machineLines(machine, activeIsa()).join('\n'));
console.log(
  `${texts.length} texts, ${test.length} pairs to evaluate; students keep layers ${values.keep}`,
);
console.log(table([['student learns', 'Spearman x 100', 'seconds'], ...found]));
process.exit(0);
