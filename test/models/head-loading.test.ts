/**
 * What loading does with a trained head and with an untrained one, in every form of model: nothing trained is left out without
 * being told so, and what was never trained says so wherever it goes.
 */

import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonValue } from '../../lib/core/json.js';
import { openSafetensors } from '../../lib/formats/safetensors.js';
import { type TensorToWrite, writeSafetensors } from '../../lib/formats/safetensors-writer.js';
import {
  Classifier,
  CrossEncoder,
  Encoder,
  MaskedLM,
  QuestionAnswerer,
  TokenClassifier,
} from '../../lib/index.js';
import { temporaryFolder } from '../formats/temporary-folder.js';

const at = (path: string) => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));
const SEQCLS = at('encoders/bert-seqcls');
const NAMES = ['neg', 'neu', 'pos'];
const TEXTS = ['the people of the united states', 'of war'];

/** A copy of a folder with another config.json, and tensors of other names. */
async function changed(
  from: string,
  config: Readonly<Record<string, JsonValue | undefined>>,
  rename?: (name: string) => string,
  into?: string,
): Promise<string> {
  const folder = into ?? join(await temporaryFolder(), 'model');
  await cp(from, folder, { recursive: true });
  const file = join(folder, 'config.json');
  const old = JSON.parse(await readFile(file, 'utf8')) as object;
  await writeFile(file, JSON.stringify({ ...old, ...config }));
  if (rename === undefined) return folder;
  const weights = join(folder, 'model.safetensors');
  const stored = await openSafetensors(weights);
  const tensors: TensorToWrite[] = [];
  for (const [name, { dtype, shape }] of stored.tensors) {
    tensors.push({ name: rename(name), dtype, shape, data: await stored.readBytes(name) });
  }
  await stored.close();
  await writeSafetensors(weights, tensors);
  return folder;
}

const configOf = async (folder: string) =>
  JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as Record<string, unknown>;

let scratch: string;
/** The same classifier of three classes, in every form of model. */
const forms: Record<string, string> = {};
let expected: number[];
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'sinter-heads-'));
  const inScratch = (name: string) => join(scratch, name);
  const named = { id2label: { 0: 'a', 1: 'b', 2: 'c' } };
  const plain = await changed(SEQCLS, named, undefined, inScratch('plain'));
  await using model = await Classifier.load(plain);
  expected = [...(await model.logits(TEXTS)).data];
  await using small = await model.quantize();
  await small.save(inScratch('int8'));
  await model.exportOnnxFolder(inScratch('onnx'), { precisions: ['f32'] });
  Object.assign(forms, {
    'a folder': plain,
    'a folder of torch.compile': await changed(
      plain,
      {},
      (name) => `_orig_mod.module.${name}`,
      inScratch('compiled'),
    ),
    'an int8 folder': inScratch('int8'),
    'a folder of ONNX files': inScratch('onnx'),
  });
});

afterAll(() => rm(scratch, { recursive: true, force: true }));

describe.each([
  'a folder',
  'a folder of torch.compile',
  'an int8 folder',
  'a folder of ONNX files',
])('%s with a trained head', (form) => {
  it('keeps the trained head under the names of the caller', async () => {
    const path = forms[form] ?? '';
    await using own = await Classifier.load(path);
    await using model = await Classifier.load(path, { labels: NAMES });
    expect([own.labels, model.labels]).toEqual([['a', 'b', 'c'], NAMES]);
    const logits = await model.logits(TEXTS);
    expect(logits).toEqual(await own.logits(TEXTS));
    const near = form === 'an int8 folder' ? 1 : 5;
    for (const [i, value] of logits.data.entries())
      expect(value).toBeCloseTo(expected[i] ?? 0, near);
    expect((await model.info()).untrained).toEqual([]);
    const saved = join(await temporaryFolder(), 'saved');
    await model.save(saved);
    expect((await configOf(saved)).id2label).toEqual({ 0: 'neg', 1: 'neu', 2: 'pos' });
    await using again = await Classifier.load(saved);
    expect(again.labels).toEqual(NAMES);
    expect(await again.logits(TEXTS)).toEqual(logits);
  });

  it('refuses names that do not fit the trained head, and replaces it only when told so', async () => {
    const path = forms[form] ?? '';
    await expect(Classifier.load(path, { labels: ['x', 'y'] })).rejects.toThrow(
      /^Classifier\.load: labels must be .*head has 3 classes, got 2 labels: "x", "y"\); newHead: true/,
    );
    await expect(Classifier.load(path, { labels: ['c', 'b', 'a'] })).rejects.toThrow(
      /^Classifier\.load: labels must not .* its order is "a", "b", "c", got "c", "b", "a"/,
    );
    await expect(TokenClassifier.load(path, { labels: NAMES })).rejects.toThrow(
      /its trained head is for classification/,
    );
    const drawn = Classifier.load(path, { labels: ['x', 'y'], newHead: true });
    if (form === 'an int8 folder') {
      await expect(drawn).rejects.toThrow(/the encoder is quantized: a new head could not/);
      return;
    }
    await using model = await drawn;
    expect((await model.info()).untrained).toEqual(['classifier.weight', 'classifier.bias']);
    // The new head has as many labels as the trained one, but verification does not compare it with the file.
    await using same = await Classifier.load(path, { labels: NAMES, newHead: true });
    expect([...(await same.logits(TEXTS)).data]).not.toEqual(expected);
  });
});

it('an encoder is refused as a CrossEncoder, and the error names the option that adds a head', async () => {
  await expect(CrossEncoder.load(at('encoders/bert'))).rejects.toThrow(
    'no trained classifier; give labels to add a new one, or newHead: true to a CrossEncoder',
  );
});

it('a lone ONNX file has the names that it was exported with', async () => {
  const file = join(await temporaryFolder(), 'model.onnx');
  await using exported = await Classifier.load(forms['a folder'] ?? '');
  await exported.exportOnnx(file);
  await cp(join(SEQCLS, 'tokenizer.json'), join(file, '..', 'tokenizer.json'));
  await using model = await Classifier.load(file);
  expect(model.labels).toEqual(['a', 'b', 'c']);
});

describe('newHead', () => {
  it.each([
    [
      'a tagger',
      at('heads/bert-tokencls'),
      TokenClassifier,
      ['classifier.weight', 'classifier.bias'],
    ],
    [
      'an answerer',
      at('heads/bert-qa'),
      QuestionAnswerer,
      ['qa_outputs.weight', 'qa_outputs.bias'],
    ],
    [
      'a scorer',
      at('heads/bert-regression'),
      CrossEncoder,
      ['classifier.weight', 'classifier.bias'],
    ],
  ] as const)(
    'replaces the head of %s; without it the head stays',
    async (_, path, kind, drawn) => {
      await using trained = await kind.load(path);
      await using untrained = await kind.load(path, { newHead: true });
      expect((await trained.info()).untrained).toEqual([]);
      expect((await untrained.info()).untrained).toEqual(drawn);
    },
  );

  it('draws all of a language model head but the token table', async () => {
    await using model = await MaskedLM.load(at('encoders/bert-mlm'), { newHead: true });
    const { untrained } = await model.info();
    expect(untrained).toContain('cls.predictions.transform.dense.weight');
    expect(untrained).toContain('cls.predictions.bias');
    expect(untrained.every((name) => name.startsWith('cls.predictions.'))).toBe(true);
  });

  it('renames tags otherwise', async () => {
    const path = at('heads/bert-tokencls');
    const options = { aggregation: 'none' } as const;
    await using own = await TokenClassifier.load(path);
    await using model = await TokenClassifier.load(path, {
      labels: ['O', 'I-A', 'B-A', 'B-B', 'I-B'],
    });
    const [theirs, ours] = [await own.predict(TEXTS, options), await model.predict(TEXTS, options)];
    expect(ours.flat().map(({ score }) => score)).toEqual(theirs.flat().map(({ score }) => score));
    await expect(TokenClassifier.load(path, { labels: ['O'] })).rejects.toThrow(
      /head has 5 classes, got 1 labels/,
    );
  });
});

describe('a head that was never trained', () => {
  const warnings: (Error & { code?: string })[] = [];
  const listen = (warning: Error) => void warnings.push(warning);
  beforeAll(() => void process.on('warning', listen));
  afterAll(() => void process.off('warning', listen));
  const rows = [
    { text: 'the people', label: 'x' },
    { text: 'of war', label: 'y' },
  ];
  /** Warnings are emitted in a later turn of the event loop. */
  const said = async () => {
    await new Promise((resolve) => setImmediate(resolve));
    const own = warnings.splice(0).filter(({ code }) => code === 'SINTER_UNTRAINED_HEAD');
    return own.map(({ message }) => message.split(':')[0]);
  };

  it('says so with every call, until it is trained', async () => {
    const folder = await temporaryFolder();
    await using model = await Classifier.load(at('encoders/bert'), { labels: ['x', 'y'] });
    expect((await model.info()).untrained).toEqual(['classifier.weight', 'classifier.bias']);
    expect(await said()).toEqual([]);
    await model.predict(TEXTS);
    await model.predict(TEXTS);
    await model.evaluate(rows);
    await model.save(join(folder, 'untrained'));
    await using small = await model.quantize();
    await small.predict(TEXTS);
    await model.exportOnnx(join(folder, 'untrained.onnx'));
    const expectedCalls = ['predict', 'evaluate', 'save', 'quantize', 'predict', 'exportOnnx'];
    expect(await said()).toEqual(expectedCalls);
    expect((await small.info()).untrained).toEqual(['classifier.weight', 'classifier.bias']);
    await model.train(rows, { epochs: 1, eval: rows });
    await model.predict(TEXTS);
    await model.save(join(folder, 'trained'));
    expect((await model.info()).untrained).toEqual([]);
    await using again = await Classifier.load(join(folder, 'trained'));
    expect((await again.info()).untrained).toEqual([]);
    expect(await said()).toEqual([]);
  });

  it('stays marked after saving, quantizing and exporting, but not when another tool wrote new weights', async () => {
    const folder = await temporaryFolder();
    const encoder = await Encoder.load(at('encoders/bert'), { pooling: 'mean' });
    await using model = await encoder.classifier({ labels: ['x', 'y'] });
    await encoder.dispose();
    await using small = await model.quantize();
    await model.save(join(folder, 'f16'), { dtype: 'f16' });
    await small.save(join(folder, 'int8'));
    await model.exportOnnxFolder(join(folder, 'onnx'), { precisions: ['f32'] });
    for (const name of ['f16', 'int8', 'onnx']) {
      await using loaded = await Classifier.load(join(folder, name));
      const { untrained } = await loaded.info();
      expect(untrained.toSorted(), name).toEqual(['classifier.bias', 'classifier.weight']);
    }
    await using bare = await Encoder.load(join(folder, 'f16'), { pooling: 'mean' });
    expect((await bare.info()).untrained).toEqual([]);
    // A folder as a training with transformers leaves it, without the mark of an untrained head.
    const trained = await changed(join(folder, 'f16'), {}, (name) => name);
    await using theirs = await Classifier.load(trained);
    expect((await theirs.info()).untrained).toEqual([]);
  });

  it('with a mark that is no list is corrupt', async () => {
    const folder = await changed(SEQCLS, {}, (name) => name);
    const file = join(folder, 'model.safetensors');
    const stored = await openSafetensors(file);
    const tensors: TensorToWrite[] = [];
    for (const [name, { dtype, shape }] of stored.tensors) {
      tensors.push({ name, dtype, shape, data: await stored.readBytes(name) });
    }
    await stored.close();
    await writeSafetensors(file, tensors, { format: 'pt', 'sinter.untrained': '{"a"' });
    await expect(Classifier.load(folder)).rejects.toThrow(
      /metadata sinter\.untrained must be a list/,
    );
  });
});

describe('one logit', () => {
  const one = (config: Readonly<Record<string, JsonValue | undefined>>) =>
    changed(at('heads/bert-regression'), { id2label: { 0: 'TOXIC' }, ...config });

  it('is a sigmoid with its label where config.json does not say otherwise', async () => {
    for (const stated of [undefined, 'single_label_classification'] as const) {
      const folder = await one({ problem_type: stated });
      await using model = await Classifier.load(folder);
      const { data } = await model.logits(TEXTS);
      for (const [i, { label, score, scores }] of (await model.predict(TEXTS)).entries()) {
        expect(label).toBe('TOXIC');
        expect(score).toBeCloseTo(1 / (1 + Math.exp(-(data[i] ?? 0))), 12);
        expect(scores).toEqual({ TOXIC: score });
      }
      const rows = [{ text: 'a', label: 'TOXIC' }];
      await expect(model.evaluate(rows)).rejects.toThrow(/the head has one label only/);
      await expect(model.train(rows)).rejects.toThrow(/problem: 'multi_label_classification'/);
      await using scorer = await CrossEncoder.load(folder);
      expect(await scorer.score([['a', 'b']])).toHaveLength(1);
      const saved = join(await temporaryFolder(), 'saved');
      await model.save(saved);
      expect((await configOf(saved)).problem_type).toBe(stated);
    }
  });

  it('is what the caller says where config.json says nothing, and stays it', async () => {
    const folder = await one({ problem_type: undefined });
    for (const problem of ['multi_label_classification', 'regression'] as const) {
      await using model = await Classifier.load(folder, { problem });
      const saved = join(await temporaryFolder(), 'saved');
      await model.save(saved);
      expect((await configOf(saved)).problem_type).toBe(problem);
      await using again = await Classifier.load(saved, { problem });
      expect(await again.predict(TEXTS)).toEqual(await model.predict(TEXTS));
      await expect(Classifier.load(saved)).rejects.toThrow(`give problem: '${problem}'`);
    }
    await using toxic = await Classifier.load(folder, { problem: 'multi_label_classification' });
    await using number = await Classifier.load(folder, { problem: 'regression' });
    const [{ scores } = { scores: {} }] = await toxic.predict(['a']);
    const [{ value } = { value: 0 }] = await number.predict(['a']);
    expect((scores as { TOXIC: number }).TOXIC).toBeCloseTo(1 / (1 + Math.exp(-value)), 12);
    const regression = await one({ problem_type: 'regression' });
    await expect(Classifier.load(regression)).rejects.toThrow(/give problem: 'regression'/);
  });
});

it('several logits of a silent config.json are what the caller says', async () => {
  const folder = await changed(SEQCLS, { problem_type: undefined });
  const problem = 'multi_label_classification';
  await using model = await Classifier.load(folder, { problem, labels: NAMES });
  const [found] = await model.predict(['a']);
  expect(Object.keys(found?.scores ?? {})).toEqual(NAMES);
  await using values = await Classifier.load(folder, { problem: 'regression' });
  expect((await values.predict(['a']))[0]?.values).toHaveLength(3);
  const stated = await changed(SEQCLS, { problem_type: 'single_label_classification' });
  await expect(Classifier.load(stated, { problem })).rejects.toThrow(
    /its head is for single_label_classification/,
  );
});
