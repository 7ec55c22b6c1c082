/** Low rank as a form of its own: where products become two, what the report says of each, and a full model afterwards. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { thinnableProducts } from '../../../lib/graph/rewrite/low-rank-products.js';
import { Classifier } from '../../../lib/index.js';
import { insideOf } from '../../../lib/models/text-model.js';
import { temporaryFolder } from '../../formats/temporary-folder.js';
import { runOnnx } from '../run-onnx.js';
import { labelModel, labelRows, QUICK, textsOf, vectorModel } from './kinds.js';

const rows = labelRows(100);
const probe = textsOf(12);
const METHODS = ['low-rank', 'distil'] as const;

let model: Classifier<'early' | 'late'>;
beforeAll(async () => {
  model = await labelModel();
});
afterAll(() => model.dispose());

const bytesOf = async (one: Classifier<'early' | 'late'>) => (await one.info()).storedBytes;

/** Times in which products of the model's shapes are faster as two, or not, as a machine would have measured them. */
function timesOf(shareOf: (key: string) => number) {
  const products = thinnableProducts(insideOf(model).parts.graph);
  const shapes = products.map(({ inputs, outputs, hasBias, activation }) => {
    const key = `${inputs} -> ${outputs.join(' + ')}${hasBias ? '' : ', no bias'}${activation === 'none' ? '' : `, ${activation}`}`;
    return [key, { wholeMs: 1, ranks: [2, 4], shares: [shareOf(key), shareOf(key) + 0.2] }];
  });
  const times = { rows: 100, shapes: Object.fromEntries(shapes) };
  return { products: times, fullMs: 20, tokens: 100, texts: 10, precisionGain: 1 };
}

describe('compress with low rank', { timeout: 120_000 }, () => {
  it('meets a number of bytes, says what became of each product, and gives a full model', async () => {
    const target = { bytes: Math.round(0.9 * (await bytesOf(model))) };
    const { model: small, report } = await model.compress({
      ...{ ...QUICK, rows, lowRank: {}, methods: METHODS, target },
    });
    await using own = small;
    expect(report.verdict.passes).toBe(true);
    expect(await bytesOf(own)).toBeLessThanOrEqual(target.bytes);
    const { ranks = [], settings } = report.data;
    expect(ranks.map(({ name }) => name)).toEqual(
      thinnableProducts(insideOf(model).parts.graph).map(({ name }) => name),
    );
    const thin = ranks.filter(({ rank }) => rank !== null);
    expect(thin.length).toBeGreaterThan(0);
    for (const { rank, lost, share, decision } of thin) {
      expect(rank).toBeGreaterThan(0);
      expect(lost).toBeGreaterThan(0);
      expect(lost).toBeLessThan(1);
      expect(share).toBeLessThan(1);
      expect(decision).toBe('two products, smaller');
    }
    for (const { rank, lost } of ranks) if (rank === null) expect(lost).toBe(0);
    expect(settings).toMatchObject({ lowRank: { rank: null, weighting: 'activations' } });
    expect((await own.info()).compression).toMatchObject({
      ranks: thin.map(({ name, rank }) => [name, rank]),
    });
    expect(report.data.choices?.join('\n')).toContain('products are two thin ones');
    const folder = join(await temporaryFolder(), 'model');
    await report.save(`${folder}.html`);
    expect(await readFile(`${folder}.html`, 'utf8')).toContain('Rank of each product');
    await own.save(folder);
    await using loaded = await Classifier.load<'early' | 'late'>(folder);
    const { data } = await own.logits(probe);
    expect((await loaded.logits(probe)).data).toEqual(data);
    const file = join(folder, 'model.onnx');
    await own.exportOnnx(file);
    const found = await runOnnx(file, own, 'logits', probe);
    for (const [i, one] of data.entries()) expect(found[i]).toBeCloseTo(one, 4);
    await using imported = await Classifier.load(file, { labels: ['early', 'late'] });
    expect((await imported.logits(probe)).data).toEqual(data);
  });

  it('makes the same model again, to the bit', async () => {
    const target = { bytes: Math.round(0.9 * (await bytesOf(model))) };
    const options = { ...QUICK, rows, lowRank: {}, target } as const;
    const [a, b] = [await model.compress(options), await model.compress(options)];
    await using first = a.model;
    await using second = b.model;
    expect(first.quantization).not.toBeNull();
    expect((await second.logits(probe)).data).toEqual((await first.logits(probe)).data);
    expect(b.report.data.ranks).toEqual(a.report.data.ranks);
  });

  it('leaves products whole that are not faster as two, by the table that it is given', async () => {
    const latency = timesOf((key) => (key.includes('gelu') ? 0.5 : 1.1));
    const { model: small, report } = await model.compress({
      ...{ ...QUICK, rows, lowRank: {}, methods: METHODS, target: { speedup: 1.05 }, latency },
    });
    await using own = small;
    const { ranks = [] } = report.data;
    const thin = ranks.filter(({ rank }) => rank !== null).map(({ name }) => name);
    expect(thin.length).toBeGreaterThan(0);
    expect(thin.every((name) => name.includes('intermediate'))).toBe(true);
    for (const { rank, share, decision } of ranks) {
      if (rank !== null) continue;
      expect(['whole: two are not faster', 'whole: others lose less']).toContain(decision);
      if (decision === 'whole: two are not faster') expect(share).toBe(1.1);
    }
    const names = insideOf(own).parts.graph.weights.map(({ name }) => name);
    const firsts = names.filter((name) => name.endsWith('.low_rank_a.weight'));
    expect(firsts).toHaveLength(thin.length);
    expect(report.data.latency).toMatchObject(latency);
  });

  it('changes nothing where no product is faster as two, and misses a target of speed', async () => {
    const options = {
      ...QUICK,
      rows,
      methods: ['low-rank'],
      latency: timesOf(() => 0.99),
    } as const;
    const { model: same, report } = await model.compress(options);
    await using own = same;
    expect((await own.logits(probe)).data).toEqual((await model.logits(probe)).data);
    expect(report.data.ranks?.every(({ rank }) => rank === null)).toBe(true);
    expect(report.verdict.passes).toBe(true);
    const missed = await model.compress({ ...options, target: { speedup: 50 } });
    await missed.model.dispose();
    expect(missed.report.verdict.passes).toBe(false);
    expect(missed.report.verdict.reason).toContain('50 times the speed was not reached');
  });

  it('takes the given rank from a table of several', async () => {
    const { model: small, report } = await model.compress({
      ...{
        ...QUICK,
        rows,
        lowRank: { rank: 4 },
        methods: ['low-rank'],
        latency: timesOf(() => 0.5),
      },
    });
    await small.dispose();
    expect(report.data.ranks?.every(({ rank, share }) => rank === 4 && share === 0.7)).toBe(true);
  });

  it('measures this machine where there is no table', async () => {
    const { model: small, report } = await model.compress({
      ...{ ...QUICK, rows, lowRank: { rank: 1 }, methods: ['low-rank'] },
    });
    await using own = small;
    const { ranks = [], latency } = report.data;
    const { products } = latency as unknown as ReturnType<typeof timesOf>;
    expect(Object.keys(products.shapes).length).toBeGreaterThan(1);
    for (const { rank, share } of ranks) {
      expect(share).toBeGreaterThan(0);
      // Only what was measured to be faster is in two.
      expect(rank === null).toBe((share ?? 0) >= 0.95);
    }
    expect((await own.predict(probe)).length).toBe(probe.length);
  });

  it('weighted by the activations is nearer to the original than without', async () => {
    await using encoder = await vectorModel();
    const texts = textsOf(100);
    const near: number[] = [];
    for (const weighting of ['none', 'activations'] as const) {
      const { model: small } = await encoder.compress({
        ...{ ...QUICK, rows: texts, lowRank: { rank: 6, weighting }, methods: ['low-rank'] },
        target: { bytes: 1e6 },
      });
      await using own = small;
      const [a, b] = [await own.embed(texts), await encoder.embed(texts)];
      const off = a.data.reduce((sum, one, i) => sum + (one - (b.data[i] ?? 0)) ** 2, 0);
      near.push(off);
    }
    expect(near[1]).toBeLessThan(near[0] ?? 0);
  });

  it('refuses what contradicts itself', async () => {
    const refused = (options: object) =>
      expect(model.compress({ rows, ...options } as never)).rejects;
    await refused({ lowRank: { rank: 0 } }).toThrow(
      'compress: lowRank: rank must be a whole number',
    );
    await refused({ lowRank: { ranks: 4 } }).toThrow('unknown option "ranks"');
    await refused({ lowRank: { weighting: 'some' } }).toThrow(
      'compress: lowRank: weighting must be',
    );
    await refused({ lowRank: 3 }).toThrow(TypeError);
    await refused({ lowRank: {}, student: { layers: 1 } }).toThrow(
      'lowRank must be left out beside',
    );
    await refused({ lowRank: {}, methods: ['distil'] }).toThrow('a list with low-rank');
    await refused({ lowRank: {}, methods: ['low-rank', 'depth'] }).toThrow(
      'a list without depth, width, student beside lowRank, got "depth"',
    );
    await refused({ lowRank: { rank: 4 }, target: { speedup: 2 } }).toThrow('lowRank: rank');
    await refused({ lowRank: { rank: 3 }, latency: timesOf(() => 0.5) }).toThrow(
      'was not measured at rank 3',
    );
    await refused({ lowRank: {}, latency: {} }).toMatchObject({ code: 'INVALID_DATA' });
    await refused({ lowRank: {}, latency: { products: { shapes: {} } } }).toMatchObject({
      code: 'INVALID_DATA',
    });
  });
});
