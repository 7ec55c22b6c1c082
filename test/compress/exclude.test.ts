/**
 * Products that stay f32 in an int8 model: how they are named, and that such a model computes the same after every way out and
 * back.
 */

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { quantizableProducts } from '../../lib/graph/rewrite/products.js';
import { Classifier } from '../../lib/models/classifier.js';
import { Encoder } from '../../lib/models/encoder.js';
import { MaskedLM } from '../../lib/models/masked-lm.js';
import { insideOf } from '../../lib/models/text-model.js';
import { temporaryFolder } from '../formats/temporary-folder.js';

const fixture = (name: string) =>
  fileURLToPath(new URL(`../fixtures/encoders/${name}`, import.meta.url));

const TEXTS = ['the people', 'a red car is here', '', 'one two three four five six'];

/** The excluded products of a quantization with these names. */
async function excluded(
  model: { quantize: Classifier['quantize'] },
  exclude: readonly string[],
): Promise<readonly string[]> {
  await using small = await model.quantize({ exclude });
  return small.quantization?.excluded ?? [];
}

describe('the names of products', async () => {
  const model = await Classifier.load(fixture('bert-seqcls'));
  const distil = await Classifier.load(fixture('distilbert-seqcls'));
  afterAll(() => Promise.all([model.dispose(), distil.dispose()]));

  it('are those of modules, and each selects itself', async () => {
    const layer = (i: number) =>
      ['attention.self', 'attention.output.dense', 'intermediate.dense', 'output.dense'].map(
        (name) => `bert.encoder.layer.${i}.${name}`,
      );
    const { graph } = insideOf(model).parts;
    const names = quantizableProducts(graph).map(({ name }) => name);
    expect(names).toEqual(['bert.embeddings.word_embeddings', ...layer(0), ...layer(1)]);
    for (const name of names) expect(await excluded(model, [name])).toEqual([name]);
    for (const { name } of quantizableProducts(insideOf(distil).parts.graph))
      expect(await excluded(distil, [name])).toEqual([name]);
  });

  it.each([
    ['a weight', ['bert.encoder.layer.1.output.dense.weight'], ['encoder.layer.1.output.dense']],
    ['no prefix of a class', ['encoder.layer.1.output.dense'], ['encoder.layer.1.output.dense']],
    ['another class', ['roberta.encoder.layer.1.output'], ['encoder.layer.1.output.dense']],
    ['a value of the graph', ['layer.0.projected'], ['encoder.layer.0.attention.output.dense']],
    ['one of a stack', ['layer.0.attention.self.key'], null],
    [
      'the key of a stack',
      ['encoder.layer.0.attention.self.key'],
      ['encoder.layer.0.attention.self'],
    ],
    [
      'a pattern',
      ['*.output.dense'],
      [0, 1].flatMap((i) => [
        `encoder.layer.${i}.attention.output.dense`,
        `encoder.layer.${i}.output.dense`,
      ]),
    ],
    ['the table', ['embeddings'], ['embeddings.word_embeddings']],
    ['weights that are f32 anyway', ['classifier', 'pooler.*'], []],
  ] as const)('%s', async (_, exclude, found) => {
    if (found === null) await expect(model.quantize({ exclude })).rejects.toThrow(RangeError);
    else expect(await excluded(model, exclude)).toEqual(found.map((name) => `bert.${name}`));
  });

  it('select all of a layer', async () => {
    expect(await excluded(model, ['encoder.layer.1'])).toHaveLength(4);
    expect(await excluded(model, ['layer.1'])).toHaveLength(4);
    expect(await excluded(distil, ['transformer.layer.1', 'layer.0.qkv'])).toHaveLength(5);
  });

  it('that fit nothing, or everything, are refused', async () => {
    const refused = (exclude: unknown) => model.quantize({ exclude: exclude as string[] });
    await expect(refused(['layer.1', 'encoder.layer.0.outptu.dense'])).rejects.toThrow(
      new RangeError(
        'quantize: exclude[1] must be a product of the model or a pattern that fits one, got ' +
          '"encoder.layer.0.outptu.dense"; did you mean encoder.layer.0.output.dense?',
      ),
    );
    await expect(refused(['*.gate'])).rejects.toThrow(/got "\*\.gate"; it has bert\.embeddings/);
    await expect(refused(['encoder.layer.10'])).rejects.toThrow(
      /did you mean encoder\.layer\.[01]\?/,
    );
    await expect(refused(['*'])).rejects.toThrow(/exclude must be names that leave something/);
    await expect(refused('layer.1')).rejects.toThrow(TypeError);
    await expect(refused([1])).rejects.toThrow('quantize: exclude[0] must be a name, got 1');
  });

  it('of weights that several products read select all of these', async () => {
    await using albert = await Encoder.load(fixture('albert'), { pooling: 'mean' });
    const products = quantizableProducts(insideOf(albert).parts.graph);
    // The table, the product behind it, and four products that all layers share.
    expect(products.map(({ outputs }) => outputs.length)).toEqual([0, 1, 3, 3, 3, 3]);
    await using small = await albert.quantize({ exclude: ['layer.1.intermediate'] });
    expect(small.quantization?.excluded).toEqual([products[4]?.name]);
    await using masked = await MaskedLM.load(fixture('bert-mlm'));
    const [table] = quantizableProducts(insideOf(masked).parts.graph);
    expect(table).toMatchObject({ isTable: true, outputs: ['logits'] });
    await using kept = await masked.quantize({ exclude: ['bert.embeddings.word_embeddings'] });
    expect(kept.quantization?.excluded).toContain('bert.embeddings.word_embeddings');
  });
});

describe('a model of f32 and int8 products', () => {
  it.each([
    ['bert-seqcls', ['layer.0.qkv', 'layer.1.output']],
    ['bert-seqcls', ['embeddings', 'layer.1.intermediate']],
    ['bert-seqcls', ['encoder.layer.*']],
    ['deberta-v2-seqcls', ['layer.0.k', 'layer.1.output']],
    ['distilbert-seqcls', ['layer.0.qkv', 'layer.0.output']],
  ] as const)('%s without %j has the same bits after save and load', async (name, exclude) => {
    await using model = await Classifier.load(fixture(name));
    for (const activationBits of [8, 7] as const) {
      await using small = await model.quantize({ exclude, activationBits });
      const folder = join(await temporaryFolder(), 'model');
      await small.save(folder);
      await using loaded = await Classifier.load(folder);
      expect(loaded.quantization).toEqual(small.quantization);
      expect((await loaded.logits(TEXTS)).data).toEqual((await small.logits(TEXTS)).data);
    }
  });

  it('is exported to ONNX and read again with the same products', async () => {
    await using model = await Classifier.load(fixture('bert-seqcls'));
    // Products with an equalizer come back as f32, so this one has none.
    const options = { exclude: ['layer.0.qkv', 'layer.1.output'], equalize: false };
    await using small = await model.quantize(options);
    const file = join(await temporaryFolder(), 'model.onnx');
    await small.exportOnnx(file);
    await using loaded = await Classifier.load(file);
    expect(loaded.quantization?.quantized).toBe(small.quantization?.quantized);
    expect(loaded.quantization?.excluded).toHaveLength(2);
    expect((await loaded.logits(TEXTS)).data).toEqual((await small.logits(TEXTS)).data);
  });
});
