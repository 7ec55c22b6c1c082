// A student of the embedded encoder that learns from texts without labels, beside its original in int8: Spearman on STS-B and speed.
//
//   node bench/compress/embedding-student.mjs [--layers 3] [--neurons N] [--sentences 10000] [--epochs N] [--rate 3e-4]
//                                             [--work DIR] [--out DIR] [--data DIR] [--rounds 9]
//
// Texts to learn from: the sentences of STS-B's and SST-2's training parts and of a public-domain corpus, without any score or label.
// Forms are compared on the pairs of STS-B's development part; the verdict is on those of its test part.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Encoder } from '../../dist/index.js';
import { native } from '../../dist/native/native.js';
import { describeMachine, load } from '../support/machine.mjs';
import { machineLines, table } from '../support/output.mjs';
import { activeIsa } from '../support/sinter.mjs';
import { interleave, summarize } from '../support/timing.mjs';
import { TASKS } from '../train/recipes.mjs';
import { DATA, modelFolder } from '../train/sides.mjs';

const { values } = parseArgs({
  options: {
    layers: { type: 'string', default: '3' },
    neurons: { type: 'string' },
    sentences: { type: 'string', default: '10000' },
    epochs: { type: 'string' },
    rate: { type: 'string' },
    work: { type: 'string' },
    out: { type: 'string' },
    data: { type: 'string', default: DATA },
    rounds: { type: 'string', default: '9' },
  },
});
const similar = (part) => TASKS['stsb-en'].read(join(values.data, `stsb/stsb-en-${part}.csv`));
const [train, development, test] = await Promise.all(['train', 'dev', 'test'].map(similar));
const key = ({ sentence1, sentence2 }) => JSON.stringify([sentence1, sentence2]);
const ofTest = new Set(test.map(key));
const choice = development.filter((row) => !ofTest.has(key(row)));

/** Sentences of running text, each some way behind the one before, so that all of the corpus is met. */
function corpusSentences(count) {
  const text = readFileSync(join(values.data, 'sotu/sotu.txt'), 'utf8');
  const all = text.split(/(?<=[.?!])\s+/).filter(({ length }) => length >= 20 && length <= 200);
  const step = Math.max(1, Math.floor(all.length / count));
  return all.filter((_, i) => i % step === 0).slice(0, count);
}

const held = new Set(
  [...choice, ...test].flatMap(({ sentence1, sentence2 }) => [sentence1, sentence2]),
);
const sst2 = TASKS.sst2.read(join(values.data, 'sst2/stsa.binary.train')).map(({ text }) => text);
const texts = [
  ...train.flatMap(({ sentence1, sentence2 }) => [sentence1, sentence2]),
  ...sst2,
  ...corpusSentences(Number(values.sentences)),
];
const rows = [...new Set(texts)].filter((text) => !held.has(text));

const loadBefore = load();
const scratch = mkdtempSync(join(tmpdir(), 'sinter-student-'));
const original = await Encoder.load(await modelFolder(TASKS['stsb-en'].model, scratch));
const began = performance.now();
const { model: small, report } = await original.compress({
  ...{ rows, choice, eval: test, maxDrop: 0.5 },
  student: {
    layers: Number(values.layers),
    ...(values.neurons && { intermediateSize: Number(values.neurons) }),
  },
  ...(values.epochs && { epochs: Number(values.epochs) }),
  ...(values.rate && { learningRate: Number(values.rate) }),
  ...(values.work && { workFolder: values.work }),
  onProgress: ({ seconds, message }) => console.error(seconds.toFixed(0), message),
});
const minutes = (performance.now() - began) / 60_000;
if (values.out !== undefined) {
  await small.save(join(values.out, 'model'), { overwrite: true });
  await report.save(join(values.out, 'report.html'));
}
const int8 = await original.quantize();
const forms = [
  ['MiniLM f32', original],
  ['MiniLM int8', int8],
  [`${values.layers} layers`, small],
];
const sentences = test.flatMap(({ sentence1, sentence2 }) => [sentence1, sentence2]);
const times = await interleave(
  forms.map(
    ([, model]) =>
      () =>
        model.embed(sentences),
  ),
  Number(values.rounds),
);
const medians = times.map((time) => summarize(time).medianMs);
const { verdict } = report;
const scores = [];
for (const [, model] of forms) scores.push((await model.evaluate(test)).spearman);
console.log(machineLines({ ...describeMachine(), loadBefore, loadAfter: load() }, activeIsa()));
console.log(`${rows.length} texts; ${native().lanes()} lanes; ${minutes.toFixed(1)} minutes`);
console.log(
  `${verdict.metric} ${verdict.original.score.toFixed(4)} -> ${verdict.candidate.score.toFixed(4)}`,
);
console.log(
  table([
    ['form', 'Spearman on STS-B test', 'times MiniLM int8'],
    ...forms.map(([name], i) => [
      name,
      (100 * scores[i]).toFixed(2),
      (medians[1] / medians[i]).toFixed(2),
    ]),
  ]),
);
rmSync(scratch, { recursive: true, force: true });
process.exit(0);
