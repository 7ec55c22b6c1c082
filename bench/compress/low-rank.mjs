// Low rank by itself, without training: what two thin products take on this machine as a share of the one, and how near the vectors of
// the embedded encoder stay, with the error of the weights or of the activations made smallest.
//
//   node bench/compress/low-rank.mjs [--shares 0.75,0.5] [--texts 77] [--seconds 1]
//
// Ranks are shares of the largest one at which two products multiply less than the one. Texts are questions of Banking77; cosines are
// those of questions that were not used. Cosines do not depend on the load of the machine, times do.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { lowRankProductsModel } from '../../dist/compress/low-rank.js';
import { measureProducts, shapeKey } from '../../dist/compress/product-latency.js';
import { largestThinRank, thinnableProducts } from '../../dist/graph/rewrite/low-rank-products.js';
import { Encoder } from '../../dist/index.js';
import { modelOver } from '../../dist/models/adapted-model.js';
import { insideOf } from '../../dist/models/text-model.js';
import { native } from '../../dist/native/native.js';
import { describeMachine, load } from '../support/machine.mjs';
import { machineLines, table } from '../support/output.mjs';
import { activeIsa } from '../support/sinter.mjs';

const { values } = parseArgs({
  options: {
    shares: { type: 'string', default: '0.75,0.5' },
    texts: { type: 'string', default: '77' },
    seconds: { type: 'string', default: '1' },
  },
});
const loadBefore = load();
const lines = readFileSync(new URL('../../data/banking77/test.csv', import.meta.url), 'utf8');
const questions = lines
  .trim()
  .split('\n')
  .slice(1)
  .map((line) => line.slice(0, line.lastIndexOf(',')).replace(/^"|"$/g, ''));
const step = Math.max(2, Math.floor(questions.length / Number(values.texts)));
const texts = questions.filter((_, i) => i % step === 0).slice(0, Number(values.texts));
const unseen = questions.filter((_, i) => i % step === 1).slice(0, Number(values.texts));

const model = await Encoder.load();
const { parts } = insideOf(model);
const where = 'bench';
const products = thinnableProducts(parts.graph);
const wanted = await model.embed(unseen);
/** Mean cosine of the vectors, which have length 1. */
async function cosineOf(small) {
  const { data } = await small.embed(unseen);
  return data.reduce((sum, one, i) => sum + one * wanted.data[i], 0) / unseen.length;
}

const rows = [];
for (const share of values.shares.split(',').map(Number)) {
  const ranks = new Map(
    products.map((one) => [one.name, Math.max(1, Math.round(share * largestThinRank(one)))]),
  );
  const row = [String(share)];
  for (const options of [{}, { texts }]) {
    const small = await parts.program.use(where, (program) =>
      lowRankProductsModel(where, parts, program, ranks, options),
    );
    const own = modelOver(model, small);
    row.push((await cosineOf(own)).toFixed(4));
    await own.dispose();
  }
  rows.push(row);
}
console.log(table([['share of ranks', 'cosine, weights', 'cosine, activations'], ...rows]));

const times = [];
for (const activationBits of [undefined, 8]) {
  const found = await measureProducts(products, {
    ...{ where, activationBits, rows: 512 * native().lanes(), seconds: Number(values.seconds) },
  });
  for (const key of new Set(products.map(shapeKey))) {
    const { wholeMs, ranks, shares } = found.shapes[key];
    const all = ranks.map((rank, i) => `${rank}: ${shares[i].toFixed(2)}`);
    times.push([activationBits ? 'int8' : 'f32', key, wholeMs.toFixed(2), all.join(', ')]);
  }
}
console.log(table([['arithmetic', 'product', 'ms as one', 'rank: share as two'], ...times]));
const machine = { ...describeMachine(), loadBefore, loadAfter: load() };
console.log(machineLines(machine, activeIsa()).join('\n'));
await model.dispose();
