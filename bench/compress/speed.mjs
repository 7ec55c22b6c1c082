// How fast a compressed model is beside its original: both in Sinter, and the original in ONNX Runtime in f32, in turns, from texts
// and from token ids. A text is tokenized by each model's own tokenizer; tokens are counted by the original's.
//
//   node bench/compress/speed.mjs --model DIR --small DIR --set sst2|banking77|chnsenticorp [--texts 512] [--rounds 7] [--data DIR]
//
// With SINTER_ISA=avx2 Sinter runs as on a CPU without AVX-512, and ONNX Runtime, which cannot be told, as on this one.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findOnnxRuntime, OnnxPeer } from '../../dist/cli/onnx-runtime.js';
import { Classifier } from '../../dist/index.js';
import { insideOf } from '../../dist/models/text-model.js';
import { tokenRunner } from '../../dist/models/token-runner.js';
import { native } from '../../dist/native/native.js';
import { describeMachine, load } from '../support/machine.mjs';
import { machineLines, table } from '../support/output.mjs';
import { activeIsa } from '../support/sinter.mjs';
import { interleave, summarize } from '../support/timing.mjs';
import { rowsOf, TASKS } from '../train/recipes.mjs';
import { DATA } from '../train/sides.mjs';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    small: { type: 'string' },
    set: { type: 'string', default: 'sst2' },
    texts: { type: 'string', default: '512' },
    rounds: { type: 'string', default: '7' },
    data: { type: 'string', default: DATA },
  },
});
const { test } = await rowsOf(TASKS[values.set], values.data);
const texts = test.map(({ text }) => text).slice(0, Number(values.texts));
const machine = { ...describeMachine(), loadBefore: load() };
const original = await Classifier.load(values.model);
const small = await Classifier.load(values.small);

/** Encodes with a model's own tokenizer. */
const encodeWith = (model) => {
  const { tokenizer } = insideOf(model).parts;
  const { maxTokens } = model;
  return (all) => tokenizer.encode(all, { maxTokens, truncate: true, where: 'speed' });
};
const encode = encodeWith(original);
const tokens = await encode(texts);
const idsOf = async (model) => {
  const runner = tokenRunner(model, 'logits');
  const own = await runner.tokenize(texts);
  const logits = new Float32Array(texts.length * runner.width);
  return () => runner.run(own, logits);
};

const folder = mkdtempSync(join(tmpdir(), 'sinter-speed-'));
const file = join(folder, 'f32.onnx');
await original.exportOnnx(file);
const runtime = await findOnnxRuntime();
const peer = await OnnxPeer.open(runtime, file, { threads: native().lanes(), output: 'logits' });
/** The batch size with which ONNX Runtime is fastest here. */
async function bestBatch() {
  let best = null;
  for (const batch of [1, 8, 32]) {
    await peer.run(await encode(texts.slice(0, 32)), batch);
    const start = performance.now();
    await peer.run(tokens, batch);
    const took = performance.now() - start;
    if (best === null || took < best.took) best = { batch, took };
  }
  return best.batch;
}
const batch = await bestBatch();
const contestants = [
  ['original, from texts', () => original.logits(texts)],
  ['small, from texts', () => small.logits(texts)],
  ['ONNX Runtime f32, from texts', async () => peer.run(await encode(texts), batch)],
  ['original, from ids', await idsOf(original)],
  ['small, from ids', await idsOf(small)],
  ['ONNX Runtime f32, from ids', () => peer.run(tokens, batch)],
];
const times = await interleave(
  contestants.map(([, run]) => run),
  Number(values.rounds),
);
await peer.close();
rmSync(folder, { recursive: true, force: true });
machine.loadAfter = load();
const medians = times.map((time) => summarize(time).medianMs);
console.log(machineLines(machine, activeIsa()).join('\n'));
console.log(
  table([
    ['what', 'tokens/s', 'times ONNX Runtime f32'],
    ...contestants.map(([name], i) => [
      name,
      ((1000 * tokens.ids.length) / medians[i]).toFixed(0),
      (medians[i < 3 ? 2 : 5] / medians[i]).toFixed(2),
    ]),
  ]),
);
process.exit(0);
