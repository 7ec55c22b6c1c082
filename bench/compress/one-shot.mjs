// Structured pruning in one shot: heads and neurons go until a share of the multiplications is left, without training. Prints which
// share of the accuracy stays after each step: the most important units by Fisher information, exchanged within layers, fitted by
// least squares; and with --epochs N after so many passes of training with the original as its teacher.
//
//   node bench/compress/one-shot.mjs --model DIR [--set sst2] [--shares 0.7,0.5] [--epochs N] [--rows 1024] [--data DIR]
//
// Multiplications are those of the layers for a text of the mean length. Units are chosen on rows to learn from, accuracies are those of
// the test rows. No label is used without --epochs.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cutModel } from '../../dist/compress/cut-model.js';
import { gradientImportance } from '../../dist/compress/importance.js';
import { rearrangeMasks } from '../../dist/compress/mask-rearrangement.js';
import { removedUnits, searchMasks, unitMacs } from '../../dist/compress/mask-search.js';
import { reconstructLayers } from '../../dist/compress/reconstruct.js';
import { unitsOf } from '../../dist/graph/rewrite/units.js';
import { Classifier } from '../../dist/index.js';
import { modelOver } from '../../dist/models/adapted-model.js';
import { insideOf } from '../../dist/models/text-model.js';
import { describeMachine, load } from '../support/machine.mjs';
import { machineLines, table } from '../support/output.mjs';
import { activeIsa } from '../support/sinter.mjs';
import { TASKS } from '../train/recipes.mjs';
import { DATA } from '../train/sides.mjs';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    set: { type: 'string', default: 'sst2' },
    shares: { type: 'string', default: '0.7,0.5' },
    epochs: { type: 'string' },
    rows: { type: 'string', default: '1024' },
    data: { type: 'string', default: DATA },
  },
});
const task = TASKS[values.set];
const [train, test] = await Promise.all(
  task.files.map((file) => task.read(join(values.data, file))),
);
const loadBefore = load();
const model = await Classifier.load(values.model);
const { parts } = insideOf(model);
const { graph, tokenizer } = parts;
const step = Math.max(1, Math.floor(train.length / Number(values.rows)));
const texts = train.filter((_, i) => i % step === 0).map(({ text }) => text);
const where = 'bench';
const { ids, offsets } = await tokenizer.encode(texts, {
  ...{ where, maxTokens: graph.maxTokens, truncate: true },
});
const { fisher, gradients } = await parts.program.use(where, (program) =>
  gradientImportance(
    graph,
    program,
    {
      batch: { ids, offsets, segments: null },
      output: 'logits',
      loss: { kind: 'drawn', loss: 'cross_entropy', seed: 1 },
    },
    { where },
  ),
);
const costs = unitMacs(graph, Math.round(ids.length / texts.length));
const units = unitsOf(graph);
const count = (part) => units[part].reduce((sum, unit) => sum + unit.count, 0);
const full = count('heads') * costs.heads + count('neurons') * costs.neurons;
const accuracyOf = async (one) => (await modelOver(model, one).evaluate(test)).accuracy;

async function cutTo(masks) {
  const { heads, neurons } = removedUnits(masks);
  let own = parts;
  for (const cut of [{ heads }, { neurons }]) {
    if (Object.values(cut)[0].size === 0) continue;
    const from = own;
    own = await from.program.use(where, (program) => cutModel(where, from, program, cut));
    if (from !== parts) await from.program.retire();
  }
  return own;
}

const fitted = (student) =>
  student.program.use(where, (own) =>
    parts.program.use(where, async (program) => {
      const pair = [
        { parts: student, program: own },
        { parts, program },
      ];
      return (await reconstructLayers(where, ...pair, { texts })).parts;
    }),
  );

const before = await accuracyOf(parts);
const kept = (accuracy) =>
  `${(100 * accuracy).toFixed(2)} (${((100 * accuracy) / before).toFixed(1)} %)`;
const lines = [['MACs', 'heads', 'neurons', 'Fisher', 'exchanged', 'fitted', 'trained', 'seconds']];
for (const share of values.shares.split(',').map(Number)) {
  const began = performance.now();
  const found = searchMasks(fisher, costs, share * full, 1);
  const masks = await rearrangeMasks(found.masks, gradients, { where });
  const [plain, exchanged] = [await cutTo(found.masks), await cutTo(masks)];
  const small = await fitted(exchanged);
  const seconds = (performance.now() - began) / 1000;
  const scores = [];
  for (const one of [plain, exchanged, small]) scores.push(kept(await accuracyOf(one)));
  let trained = '-';
  if (values.epochs !== undefined) {
    const student = modelOver(model, small);
    const distillation = { teacher: model, alpha: 0.5, temperature: 2 };
    const options = { epochs: Number(values.epochs), learningRate: 3e-4, batchSize: 32, seed: 1 };
    await student.train(train, { ...options, distillation });
    trained = kept((await student.evaluate(test)).accuracy);
  }
  lines.push([
    ...[`${(100 * share).toFixed(0)} %`, found.heads, found.neurons, ...scores, trained],
    seconds.toFixed(0),
  ]);
  console.error(lines.at(-1).join('  '));
}
const machine = { ...describeMachine(), loadBefore, loadAfter: load() };
console.log(machineLines(machine, activeIsa()).join('\n'));
console.log(`original: ${(100 * before).toFixed(2)} on ${test.length} rows; ${texts.length} texts`);
console.log(table(lines.map((line) => line.map(String))));
process.exit(0);
