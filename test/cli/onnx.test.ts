/**
 * ONNX files on the command line: written, inspected, converted back; what comes back computes the same bits.
 */
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { Classifier, Encoder } from '../../lib/index.js';
import { floats, modelBytes, type ValueSpec } from '../onnx/import/write-model.js';
import { jsonOf, Scratch, sinter, TINY } from './support.js';

const scratch = new Scratch();
let onnx = '';

beforeAll(async () => {
  onnx = scratch.path('onnx');
  const args = ['convert', '--model', TINY, '--to', 'onnx', '--precisions', 'f32', '--out', onnx];
  expect((await sinter(args)).code).toBe(0);
});

describe('an ONNX folder', () => {
  it('is inspected: what was recovered, folded and verified', async () => {
    const { code, stdout } = await sinter(['inspect', `${onnx}/onnx/model.onnx`]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/task +classification \(bert\)/);
    expect(stdout).toMatch(/rules +.*gelu-arithmetic \d/);
    expect(stdout).toMatch(/verified +.*differ by \d/);
    const json = jsonOf<{
      family: string;
      inputs: object;
      outputs: object;
      verification: { difference: number };
    }>(await sinter(['inspect', onnx, '--json', '--no-graph']));
    expect(json.family).toBe('bert');
    expect(Object.values(json.inputs)).toContain('ids');
    expect(Object.values(json.outputs)).toContain('logits');
    expect(json.verification.difference).toBeLessThan(1e-4);
  });

  it('loads as the model that it was written from, to the bit', async () => {
    await using from = await Classifier.load(TINY);
    await using back = await Classifier.load(onnx);
    const texts = ['a good day', 'an awful, long and rainy day', ''];
    expect(await back.predict(texts)).toEqual(await from.predict(texts));
    await using encoder = await Encoder.load(onnx, { pooling: 'mean' });
    await using own = await Encoder.load(TINY, { pooling: 'mean' });
    expect((await encoder.embed(texts)).data).toEqual((await own.embed(texts)).data);
    // A new head on it learns.
    await using classifier = await encoder.classifier({ labels: ['bad', 'good'] });
    const rows = Array.from({ length: 32 }, (_, i) => ({
      text: i % 2 ? 'good fine nice' : 'bad awful poor',
      label: i % 2 ? ('good' as const) : ('bad' as const),
    }));
    const { steps } = await classifier.train(rows, { epochs: 6, learningRate: 5e-3, batchSize: 8 });
    expect(steps.at(-1)?.loss).toBeLessThan((steps[0]?.loss ?? 0) / 2);
  });

  it('counts the tokens of a data file', async () => {
    const file = await scratch.file('rows.csv', 'text,label\na good day,a\n');
    const check = async (model: string) =>
      jsonOf<{ lengths: object }>(await sinter(['check', file, '--model', model, '--json']));
    const { lengths } = await check(onnx);
    expect(lengths).toEqual({ ...(await check(TINY)).lengths, model: onnx });
    expect(lengths).toMatchObject({ maxTokens: 64, unknown: 0 });
  });

  it('leaves the tokenizer of another model beside a file', async () => {
    const folder = scratch.path('beside');
    await mkdir(folder);
    const convert = (...args: string[]) => sinter(['convert', '--out', ...args]);
    expect((await convert(join(folder, 'tiny.onnx'), '--model', TINY)).code).toBe(0);
    const { code, stderr } = await convert(join(folder, 'other.onnx'));
    expect(code).toBe(2);
    expect(stderr).toContain("without another model's tokenizer.json (or give --overwrite)");
    expect((await readdir(folder)).filter((name) => name.endsWith('.onnx'))).toEqual(['tiny.onnx']);
  });

  it('is converted to a model folder', async () => {
    const out = scratch.path('back');
    const { code } = await sinter(['convert', '--model', onnx, '--out', out]);
    expect(code).toBe(0);
    expect(await readdir(out)).toEqual(
      expect.arrayContaining(['config.json', 'model.safetensors', 'tokenizer.json']),
    );
    await using from = await Classifier.load(TINY);
    await using back = await Classifier.load(out);
    expect(await back.predict(['a good day'])).toEqual(await from.predict(['a good day']));
  });

  it('refuses what the file does not have', async () => {
    const out = scratch.path('never');
    const { code, stderr } = await sinter([
      ...['convert', '--model', onnx, '--out', out, '--precision', 'int8'],
    ]);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/precision/);
  });
});

/** A folder with an encoder whose positions are an input, and no file that says where they begin. */
async function fedPositions(): Promise<string> {
  const folder = scratch.path('fed');
  await mkdir(folder, { recursive: true });
  const { vocab_size: rows } = JSON.parse(await readFile(join(TINY, 'config.json'), 'utf8'));
  const width = 4;
  const numbers = (count: number, seed: number) =>
    Array.from({ length: count }, (_, i) => Math.sin(seed + 1.7 * i));
  const ids = (name: string): ValueSpec => ({ name, dtype: 'int64', dims: ['b', 's'] });
  const norm = (x: string, y: string) => ({
    op: 'LayerNormalization',
    inputs: [x, 'scale', 'bias'],
    outputs: [y],
  });
  const bytes = await modelBytes({
    opset: 17,
    tensors: [
      floats('words', [rows, width], numbers(rows * width, 1)),
      floats('places', [64, width], numbers(64 * width, 2)),
      floats('scale', [width], [1, 1, 1, 1]),
      floats('bias', [width], [0, 0, 0, 0]),
      floats('w', [width, width], numbers(width * width, 3)),
    ],
    inputs: [ids('input_ids'), ids('position_ids')],
    outputs: [{ name: 'last_hidden_state', dtype: 'float32', dims: ['b', 's', width] }],
    nodes: [
      { op: 'Gather', inputs: ['words', 'input_ids'], outputs: ['e'] },
      { op: 'Gather', inputs: ['places', 'position_ids'], outputs: ['p'] },
      { op: 'Add', inputs: ['e', 'p'], outputs: ['sum'] },
      norm('sum', 'n'),
      { op: 'MatMul', inputs: ['n', 'w'], outputs: ['m'] },
      { op: 'Add', inputs: ['m', 'n'], outputs: ['more'] },
      norm('more', 'last_hidden_state'),
    ],
  });
  await writeFile(join(folder, 'model.onnx'), bytes);
  await copyFile(join(TINY, 'tokenizer.json'), join(folder, 'tokenizer.json'));
  const module = (idx: number, path: string, name: string) => ({
    ...{ idx, name: String(idx), path },
    type: `sentence_transformers.models.${name}`,
  });
  const modules = [module(0, '', 'Transformer'), module(1, '1_Pooling', 'Pooling')];
  await writeFile(join(folder, 'modules.json'), JSON.stringify(modules));
  await mkdir(join(folder, '1_Pooling'), { recursive: true });
  const pooling = { word_embedding_dimension: width, pooling_mode_mean_tokens: true };
  await writeFile(join(folder, '1_Pooling', 'config.json'), JSON.stringify(pooling));
  return folder;
}

describe('--first-position', () => {
  const rows = () => scratch.file('rows.csv', 'text,label\ngood,x\nbad,y\nfine,x\npoor,y\n');
  const pairs = () => scratch.file('pairs.csv', 'text,pair,score\na,b,1\nc,d,2\ne,f,0\n');

  it.each<[string, (model: string) => Promise<string[]>]>([
    ['inspect', async (model) => [model]],
    ['embed', async (model) => ['a good day', '--model', model, '--pooling', 'mean']],
    ['convert', async (model) => ['--model', model, '--out', scratch.path('fed-out')]],
    ['quantize', async (model) => ['--model', model, '--out', scratch.path('fed-int8')]],
    [
      'evaluate',
      async (model) => [
        ...['--model', model, '--data', await pairs()],
        ...['--pair-column', 'pair', '--score-column', 'score'],
      ],
    ],
  ])('%s: says where positions begin', async (command, args) => {
    const all = [command, ...(await args(await fedPositions()))];
    const refused = await sinter(all);
    expect(refused.code).toBe(4);
    expect(refused.stderr).toMatch(/position_ids is fed positions/);
    const { code, stderr } = await sinter([...all, '--first-position', '2']);
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('train, evaluate of classifiers: what the file is for is read with it', async () => {
    const model = ['--model', await fedPositions(), '--first-position', '2'];
    const trained = ['train', ...model, '--train', await rows(), '--out', scratch.path('trained')];
    expect((await sinter(trained)).code).toBe(0);
    const again = await sinter([
      'evaluate',
      '--model',
      scratch.path('trained'),
      '--data',
      await rows(),
    ]);
    expect(again.code).toBe(0);
    const evaluated = await sinter(['evaluate', ...model, '--data', await rows()]);
    expect(evaluated.stderr).toMatch(/error: /);
    expect(evaluated.stderr).not.toMatch(/is fed positions/);
  });

  it('reaches the load, and is refused where there is no ONNX file', async () => {
    const embed = ['embed', 'a good day', '--pooling', 'mean', '--json', '--model'];
    const model = await fedPositions();
    const of = async (first: string) =>
      (await sinter([...embed, model, '--first-position', first])).stdout;
    expect(await of('0')).not.toBe(await of('2'));
    const { code, stderr } = await sinter([...embed, TINY, '--first-position', '0']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/--first-position is for ONNX files/);
  });
});
