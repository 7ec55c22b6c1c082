/**
 * A folder of ONNX files: what is in it, that it appears whole or not at all, and that transformers.js loads it.
 */

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Classifier, Encoder } from '../../lib/index.js';
import { checkModel } from '../onnx/check-model.js';
import { parseOnnx } from '../onnx/parse.js';

const TEXTS = ['A red car.', 'How do I get my money back? The card was charged twice.', 'ok'];
const run = promisify(execFile);

let scratch = '';
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'sinter-folder-'));
});
afterAll(async () => {
  await rm(scratch, { recursive: true, force: true });
});

describe('exportOnnxFolder', () => {
  it('writes the files that other tools expect, and only valid models', async () => {
    await using model = await Classifier.load('test/fixtures/encoders/bert-seqcls');
    const folder = join(scratch, 'classifier');
    await model.exportOnnxFolder(folder, {
      precisions: ['f32', 'f16', 'q8', 'int8', 'q4', 'qdq'],
      calibration: { texts: ['one', 'two words'], percentile: 100 },
      opset: 20,
    });
    const names = await readdir(folder);
    for (const name of ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'onnx']) {
      expect(names).toContain(name);
    }
    expect(names).not.toContain('model.safetensors');
    const files = (await readdir(join(folder, 'onnx'))).sort();
    expect(files).toEqual([
      'model.onnx',
      'model_fp16.onnx',
      'model_int8.onnx',
      'model_q4.onnx',
      'model_qdq.onnx',
      'model_quantized.onnx',
    ]);
    const operators = await Promise.all(
      files.map(async (file) => {
        const parsed = parseOnnx(await readFile(join(folder, 'onnx', file)));
        checkModel(parsed);
        expect(parsed.opsets[0]).toEqual({ domain: '', version: 20 });
        return [file, new Set(parsed.nodes.map(({ op }) => op))] as const;
      }),
    );
    const has = (op: string): string[] =>
      operators.filter(([, ops]) => ops.has(op)).map(([file]) => file);
    expect(has('MatMulNBits')).toEqual(['model_q4.onnx']);
    expect(has('MatMulInteger')).toEqual(['model_int8.onnx', 'model_quantized.onnx']);
    expect(has('DequantizeLinear')).toEqual(['model_qdq.onnx']);
    const config: unknown = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'));
    expect(config).toMatchObject({ model_type: 'bert' });
    expect(config).not.toHaveProperty('quantization_config');
  });

  it('replaces a model folder only when asked, and leaves it when it fails', async () => {
    await using model = await Classifier.load('test/fixtures/encoders/bert-seqcls');
    const folder = join(scratch, 'again');
    await model.exportOnnxFolder(folder, { precisions: ['f32'] });
    await expect(model.exportOnnxFolder(folder, { precisions: ['f32'] })).rejects.toThrow(
      RangeError,
    );
    const signal = AbortSignal.abort();
    const stopped = model.exportOnnxFolder(folder, {
      precisions: ['q8'],
      overwrite: true,
      signal,
    });
    await expect(stopped).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(await readdir(join(folder, 'onnx'))).toEqual(['model.onnx']);
    await model.exportOnnxFolder(folder, { precisions: ['q4'], overwrite: true });
    expect(await readdir(join(folder, 'onnx'))).toEqual(['model_q4.onnx']);
  });

  it('says what is wrong with options', async () => {
    await using model = await Classifier.load('test/fixtures/encoders/bert-seqcls');
    const failure = (options: object): Promise<unknown> =>
      model.exportOnnxFolder(join(scratch, 'none'), options).catch((error: unknown) => error);
    for (const [options, message] of [
      [
        { precisions: ['q5'] },
        'exportOnnxFolder: precisions must be one or more of f32, f16, q8, int8, q4, qdq, got "q5"',
      ],
      [{ precisions: [] }, 'exportOnnxFolder: precisions must be one or more of'],
      [
        { precisions: ['qdq'] },
        'exportOnnxFolder: calibration must be given for qdq, got undefined',
      ],
      [
        { calibration: { texts: ['x'] } },
        'exportOnnxFolder: calibration must be left out without qdq',
      ],
    ] as const) {
      expect(String(await failure(options))).toContain(message);
    }
    expect(existsSync(join(scratch, 'none'))).toBe(false);
  });
});

describe('exportOnnx', () => {
  it('static int8 wants texts, and only it', async () => {
    await using model = await Classifier.load('test/fixtures/encoders/bert-seqcls');
    const failure = (options: object): Promise<string> =>
      model.exportOnnx(join(scratch, 'x.onnx'), options).then(
        () => 'written',
        (error: unknown) => String(error),
      );
    expect(await failure({ precision: 'int8-static' })).toContain('calibration must be given');
    const texts = ['a text'];
    expect(await failure({ calibration: { texts } })).toContain('must be left out for f32');
    const wrong = (calibration: object) => failure({ precision: 'int8-static', calibration });
    expect(await wrong({ texts: 'a text' })).toContain('TypeError');
    expect(await wrong({ texts: [] })).toContain('one text or more');
    expect(await wrong({ texts, percentile: 10 })).toContain('above 50, at most 100');
    expect(await wrong({ texts, codes: 'u8' })).toContain('codes must be one of');
    expect(await wrong({ texts, method: 'kl' })).toContain('method must be one of "min-max"');
    const both = { texts, method: 'mse', percentile: 99 };
    expect(await wrong(both)).toContain('percentile must be left out for mse, got 99');
    expect(await failure({ precision: 'int4-weights', opset: 17 })).toContain('opset must be 21');
    expect(existsSync(join(scratch, 'x.onnx'))).toBe(false);
  });

  it('static int8 has other ranges by every method', async () => {
    await using model = await Classifier.load('test/fixtures/encoders/bert-seqcls');
    const folder = join(scratch, 'methods');
    await mkdir(folder);
    const files = new Map<string, Buffer>();
    for (const method of ['min-max', 'entropy', 'mse'] as const) {
      for (const codes of ['uint8', 'int8'] as const) {
        const path = join(folder, `${method}-${codes}.onnx`);
        const calibration = { texts: TEXTS, method, codes };
        await model.exportOnnx(path, { precision: 'int8-static', calibration });
        const bytes = await readFile(path);
        for (const [name, other] of files) expect(bytes.equals(other), name).toBe(false);
        files.set(`${method} ${codes}`, bytes);
      }
    }
  });
});

describe('transformers.js', () => {
  it('loads every variant and gives our vectors', async () => {
    const folder = join(scratch, 'minilm');
    await using model = await Encoder.load();
    await model.exportOnnxFolder(folder, { precisions: ['f32', 'f16', 'q8', 'int8', 'q4'] });
    const ours = await model.embed(TEXTS);
    for (const [dtype, least] of [
      ['fp32', 0.999999],
      ['fp16', 0.9999],
      ['q8', 0.99],
      ['int8', 0.99],
      ['q4', 0.9],
    ] as const) {
      const script = resolve('bench/peers/transformers-js.mjs');
      const args = [script, folder, dtype, 'feature-extraction', 'mean', ...TEXTS];
      const { stdout } = await run(process.execPath, args, { maxBuffer: 1 << 24 });
      const rows = JSON.parse(stdout.slice(stdout.indexOf('[['))) as number[][];
      expect(rows.length).toBe(TEXTS.length);
      for (const [i, row] of rows.entries()) {
        const dot = row.reduce((sum, x, k) => sum + x * (ours.row(i)[k] ?? Number.NaN), 0);
        expect(dot / Math.hypot(...row), `${dtype} ${TEXTS[i]}`).toBeGreaterThan(least);
      }
    }
  }, 120_000);

  it('loads a classifier', async () => {
    const folder = join(scratch, 'labels');
    await using model = await Classifier.load('test/fixtures/encoders/bert-seqcls');
    await model.exportOnnxFolder(folder, { precisions: ['f32'] });
    const script = resolve('bench/peers/transformers-js.mjs');
    const args = [script, folder, 'fp32', 'text-classification', '-', 'the state of the union'];
    const { stdout } = await run(process.execPath, args);
    const [theirs] = JSON.parse(stdout.slice(stdout.indexOf('[['))) as {
      label: string;
      score: number;
    }[][];
    const [ours] = await model.predict(['the state of the union']);
    for (const { label, score } of theirs ?? []) {
      const scores: Readonly<Record<string, number>> = ours?.scores ?? {};
      expect(scores[label]).toBeCloseTo(score, 5);
    }
    expect(theirs?.length).toBe(3);
  }, 60_000);
});

it('a tokenizer without tokenizer_config.json gets one that names its special tokens', async () => {
  const bare = join(scratch, 'bare');
  await cp('models/all-MiniLM-L6-v2', bare, { recursive: true });
  for (const name of ['tokenizer_config.json', 'special_tokens_map.json']) {
    await rm(join(bare, name), { force: true });
  }
  await using encoder = await Encoder.load(bare);
  const out = join(scratch, 'bare-out');
  await encoder.exportOnnxFolder(out, { precisions: ['q8'] });
  expect(JSON.parse(await readFile(join(out, 'tokenizer_config.json'), 'utf8'))).toMatchObject({
    pad_token: '[PAD]',
    cls_token: '[CLS]',
    model_max_length: encoder.maxTokens,
  });
});
