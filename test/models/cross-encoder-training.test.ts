// Training of a cross-encoder: every loss learns its rows, bad rows and options are named, and rerankings have their scores.
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { CrossEncoder, type CrossEncoderRow, type RerankingOptions } from '../../lib/index.js';
import { evaluateReranking } from '../../lib/tasks/reranking/evaluate-reranking.js';
import { Corpus } from '../../lib/train/corpus.js';
import { ListCorpus } from '../../lib/train/list-corpus.js';
import { expectSameBits } from '../kernels/native-test.js';

const TINY = fileURLToPath(new URL('../fixtures/encoders/bert', import.meta.url));
const load = (lanes = 2) => CrossEncoder.load(TINY, { newHead: true, lanes });

const PEOPLE = ['the people', 'people of the nation', 'our people', 'the nation and its people'];
const WAR = ['the war', 'war and peace', 'a world at war', 'the end of the war'];
const YEARS = ['this year', 'last year', 'ten years', 'in the years to come'];
const groups = [PEOPLE, WAR, YEARS];
const text = (g: number, i: number) => groups[g % 3]?.[i % 4] ?? '';

const pairs = Array.from({ length: 24 }, (_, i) => ({
  query: text(i, i),
  passage: text(i + (i % 2), i + 1),
  label: i % 2 === 0 ? 1 : 0,
}));
const positives = Array.from({ length: 24 }, (_, i) => ({
  query: text(i, i),
  positive: text(i, i + 1 + Math.floor(i / 12)),
}));
const negatives = positives.map((row, i) => ({
  ...row,
  negatives: [text(i + 1, i), text(i + 2, i)],
}));
const margins = negatives.map((row, i) => ({ ...row, score: [2, 0, -(i % 2)] }));
const lists = Array.from({ length: 24 }, (_, i) => ({
  query: text(i, i),
  docs: [text(i + 1, i), text(i, i + 1), text(i + 2, i), text(i, i + 2)].slice(0, 3 + (i % 2)),
  labels: [0, 2, 0, 1].slice(0, 3 + (i % 2)),
}));

const CASES: readonly [string, readonly CrossEncoderRow[], RerankingOptions][] = [
  ['pairs', pairs, {}],
  ['pairs with posWeight', pairs, { posWeight: 2 }],
  ['mse', pairs, { loss: 'mse' }],
  ['mse of sigmoids', pairs, { loss: 'mse', activationFn: 'sigmoid' }],
  ['in-batch negatives', positives, { batchSampler: 'batch_sampler', numNegatives: 6 }],
  ['hard negatives', negatives, {}],
  ['hard negatives and all others', negatives, { numNegatives: 'all' }],
  ['margin_mse', margins, {}],
  ['lambda', lists, {}],
  ['lambda, lambda_rank', lists, { weightingScheme: 'lambda_rank', k: 2, reductionLog: 'natural' }],
  ['rank_net', lists, { loss: 'rank_net' }],
  ['list_net', lists, { loss: 'list_net' }],
  ['list_mle', lists, { loss: 'list_mle' }],
  ['plist_mle', lists, { loss: 'plist_mle' }],
  ['lambda of positives and negatives', negatives, { loss: 'lambda' }],
];

const SHORT = { epochs: 12, batchSize: 12, learningRate: 2e-3, seed: 1 } as const;

describe('a cross-encoder learns', () => {
  it.each(CASES)('%s', async (_, rows, options) => {
    await using model = await load();
    const before = (await model.evaluate(rows)) as unknown as Record<string, number>;
    const report = await model.train(rows, { ...SHORT, ...options, eval: rows });
    expect(report.rows).toBe(rows.length);
    const { epochs } = report;
    const [first, last] = [epochs[0]?.trainLoss ?? 0, epochs.at(-1)?.trainLoss ?? 1];
    expect(last).toBeLessThan(0.8 * first);
    const after = epochs.at(-1)?.eval as unknown as Record<string, number>;
    const score = 'ndcg' in after ? 'ndcg' : 'spearman';
    expect(after[score]).toBeGreaterThan(Math.min(0.9, before[score] ?? 0));
    const { training } = await model.info();
    expect(training?.settings).toMatchObject(options);
  });

  it('gives the same bits on any number of lanes, for batches of any slices', async () => {
    const run = async (lanes: number) => {
      await using model = await load(lanes);
      await model.train(lists, { ...SHORT, epochs: 2 });
      await model.train(negatives, { ...SHORT, epochs: 2 });
      return Float32Array.from(await model.score(pairs.map((row) => [row.query, row.passage])));
    };
    expectSameBits(await run(2), await run(2), 'scores');
  });

  it('trains adapters on lists', async () => {
    await using model = await load();
    const { epochs } = await model.train(lists, { ...SHORT, method: 'lora', learningRate: 5e-3 });
    expect(epochs.at(-1)?.trainLoss).toBeLessThan(epochs[0]?.trainLoss ?? 0);
  });
});

describe('bad rows and options are named', () => {
  const train = async (rows: readonly object[], options: object = {}) => {
    await using model = await load();
    return await model.train(rows as CrossEncoderRow[], { epochs: 1, ...options });
  };

  it.each([
    [
      [{ query: 'a', docs: ['b'], labels: [1, 0] }],
      'rows[0].labels must be as many numbers as docs: 1',
    ],
    [
      [{ query: 'a', docs: ['b', ' '], labels: [1, 0] }],
      'rows[0].docs[1] must be a text that is not',
    ],
    [[{ query: 'a', docs: [], labels: [] }], 'rows[0].docs must be at least one text'],
    [[{ query: 'a', docs: ['b'], labels: ['1'] }], 'rows[0].labels[0] must be a finite number'],
    [[{ docs: ['b'], labels: [1] }], 'rows[0].query must be a text'],
    [[{ query: 'a', positive: '' }], 'rows[0].positive must be a text that is not blank'],
    [[{ query: 'a', positive: 'b', negatives: 'c' }], 'rows[0].negatives must be an array'],
    [[{ text: 'a', score: 1 }], 'rows[0].pair must be a text'],
    [[{ text: 'a', pair: 'b' }], 'rows[0].score must be a finite number'],
    [[{ text: 'a', pair: 'b', score: 1.5 }], 'rows[0].score must be a number from 0 to 1'],
    [[{ word: 'a' }], 'got fields word'],
    [[...pairs.slice(0, 1), ...lists], 'rows[1] must be a row of two texts and label as the first'],
    [[negatives[0] ?? {}, positives[0] ?? {}], 'got query and positive'],
  ])('%o', async (rows, message) => {
    await expect(train(rows)).rejects.toThrow(message);
  });

  it.each([
    [{ loss: 'cross_entropy' }, pairs, 'loss must be one of "binary_cross_entropy"'],
    [{ loss: 'lambda' }, pairs, 'must be a row of query, docs and labels'],
    [{ loss: 'lambda' }, positives, 'got query and positive'],
    [{ loss: 'margin_mse' }, negatives, 'must be a row of query, positive, negatives and score'],
    [{ k: 3 }, pairs, 'k must be left out: the loss binary_cross_entropy has none'],
    [{ loss: 'rank_net', weightingScheme: 'none' }, lists, 'weightingScheme must be left out'],
    [{ weightingScheme: 'none', mu: 2 }, lists, 'only the weightingScheme ndcg_loss2_pp has it'],
    [{ numNegatives: 0 }, positives, 'numNegatives must be a whole number from 1'],
    [{ numNegatives: 'some' }, positives, "numNegatives must be a whole number or 'all'"],
    [{ posWeight: 0 }, pairs, 'posWeight must be a positive number'],
    [{ method: 'head' }, lists, "method must be 'full' or 'lora' for the loss lambda"],
    [{ lambda: 1 }, lists, 'unknown option "lambda"'],
  ])('%o', async (options, rows, message) => {
    await expect(train(rows, options)).rejects.toThrow(message);
  });
});

describe('reranking', () => {
  const targets = { unit: 'text', width: 1, values: new Float32Array(7) } as const;
  const offsets = Int32Array.from({ length: 8 }, (_, i) => i);
  const texts = new Corpus({ ids: new Int32Array(7), offsets, segments: null }, targets);
  const setOf = (labels: readonly (readonly number[])[]) => ({
    kind: 'lists' as const,
    corpus: new ListCorpus(
      texts,
      labels.map(({ length }) => length),
    ),
    truncated: 0,
    rows: labels.map((relevances) => ({
      shape: 'lists' as const,
      query: 'q',
      docs: relevances.map(() => 'd'),
      relevances,
      field: null,
    })),
  });

  it('has the scores of the definitions', () => {
    const set = setOf([
      [0, 1, 0, 1],
      [0, 2, 1],
    ]);
    // Ranks of the first query: 0, 3 (relevant), 1 (relevant), 2; of the second: 2, 1, 0.
    const found = evaluateReranking(set, [0.9, 0.2, 0.1, 0.5, 0.1, 0.2, 0.3]);
    expect(found.mrr).toBeCloseTo((1 / 2 + 1) / 2, 12);
    expect(found.map).toBeCloseTo(((1 / 2 + 2 / 3) / 2 + 1) / 2, 12);
    const log = Math.log2;
    const first = (1 / log(3) + 1 / log(4)) / (1 + 1 / log(3));
    const second = (1 + 2 / log(3)) / (2 + 1 / log(3));
    expect(found.ndcg).toBeCloseTo((first + second) / 2, 12);
    expect([found.queries, found.documents]).toEqual([2, 7]);
  });

  it('a model that gives one score to all gains nothing from a positive that stands first', () => {
    const { mrr } = evaluateReranking(
      setOf([
        [1, 0, 0, 0],
        [0, 0, 0],
      ]),
      new Array(7).fill(0.5),
    );
    expect(mrr).toBeCloseTo(1 / 4 / 2, 12);
  });

  it('of a row with negatives is that of the same list', async () => {
    await using model = await load();
    const as = negatives.map(({ query, positive, negatives: others }) => ({
      query,
      docs: [positive, ...others],
      labels: [1, 0, 0],
    }));
    expect(await model.evaluate(negatives)).toEqual(await model.evaluate(as));
    const scores = await model.evaluate(margins);
    expect(scores.queries).toBe(24);
    const one = lists.slice(0, 1);
    const { predicted } = await model.evaluate(one);
    const [row] = one;
    const pairsOf = (row?.docs ?? []).map((doc) => [row?.query ?? '', doc] as const);
    expect(predicted[0]).toEqual(await model.score(pairsOf));
  });

  it('pairs have a loss of any scores with mse', async () => {
    await using model = await load();
    const far = pairs.map(({ query, passage, label }) => ({ query, passage, score: 5 * label }));
    await expect(model.evaluate(far)).rejects.toThrow('rows[0].score must be a number from 0 to 1');
    const { loss, predicted } = await model.evaluate(far, { loss: 'mse' });
    const logits = predicted.map((p) => Math.log(p / (1 - p)));
    const mean = far.reduce((sum, { score }, i) => sum + ((logits[i] ?? 0) - score) ** 2, 0) / 24;
    expect(loss).toBeCloseTo(mean, 3);
  });
});
