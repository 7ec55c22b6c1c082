/**
 * Trains a reranker on Banking77 and prints how it orders what an encoder has found, before and after:
 * node bench/train/rerank.mjs --loss lambda --queries 1500 --epochs 2 --seed 1
 *
 * A question is a query; its documents are the training questions that the encoder finds most similar, and those of the same
 * intent are relevant. --write DIR writes the rows as train.jsonl and test.jsonl, for `sinter train --task pairs`.
 *
 * The rule: test queries are questions of the test file, and nothing is chosen by them.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CrossEncoder, Encoder, readAllRows, retrievalScores } from '../../dist/index.js';

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: '../shared/data/banking77' },
    model: { type: 'string' },
    loss: { type: 'string', default: 'lambda' },
    queries: { type: 'string', default: '1500' },
    'test-queries': { type: 'string', default: '400' },
    docs: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
    epochs: { type: 'string', default: '2' },
    'batch-size': { type: 'string', default: '16' },
    'learning-rate': { type: 'string', default: '1e-4' },
    write: { type: 'string' },
  },
});
const seed = Number(values.seed);
const columns = { textColumn: 'text', labelColumn: 'category' };
const read = (part) => readAllRows(join(values.data, `${part}.csv`), columns);
const [train, test] = await Promise.all([read('train'), read('test')]);
const encoder = await Encoder.load(values.model);
const found = await encoder.embed(train.map(({ text }) => text));

/** Rows of queries with the `count` most similar training questions, most similar first. */
async function listsOf(queries, count) {
  const vectors = await encoder.embed(queries.map(({ text }) => text));
  return queries.map(({ text, label }, i) => {
    const query = vectors.row(i);
    const scored = train.flatMap((row, at) => {
      if (row.text === text) return [];
      const vector = found.row(at);
      return [{ row, score: query.reduce((sum, x, k) => sum + x * vector[k], 0) }];
    });
    const nearest = scored.sort((a, b) => b.score - a.score).slice(0, count);
    return {
      query: text,
      docs: nearest.map(({ row }) => row.text),
      labels: nearest.map(({ row }) => (row.label === label ? 1 : 0)),
    };
  });
}

/** About `count` rows, evenly over the file, which is sorted by intents. */
const some = (rows, count) => {
  const step = Math.max(1, Math.floor(rows.length / Number(count)));
  return rows.filter((_, i) => i % step === seed % step);
};
/** Lists in which there is something to learn. */
const mixed = ({ labels }) => labels.includes(0) && labels.includes(1);
const rows = (await listsOf(some(train, values.queries), Number(values.docs))).filter(mixed);
const held = await listsOf(some(test, values['test-queries']), 20);
if (values.write !== undefined) {
  mkdirSync(values.write, { recursive: true });
  for (const [name, list] of Object.entries({ train: rows, test: held })) {
    const lines = list.map((row) => `${JSON.stringify(row)}\n`);
    writeFileSync(join(values.write, `${name}.jsonl`), lines.join(''));
  }
}

const percent = ({ mrr, ndcg, map }) =>
  `MRR@10 ${(100 * mrr).toFixed(2)}, NDCG@10 ${(100 * ndcg).toFixed(2)}, MAP ${(100 * map).toFixed(2)}`;
/** The scores of the order in which the encoder found the documents. */
function asFound() {
  const queries = held.map(({ labels }) => ({
    ranked: [...labels.keys()],
    relevant: new Set(labels.flatMap((label, i) => (label > 0 ? [i] : []))),
  }));
  const judged = queries.filter(({ relevant }) => relevant.size > 0);
  const share = judged.length / queries.length;
  const [ten, all] = [10, 20].map((k) => retrievalScores(judged, k));
  return { mrr: share * ten.mrr, ndcg: share * ten.ndcg, map: share * all.map };
}

console.log(`${rows.length} lists to train on, ${held.length} to test`);
console.log(`as the encoder finds them: ${percent(asFound())}`);
const model = await CrossEncoder.load(values.model, { newHead: true, maxTokens: 96, seed });
console.log(`a new head: ${percent(await model.evaluate(held))}`);
const report = await model.train(rows, {
  loss: values.loss,
  seed,
  epochs: Number(values.epochs),
  batchSize: Number(values['batch-size']),
  learningRate: Number(values['learning-rate']),
  onEpoch: ({ epoch, trainLoss, seconds }) =>
    console.log(`epoch ${epoch}: loss ${trainLoss.toFixed(4)}, ${seconds.toFixed(0)} s`),
});
console.log(`reranked: ${percent(await model.evaluate(held))}, ${report.seconds.toFixed(0)} s`);
await Promise.all([model.dispose(), encoder.dispose()]);
