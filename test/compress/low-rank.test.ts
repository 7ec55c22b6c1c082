/**
 * Products of low rank: exact at full rank, better with texts than without, and models like any other afterwards.
 */
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { saveModel } from '../../lib/checkpoint/save-model.js';
import { cutModel } from '../../lib/compress/cut-model.js';
import { lowRankModel, lowRankProductsModel, productSpectra } from '../../lib/compress/low-rank.js';
import { quantizeModel } from '../../lib/compress/quantize-model.js';
import { lowRankGraph } from '../../lib/graph/rewrite/low-rank.js';
import { lowRankProducts, thinnableProducts } from '../../lib/graph/rewrite/low-rank-products.js';
import type { EncoderGraph } from '../../lib/graph/types.js';
import { Classifier } from '../../lib/models/classifier.js';
import type { ModelParts } from '../../lib/runtime/model-parts.js';
import { temporaryFolder } from '../formats/temporary-folder.js';
import { embedded, fixtureModel, meanCosine, using, vectorsOf } from './models.js';

const texts = [
  'How do I change my PIN?',
  'My card has not arrived yet.',
  'a small red car on a wet road',
  'Why was I charged twice for the same purchase?',
  'The exchange rate of my last transfer was wrong.',
  'where is the nearest library',
];

/** The weights of products whose names contain `part`, with this rank, or the full one where that is lower. */
function ranksOf(graph: EncoderGraph, part: RegExp, rank: number): ReadonlyMap<string, number> {
  const names = graph.nodes.flatMap((node) => (node.op === 'linear' ? node.weights : []));
  const shapes = new Map(graph.weights.map(({ name, shape }) => [name, shape]));
  const full = (name: string) => Math.min(...(shapes.get(name) ?? []));
  const wanted = names.filter((name) => part.test(name));
  return new Map(wanted.map((name) => [name, Math.min(rank, full(name))]));
}

const lowRank = (parts: ModelParts, ranks: ReadonlyMap<string, number>, options = {}) =>
  using(parts, (program) => lowRankModel('test', parts, program, ranks, options));

describe('lowRankModel', () => {
  it.each([
    ['bert', 'embedding', 'pooled'],
    ['albert', 'embedding', 'pooled'],
    ['deberta-v2-seqcls', 'classification', 'logits'],
    ['distilbert-seqcls', 'classification', 'logits'],
  ] as const)('of full rank gives the same vectors: %s', async (name, task, output) => {
    const model = await fixtureModel(name, task);
    const ranks = ranksOf(model.graph, /layer/, 1024);
    expect(ranks.size).toBeGreaterThan(3);
    const whole = await lowRank(model, ranks, { texts });
    const [a, b] = [await vectorsOf(whole, texts, output), await vectorsOf(model, texts, output)];
    expect(meanCosine(a, b)).toBeGreaterThan(0.9999999);
    for (const parts of [whole, model]) await parts.program.retire();
  });

  it('is closer with texts than without, and the closer the larger the rank', async () => {
    const model = await embedded();
    const wanted = await vectorsOf(model, texts);
    const cosines: number[] = [];
    for (const [rank, options] of [
      [32, {}],
      [32, { texts }],
      [160, { texts }],
    ] as const) {
      const small = await lowRank(
        model,
        ranksOf(model.graph, /layer\.[0-2]\.output/, rank),
        options,
      );
      cosines.push(meanCosine(await vectorsOf(small, texts), wanted));
      await small.program.retire();
    }
    const [plain = 1, measured = 0, larger = 0] = cosines;
    expect(measured).toBeGreaterThan(plain);
    expect(larger).toBeGreaterThan(measured);
    expect(larger).toBeGreaterThan(0.99);
    await model.program.retire();
  });

  it('can be saved, loaded, quantized, cut and trained', async () => {
    const model = await fixtureModel('bert-seqcls', 'classification');
    const small = await lowRank(model, ranksOf(model.graph, /layer/, 12), { texts });
    const folder = join(await temporaryFolder(), 'low-rank');
    await using(small, (program) => saveModel(small, program, folder, {}));
    const logits = await vectorsOf(small, texts, 'logits');
    {
      await using loaded = await Classifier.load(folder);
      const again = await loaded.logits(texts);
      expect(texts.map((_, i) => again.row(i))).toEqual(logits);
      const int8 = await using(small, (program) => quantizeModel(small, program, {}));
      expect(meanCosine(await vectorsOf(int8, texts, 'logits'), logits)).toBeGreaterThan(0.99);
      await int8.program.retire();
      const rows = texts.map((text, i) => ({ text, label: loaded.labels[i % 2] as string }));
      const options = { epochs: 30, learningRate: 3e-3, batchSize: 6, seed: 1 };
      const run = await loaded.train(rows, options);
      expect(run.steps).toHaveLength(30);
      const predicted = await loaded.predict(texts);
      expect(predicted.map(({ label }) => label)).toEqual(rows.map(({ label }) => label));
    }
    const cuts = { neurons: new Map([[0, [1, 2, 3]]]) };
    const cut = await using(small, (program) => cutModel('test', small, program, cuts));
    const down = cut.graph.weights.find(({ name }) =>
      /layer\.0\.output\.dense\.low_rank_a/.test(name),
    );
    expect(down?.shape).toEqual([12, 61]);
    for (const parts of [cut, small, model]) await parts.program.retire();
  });

  it('gives the same logits in ONNX Runtime', async () => {
    const model = await fixtureModel('bert-seqcls', 'classification');
    const small = await lowRank(model, ranksOf(model.graph, /layer/, 12), { texts });
    const logits = await vectorsOf(small, texts, 'logits');
    const folder = join(await temporaryFolder(), 'low-rank');
    await using(small, (program) => saveModel(small, program, folder, {}));
    await using loaded = await Classifier.load(folder);
    const file = join(await temporaryFolder(), 'model.onnx');
    await loaded.exportOnnx(file);
    const session = await InferenceSession.create(file);
    for (const [i, text] of texts.slice(0, 3).entries()) {
      const { ids } = await loaded.tokenize(text);
      const whole = (value: (id: number) => bigint) =>
        new Tensor('int64', BigInt64Array.from(Array.from(ids, value)), [1, ids.length]);
      const feeds = {
        input_ids: whole(BigInt),
        attention_mask: whole(() => 1n),
        token_type_ids: whole(() => 0n),
      };
      const found = (await session.run(feeds)).logits?.data as Float32Array;
      for (const [c, value] of found.entries()) expect(value).toBeCloseTo(logits[i]?.[c] ?? 0, 4);
    }
    await session.release();
    for (const parts of [small, model]) await parts.program.retire();
  });

  it('refuses what it cannot replace', async () => {
    const model = await fixtureModel('bert-mlm', 'masked-lm');
    const { graph } = model;
    const call = (name: string, rank: number) => () => lowRankGraph(graph, new Map([[name, rank]]));
    const query = 'encoder.layer.0.attention.self.query.weight';
    const known = graph.weights.map(({ name }) => name);
    const named = known.find((name) => name.endsWith(query)) ?? '';
    const table = known.find((name) => name.endsWith('word_embeddings.weight')) ?? '';
    expect(call('nothing', 3)).toThrow('"nothing" is not the weight of a product');
    expect(call(named, 0)).toThrow('must be from 1 to 20, got 0');
    expect(call(named, 33)).toThrow('must be from 1 to 20, got 33');
    expect(call(table, 3)).toThrow(/shared with|is not the weight of a product/);
    await expect(lowRank(model, new Map())).rejects.toThrow(RangeError);
    await expect(lowRank(model, new Map([[named, 4]]), { texts: [] })).rejects.toThrow(RangeError);
    const int8 = await using(model, (program) => quantizeModel(model, program, {}));
    const refused = lowRank(int8, new Map([[named, 4]]));
    await expect(refused).rejects.toMatchObject({ code: 'UNSUPPORTED_MODEL' });
    for (const parts of [int8, model]) await parts.program.retire();
  });
});

describe('lowRankProductsModel', () => {
  const lowRankOf = (parts: ModelParts, rank: number, options = {}) => {
    const products = thinnableProducts(parts.graph);
    const ranks = products.map(({ name, inputs, outputs }) => {
      const all = outputs.reduce((sum, count) => sum + count, 0);
      return [name, Math.min(rank, inputs, all)] as const;
    });
    return using(parts, (program) =>
      lowRankProductsModel('test', parts, program, new Map(ranks), options),
    );
  };

  it.each([
    ['bert', 'embedding', 'pooled'],
    ['albert', 'embedding', 'pooled'],
    ['modernbert', 'embedding', 'hidden'],
    ['deberta-v2-seqcls', 'classification', 'logits'],
  ] as const)('of full rank gives the same vectors: %s', async (name, task, output) => {
    const model = await fixtureModel(name, task);
    const whole = await lowRankOf(model, 1024, { texts });
    const stacked = model.graph.nodes.filter(
      (node) => node.op === 'linear' && node.weights.length === 3,
    );
    const still = whole.graph.nodes.filter(
      (node) => node.op === 'linear' && node.weights.length === 3,
    );
    expect(still).toHaveLength(stacked.length);
    if (output !== 'hidden') {
      const [a, b] = [await vectorsOf(whole, texts, output), await vectorsOf(model, texts, output)];
      expect(meanCosine(a, b)).toBeGreaterThan(0.9999999);
    }
    for (const parts of [whole, model]) await parts.program.retire();
  });

  it('has the errors that the singular values tell, which are smaller for activations', async () => {
    const model = await fixtureModel('bert-seqcls', 'classification');
    const weighted = await using(model, (program) =>
      productSpectra('test', model, program, { texts }),
    );
    const plain = await using(model, (program) => productSpectra('test', model, program));
    const lost = (values: Float64Array, rank: number) => {
      const square = (sum: number, value: number) => sum + value * value;
      return values.slice(rank).reduce(square, 0) / values.reduce(square, 0);
    };
    const products = thinnableProducts(model.graph);
    expect([...weighted.keys()]).toHaveLength(products.length);
    for (const { name, inputs, outputs } of products) {
      const own = weighted.get(name) ?? new Float64Array();
      const all = outputs.reduce((sum, count) => sum + count, 0);
      expect(own).toHaveLength(Math.min(inputs, all));
      // Six texts use few directions, so they need a smaller rank than all weights do.
      expect(lost(own, 8), name).toBeLessThan(lost(plain.get(name) ?? own, 8));
    }
    const [near, far] = [await lowRankOf(model, 8, { texts }), await lowRankOf(model, 8)];
    const wanted = await vectorsOf(model, texts, 'logits');
    const off = async (parts: ModelParts) => {
      const found = await vectorsOf(parts, texts, 'logits');
      return found.flatMap((row, i) =>
        [...row].map((one, j) => (one - (wanted[i]?.[j] ?? 0)) ** 2),
      );
    };
    const sum = (values: readonly number[]) => values.reduce((total, one) => total + one, 0);
    expect(sum(await off(near))).toBeLessThan(sum(await off(far)));
    for (const parts of [near, far, model]) await parts.program.retire();
  });

  it('refuses products that are none, ranks out of range, and adapters', async () => {
    const { graph, program } = await fixtureModel('bert-mlm', 'masked-lm');
    const call = (name: string, rank: number) => () =>
      lowRankProducts(graph, new Map([[name, rank]]));
    const [first] = thinnableProducts(graph);
    expect(call('nothing', 3)).toThrow('"nothing" is no f32 product');
    expect(call(first?.name ?? '', 0)).toThrow('must be from 1 to');
    expect(call(first?.name ?? '', 4096)).toThrow('must be from 1 to');
    // The table of tokens is a product of the head, too.
    const tied = graph.nodes.flatMap((node) => (node.op === 'embedding' ? node.tables : []));
    const token = tied.find(({ index }) => index === 'token')?.weight ?? '';
    expect(thinnableProducts(graph).some(({ weights }) => weights.includes(token))).toBe(false);
    await program.retire();
  });
});
