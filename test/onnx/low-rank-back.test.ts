/**
 * Models whose products are two thin ones in a row, and those with a factorised table, go to a folder and to an ONNX file and come
 * back: the same bits in f32, the same labels in int8 and in ONNX Runtime.
 */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { saveModel } from '../../lib/checkpoint/save-model.js';
import { factoredTable } from '../../lib/compress/factor-table.js';
import { lowRankModel } from '../../lib/compress/low-rank.js';
import { importOnnx, STYLES } from '../../lib/formats/onnx/import/index.js';
import { unify } from '../../lib/graph/unify.js';
import { Classifier, Encoder } from '../../lib/index.js';
import { insideOf } from '../../lib/models/text-model.js';
import type { ModelParts } from '../../lib/runtime/model-parts.js';
import { fixtureModel, using } from '../compress/models.js';
import { temporaryFolder } from '../formats/temporary-folder.js';
import { runOnnx } from '../models/run-onnx.js';

const TEXTS = ['the people of the state', 'of the people', 'for the states', 'that is in our'];

/** Every weight of a product of the layers whose name contains `part`. */
function weightsOf({ graph }: ModelParts, part: RegExp): readonly string[] {
  const names = graph.nodes.flatMap((node) => (node.op === 'linear' ? node.weights : []));
  return [...new Set(names)].filter((name) => /layer/.test(name) && part.test(name));
}

/** The folder of a model whose products `part` have this rank; the original is freed. */
async function lowRankFolder(model: ModelParts, part: RegExp, rank: number): Promise<string> {
  const names = weightsOf(model, part);
  expect(names.length).toBeGreaterThan(0);
  const ranks = new Map(names.map((name) => [name, rank]));
  const small = await using(model, (program) =>
    lowRankModel('test', model, program, ranks, { texts: TEXTS }),
  );
  return folderOf(small, model);
}

async function folderOf(small: ModelParts, model: ModelParts): Promise<string> {
  const folder = join(await temporaryFolder(), 'low-rank');
  await using(small, (program) => saveModel(small, program, folder, {}));
  for (const parts of [small, model]) await parts.program.retire();
  return folder;
}

const argmax = (row: ArrayLike<number>) => Array.from(row).indexOf(Math.max(...Array.from(row)));

describe('a classifier of low rank', () => {
  it.each([
    ['bert-seqcls', /./],
    ['bert-seqcls', /query/],
    ['bert-seqcls', /value|output/],
    ['distilbert-seqcls', /./],
    ['roberta-seqcls', /./],
    ['deberta-v2-seqcls', /./],
  ] as const)('%s with %s comes back from ONNX with the same bits', async (name, part) => {
    const folder = await lowRankFolder(await fixtureModel(name, 'classification'), part, 5);
    await using saved = await Classifier.load(folder);
    const file = join(folder, 'model.onnx');
    await saved.exportOnnx(file);
    await using back = await Classifier.load(file);
    const { data } = await saved.logits(TEXTS);
    expect((await back.logits(TEXTS)).data).toEqual(data);
    const [ours, theirs] = [insideOf(saved).parts.graph, insideOf(back).parts.graph];
    const unified = unify(theirs, ours, { outputs: ['logits'], dropout: false });
    expect(unified.difference).toBeUndefined();
    const theirNames = theirs.weights.map((weight) => weight.name);
    const pairs = ours.weights.filter((weight) => /low_rank_a/.test(weight.name)).length;
    expect(theirNames.filter((one) => /low_rank_a\.weight$/.test(one))).toHaveLength(pairs);
    const width = data.length / TEXTS.length;
    const found = await runOnnx(file, saved, 'logits', TEXTS);
    const rows = (all: ArrayLike<number>) =>
      TEXTS.map((_, i) => Array.from(all).slice(i * width, (i + 1) * width));
    expect(rows(found).map(argmax)).toEqual(rows(data).map(argmax));
    for (const [i, one] of data.entries()) expect(found[i]).toBeCloseTo(one, 4);
  });

  it('is exported and imported in int8', async () => {
    const model = await fixtureModel('bert-seqcls', 'classification');
    const folder = await lowRankFolder(model, /./, 9);
    await using saved = await Classifier.load(folder);
    await using int8 = await saved.quantize();
    const file = join(folder, 'model_quantized.onnx');
    await int8.exportOnnx(file);
    await using back = await Classifier.load(file);
    expect(back.quantization).not.toBeNull();
    const labels = async (one: Classifier) => (await one.predict(TEXTS)).map(({ label }) => label);
    expect(await labels(back)).toEqual(await labels(int8));
    const wanted = (await int8.logits(TEXTS)).data;
    for (const [i, one] of (await back.logits(TEXTS)).data.entries())
      expect(one).toBeCloseTo(wanted[i] ?? 99, 1);
  });
});

describe('an encoder of low rank', () => {
  it.each([['modernbert'], ['mpnet'], ['bert'], ['albert']])(
    '%s comes back from ONNX with the same bits',
    async (name) => {
      const folder = await lowRankFolder(await fixtureModel(name), /./, 5);
      await using saved = await Encoder.load(folder, { pooling: 'mean' });
      const file = join(folder, 'model.onnx');
      await saved.exportOnnx(file);
      await using back = await Encoder.load(file, { pooling: 'mean' });
      expect((await back.embed(TEXTS)).data).toEqual((await saved.embed(TEXTS)).data);
    },
  );

  it.each([['bert'], ['modernbert'], ['mpnet']])(
    '%s with a factorised table comes back from ONNX with the same bits',
    async (name) => {
      const model = await fixtureModel(name);
      const { parts } = await using(model, (program) =>
        factoredTable('test', model, program, 7, { texts: TEXTS }),
      );
      const folder = await folderOf(parts, model);
      await using saved = await Encoder.load(folder, { pooling: 'mean' });
      const file = join(folder, 'model.onnx');
      await saved.exportOnnx(file);
      await using back = await Encoder.load(file, { pooling: 'mean' });
      expect((await back.embed(TEXTS)).data).toEqual((await saved.embed(TEXTS)).data);
    },
  );
});

it('names both products of a pair after the product that they stand for', async () => {
  const model = await fixtureModel('bert-seqcls', 'classification');
  const folder = await lowRankFolder(model, /query|attention.output/, 5);
  await using saved = await Classifier.load(folder);
  const file = join(folder, 'model.onnx');
  await saved.exportOnnx(file);
  const imported = await importOnnx(file);
  const names = imported
    .graph(STYLES[0] as (typeof STYLES)[number])
    .graph.weights.map((weight) => weight.name);
  for (const layer of [0, 1])
    for (const what of ['query', 'output'])
      for (const factor of ['a', 'b'])
        expect(names).toContain(`layers.${layer}.attention.${what}.low_rank_${factor}.weight`);
});
