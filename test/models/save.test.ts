/**
 * Saving and loading again: the same bits, in f32 and in int8; and what no model can be loaded from.
 */

import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openSafetensors } from '../../lib/formats/safetensors.js';
import { type TensorToWrite, writeSafetensors } from '../../lib/formats/safetensors-writer.js';
import { Classifier } from '../../lib/models/classifier.js';
import { Encoder } from '../../lib/models/encoder.js';
import { temporaryFolder } from '../formats/temporary-folder.js';

const fixture = (name: string) =>
  fileURLToPath(new URL(`../fixtures/encoders/${name}`, import.meta.url));

const TEXTS = ['the people of the united states', '', 'of'];

const json = async (...path: string[]) =>
  JSON.parse(await readFile(join(...path), 'utf8')) as Record<string, unknown>;

describe('save and load', () => {
  it('an encoder, f32 and int8: equal bits', async () => {
    const folder = await temporaryFolder();
    await using encoder = await Encoder.load(fixture('bert'), { pooling: 'cls', normalize: true });
    await using small = await encoder.quantize();
    for (const [name, model] of Object.entries({ encoder, small })) {
      const expected = await model.embed(TEXTS);
      await model.save(join(folder, name));
      // Pooling and normalisation come from the files now.
      await using loaded = await Encoder.load(join(folder, name));
      expect(await loaded.embed(TEXTS)).toEqual(expected);
      expect((await loaded.info()).quantized).toBe(name === 'small');
      await loaded.save(join(folder, `${name}-again`));
      const weights = (path: string) => readFile(join(folder, path, 'model.safetensors'));
      expect(await weights(`${name}-again`)).toEqual(await weights(name));
    }
    expect(await readdir(join(folder, 'encoder'))).toEqual([
      '1_Pooling',
      'config.json',
      'config_sentence_transformers.json',
      'model.safetensors',
      'modules.json',
      'sentence_bert_config.json',
      'special_tokens_map.json',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
  });

  it('a trained classifier, f32, int8 and f16', async () => {
    const folder = await temporaryFolder();
    await using model = await Classifier.load(fixture('bert'), { labels: ['a', 'b'] });
    const rows = TEXTS.map((text, i) => ({ text, label: i === 0 ? 'a' : 'b' }));
    await model.train(rows, { epochs: 2 });
    await using small = await model.quantize({ embeddings: false });
    for (const [name, one] of Object.entries({ model, small })) {
      await one.save(join(folder, name));
      await using loaded = await Classifier.load(join(folder, name));
      expect(loaded.labels).toEqual(['a', 'b']);
      expect(await loaded.logits(TEXTS)).toEqual(await one.logits(TEXTS));
    }
    await model.save(join(folder, 'half'), { dtype: 'f16' });
    await using half = await Classifier.load(join(folder, 'half'));
    const [ours, theirs] = [await half.logits(TEXTS), await model.logits(TEXTS)];
    for (const [i, value] of ours.data.entries()) expect(value).toBeCloseTo(theirs.data[i] ?? 0, 2);
    expect(ours).not.toEqual(theirs);
  });

  it('writes what transformers expects of a classifier', async () => {
    const folder = join(await temporaryFolder(), 'model');
    await using model = await Classifier.load(fixture('bert'), { labels: ['ham', 'spam'] });
    await model.save(folder);
    expect(await json(folder, 'config.json')).toMatchObject({
      architectures: ['BertForSequenceClassification'],
      model_type: 'bert',
      id2label: { 0: 'ham', 1: 'spam' },
      label2id: { ham: 0, spam: 1 },
      problem_type: 'single_label_classification',
    });
    const file = await openSafetensors(join(folder, 'model.safetensors'));
    const untrained = '["classifier.weight","classifier.bias"]';
    expect(file.metadata).toEqual({ format: 'pt', 'sinter.untrained': untrained });
    expect(file.tensors.get('classifier.weight')).toMatchObject({ dtype: 'F32', shape: [2, 20] });
    expect([...file.tensors.keys()].filter((name) => !name.startsWith('bert.'))).toEqual([
      'classifier.bias',
      'classifier.weight',
    ]);
    await file.close();
    const small = join(folder, '..', 'small');
    await using quantized = await model.quantize();
    await quantized.save(small);
    expect((await json(small, 'config.json')).quantization_config).toEqual({
      quant_method: 'sinter',
      bits: 8,
      activation_bits: 8,
    });
  });

  it('writes a checkpoint of transformers back tensor by tensor', async () => {
    const folder = join(await temporaryFolder(), 'model');
    await using model = await Classifier.load(fixture('bert-seqcls'));
    await model.save(folder);
    const theirs = await openSafetensors(join(fixture('bert-seqcls'), 'model.safetensors'));
    const ours = await openSafetensors(join(folder, 'model.safetensors'));
    expect([...ours.tensors.keys()].sort()).toEqual([...theirs.tensors.keys()].sort());
    for (const [name, { dtype, shape }] of theirs.tensors) {
      expect(ours.tensors.get(name)).toMatchObject({ dtype, shape });
      expect(await ours.readBytes(name), name).toEqual(await theirs.readBytes(name));
    }
    await Promise.all([ours.close(), theirs.close()]);
  });

  it('keeps lowercasing that only the sentence-transformers files asked for', async () => {
    const folder = await temporaryFolder();
    await using plain = await Encoder.load(fixture('bert'), { pooling: 'mean' });
    await plain.save(join(folder, 'encoder'));
    const file = join(folder, 'encoder', 'tokenizer.json');
    const tokenizer = (await json(file)) as { normalizer: object };
    const cased = { ...tokenizer, normalizer: { ...tokenizer.normalizer, lowercase: false } };
    await writeFile(file, JSON.stringify(cased));
    const settings = join(folder, 'encoder', 'sentence_bert_config.json');
    await writeFile(settings, JSON.stringify({ max_seq_length: 64, do_lower_case: true }));
    const texts = ['THE PEOPLE', 'the people'];
    await using encoder = await Encoder.load(join(folder, 'encoder'));
    await using model = await encoder.classifier({ labels: ['a', 'b'] });
    await encoder.save(join(folder, 'again'));
    await model.save(join(folder, 'classifier'));
    await using again = await Encoder.load(join(folder, 'again'));
    await using loaded = await Classifier.load(join(folder, 'classifier'));
    for (const rows of [
      await encoder.embed(texts),
      await again.embed(texts),
      await model.logits(texts),
      await loaded.logits(texts),
    ]) {
      expect(rows.row(0)).toEqual(rows.row(1));
    }
  });

  it('refuses a folder that has content, and options it does not know', async () => {
    const folder = await temporaryFolder();
    await using model = await Classifier.load(fixture('bert-seqcls'));
    await writeFile(join(folder, 'precious.txt'), 'x');
    await expect(model.save(folder)).rejects.toThrow(RangeError);
    await expect(model.save(folder, { overwrite: true })).rejects.toThrow(RangeError);
    expect(await readdir(folder)).toEqual(['precious.txt']);
    const dtype = 'f64' as never;
    await expect(model.save(join(folder, 'x'), { dtype })).rejects.toThrow(
      new RangeError('save: dtype must be one of "f32", "f16", "held", got "f64"'),
    );
    await model.save(join(folder, 'x'));
    await expect(model.save(join(folder, 'x'))).rejects.toThrow(RangeError);
    await model.save(join(folder, 'x'), { overwrite: true });
  });
});

/** A copy of a fixture whose tensors went through `change`. */
async function changed(
  name: string,
  change: (tensor: TensorToWrite & { data: Uint8Array }) => TensorToWrite[],
): Promise<string> {
  const folder = join(await temporaryFolder(), name);
  await cp(fixture(name), folder, { recursive: true });
  const file = await openSafetensors(join(fixture(name), 'model.safetensors'));
  const tensors: TensorToWrite[] = [];
  for (const [tensor, { dtype, shape }] of file.tensors) {
    tensors.push(...change({ name: tensor, dtype, shape, data: await file.readBytes(tensor) }));
  }
  await file.close();
  await writeSafetensors(join(folder, 'model.safetensors'), tensors);
  return folder;
}

describe('bad models', () => {
  const victim = 'bert.encoder.layer.1.output.dense.weight';

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('a weight with %s is named', async (value) => {
    const folder = await changed('bert-seqcls', (tensor) => {
      if (tensor.name === victim) new DataView(tensor.data.buffer).setFloat32(400, value, true);
      return [tensor];
    });
    const error = await Classifier.load(folder).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'CORRUPT_MODEL', details: { file: folder } });
    expect(String(error)).toContain(victim);
  });

  it('numbers too large to compute with are an error of the call that returns them', async () => {
    const folder = await changed('bert-seqcls', (tensor) => {
      if (tensor.name === 'classifier.weight') {
        new Float32Array(tensor.data.buffer, tensor.data.byteOffset).fill(3e38);
      }
      return [tensor];
    });
    await using model = await Classifier.load(folder);
    await expect(model.predict(TEXTS)).rejects.toMatchObject({
      code: 'CORRUPT_MODEL',
      message: expect.stringMatching(/^predict: the model gives (-?Infinity|NaN)/) as string,
    });
  });

  it('int8 weights need scales, and a method that is known', async () => {
    const folder = await temporaryFolder();
    await using model = await Classifier.load(fixture('bert-seqcls'));
    await using small = await model.quantize();
    await small.save(join(folder, 'small'));
    const file = join(folder, 'small', 'config.json');
    const config = await json(file);
    const method = { ...config, quantization_config: { quant_method: 'gptq' } };
    await writeFile(file, JSON.stringify(method));
    await expect(Classifier.load(join(folder, 'small'))).rejects.toMatchObject({
      code: 'UNSUPPORTED_MODEL',
      message: expect.stringContaining('"gptq"'),
    });
    await writeFile(file, JSON.stringify({ ...config, quantization_config: undefined }));
    await expect(Classifier.load(join(folder, 'small'))).rejects.toMatchObject({
      code: 'UNSUPPORTED_MODEL',
    });
    await writeFile(file, JSON.stringify(config));
    const weights = join(folder, 'small', 'model.safetensors');
    const stored = await openSafetensors(weights);
    const kept: TensorToWrite[] = [];
    for (const [name, { dtype, shape }] of stored.tensors) {
      const data = await stored.readBytes(name);
      if (name !== `${victim}_scale`) kept.push({ name, dtype, shape, data });
    }
    await stored.close();
    await writeSafetensors(weights, kept);
    await expect(Classifier.load(join(folder, 'small'))).rejects.toMatchObject({
      code: 'CORRUPT_MODEL',
      message: expect.stringContaining(`${victim}_scale must be F32 [32]`),
    });
  });

  it('int8 is refused where Sinter computes in f32', async () => {
    const bias = 'classifier.bias';
    const head = 'classifier.weight';
    for (const target of [bias, head]) {
      const folder = await changed('bert-seqcls', ({ name, shape, dtype, data }) => {
        if (name !== target) return [{ name, shape, dtype, data }];
        const elements = shape.reduce((a, b) => a * b, 1);
        const scales = new Float32Array(shape[0] ?? 0).fill(1);
        return [
          { name, shape, dtype: 'I8', data: new Int8Array(elements) },
          { name: `${name}_scale`, shape: shape.slice(0, 1), dtype: 'F32', data: scales },
        ];
      });
      const file = join(folder, 'config.json');
      const settings = { quant_method: 'sinter', bits: 8, activation_bits: 8 };
      const config = { ...(await json(file)), quantization_config: settings };
      await writeFile(file, JSON.stringify(config));
      await expect(Classifier.load(folder)).rejects.toMatchObject({
        code: target === bias ? 'CORRUPT_MODEL' : 'UNSUPPORTED_MODEL',
        message: expect.stringContaining(target),
      });
    }
  });

  it('a token that was added beyond the table: only a text that has it', async () => {
    const folder = await withTokenizer(({ added_tokens: added }) => {
      added.push({ ...added[0], id: 300, content: '[NEW]' });
    });
    await using model = await Classifier.load(folder);
    await using original = await Classifier.load(fixture('bert-seqcls'));
    expect(await model.logits(TEXTS)).toEqual(await original.logits(TEXTS));
    await expect(model.logits(['of', 'of [NEW]'])).rejects.toMatchObject({
      code: 'CORRUPT_MODEL',
      message: `${folder}: texts[1] has a token with the id 300, but the model has only 300 vectors`,
    });
  });

  it('a vocabulary beyond the table', async () => {
    const folder = await withTokenizer(({ model }) => {
      model.vocab.newest = 300;
    });
    await expect(Classifier.load(folder)).rejects.toMatchObject({
      code: 'CORRUPT_MODEL',
      message: `${folder}: the tokenizer has ids up to 300, but the model has only 300 vectors`,
    });
  });
});

interface TokenizerFile {
  added_tokens: object[];
  model: { vocab: Record<string, number> };
}

/** A copy of bert-seqcls, 300 ids and as many vectors, with a tokenizer that was changed. */
async function withTokenizer(change: (tokenizer: TokenizerFile) => void): Promise<string> {
  const folder = join(await temporaryFolder(), 'model');
  await cp(fixture('bert-seqcls'), folder, { recursive: true });
  const file = join(folder, 'tokenizer.json');
  const tokenizer = JSON.parse(await readFile(file, 'utf8')) as TokenizerFile;
  change(tokenizer);
  await writeFile(file, JSON.stringify(tokenizer));
  return folder;
}
