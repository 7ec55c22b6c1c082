/**
 * The life of a classifier on the command line: train, evaluate, quantize, convert, inspect.
 *
 * A tiny model learns an easy rule, so that its accuracy says whether the whole chain is right.
 */
import { access, cp, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readAllRows } from '../../lib/data/index.js';
import { jsonOf, labelledCsv, type Outcome, Scratch, sinter, TINY } from './support.js';

const scratch = new Scratch();
let trained: Outcome;
let trainFile = '';
let testFile = '';
let model = '';

interface Scores {
  readonly rows: number;
  readonly accuracy: number;
  readonly report: Readonly<Record<string, unknown>>;
}

const evaluate = async (folder: string, ...more: string[]): Promise<Scores> =>
  jsonOf(await sinter(['evaluate', '--model', folder, '--data', testFile, '--json', ...more]));

/** The tiny model as one of sentence-transformers with these settings. */
async function sentenceFolder(name: string, settings: object): Promise<string> {
  const folder = scratch.path(name);
  await cp(TINY, folder, { recursive: true });
  const write = (file: string, content: object) =>
    writeFile(join(folder, file), JSON.stringify(content));
  await write('modules.json', [
    { path: '', type: 'sentence_transformers.models.Transformer' },
    { path: '1_Pooling', type: 'sentence_transformers.models.Pooling' },
  ]);
  await mkdir(join(folder, '1_Pooling'));
  await write('1_Pooling/config.json', { pooling_mode: 'mean' });
  await write('config_sentence_transformers.json', settings);
  return folder;
}

beforeAll(async () => {
  trainFile = await scratch.file('train.csv', labelledCsv(32));
  testFile = await scratch.file('test.csv', labelledCsv(10));
  model = scratch.path('model');
  trained = await sinter([
    ...['train', '--train', trainFile, '--eval', testFile, '--model', TINY, '--out', model],
    ...['--epochs', '6', '--learning-rate', '5e-3', '--batch-size', '8', '--quantize'],
  ]);
});

describe('train', () => {
  it('tells what it does and writes a model folder with its report', async () => {
    expect(trained.code).toBe(0);
    expect(trained.stderr).toContain('reading text "text", label "label"');
    expect(trained.stderr).toContain('epoch 6/6');
    expect(trained.stdout).toContain('64 rows with 2 labels');
    expect(trained.stdout).toContain('accuracy 100.00 %');
    const names = await readdir(model);
    expect(names).toEqual(
      expect.arrayContaining(['config.json', 'model.safetensors', 'tokenizer.json', 'int8']),
    );
    const report = JSON.parse(await readFile(`${model}/training.json`, 'utf8')) as {
      labels: string[];
      steps: unknown[];
      settings: object;
    };
    expect(report.labels).toEqual(['bad', 'good']);
    expect(report.steps).toHaveLength(48);
    expect(report.settings).toMatchObject({ epochs: 6, learningRate: 5e-3, seed: 42 });
  });

  it('the same seed gives the same losses; --hold-out splits', async () => {
    const args = ['train', '--train', trainFile, '--model', TINY, '--epochs', '1', '--json'];
    const run = async (out: string, ...more: string[]) =>
      jsonOf<{ rows: number; steps: { loss: number }[] }>(
        await sinter([...args, '--out', scratch.path(out), ...more]),
      );
    const one = await run('one', '--hold-out', '0.25', '--threads', '1');
    const two = await run('two', '--hold-out', '0.25', '--threads', '2');
    const other = await run('other', '--hold-out', '0.25', '--seed', '7');
    expect(one.rows).toBe(48);
    expect(two.steps.map(({ loss }) => loss)).toEqual(one.steps.map(({ loss }) => loss));
    expect(other.steps.map(({ loss }) => loss)).not.toEqual(one.steps.map(({ loss }) => loss));
  });

  it('refuses a folder that has content before it trains; --overwrite replaces a model only', async () => {
    const args = ['train', '--train', trainFile, '--model', TINY, '--epochs', '1', '--out'];
    const refused = await sinter([...args, model]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).not.toContain('training');
    const precious = await scratch.file('precious', '');
    expect((await sinter([...args, scratch.path(), '--overwrite'])).code).toBe(2);
    await access(precious);
  });

  it('labels that only the test rows have are code 3, with their place', async () => {
    const strange = await scratch.file('strange.csv', 'text,label\na,good\nb,ugly\n');
    const out = scratch.path('never');
    const args = ['train', '--train', trainFile, '--eval', strange, '--out', out, '--model', TINY];
    const { code, stderr } = await sinter(args);
    expect(code).toBe(3);
    expect(stderr).toMatch(/strange\.csv:3: .*"ugly" \(line 3\)/);
    await expect(access(out)).rejects.toThrow();
  });

  it.each([
    ['no label column', 'text,stars\na,1\nb,2\n', /which column is the label/],
    ['an empty label', 'text,label\na,x\nb,\n', /:3: column "label" is empty/],
  ])('%s is code 3', async (_name, content, says) => {
    const file = await scratch.file('labels.csv', content);
    const args = ['train', '--train', file, '--out', scratch.path('never'), '--model', TINY];
    const { code, stderr } = await sinter(args);
    expect(code).toBe(3);
    expect(stderr).toMatch(says);
  });

  it('one label only is refused', async () => {
    const file = await scratch.file('single.csv', labelledCsv(3, ['same']));
    const args = ['train', '--train', file, '--out', scratch.path('never'), '--model', TINY];
    const { code, stderr } = await sinter(args);
    expect(code).toBe(3);
    expect(stderr).toContain(
      'single.csv: column "label" holds one class only, "same", in the rows to train on; a classifier needs at least two\n',
    );
  });

  it('Ctrl+C ends it with 130 and leaves no folder', async () => {
    const args = ['train', '--train', trainFile, '--model', TINY, '--epochs', '100000'];
    let isSent = false;
    const { code, stdout, stderr } = await sinter([...args, '--out', scratch.path('stopped')], {
      onStderr: (text, child) => {
        if (isSent || !text.includes('epoch 2/')) return;
        isSent = true;
        child.kill('SIGINT');
      },
    });
    expect(code).toBe(130);
    expect(stderr.trimEnd().endsWith('cancelled')).toBe(true);
    expect(stdout).not.toContain('written');
    expect((await scratch.names()).filter((name) => name.includes('stopped'))).toEqual([]);
  });
});

describe('evaluate', () => {
  it('prints the report of scikit-learn and the same as JSON', async () => {
    const { stdout } = await sinter(['evaluate', '--model', model, '--data', testFile]);
    expect(stdout).toMatch(/precision +recall +f1-score +support/);
    expect(stdout).toContain('accuracy 100.00 %');
    const scores = await evaluate(model);
    expect(scores).toMatchObject({ rows: 20, accuracy: 1 });
    expect(scores.report).toHaveProperty('macro avg');
  });

  it('writes predictions', async () => {
    const file = scratch.path('predictions.csv');
    await evaluate(model, '--predictions', file);
    const rows = await readAllRows(file, { labelColumn: 'predicted' });
    expect(rows).toHaveLength(20);
    expect(rows.every(({ text, label }) => text.includes(` ${label} `))).toBe(true);
  });

  it('an encoder against similarity scores', async () => {
    const file = await scratch.file(
      'sts.csv',
      'a,b,score\na man plays a guitar,someone plays guitar,4.5\n' +
        'a red car,a fast car,3\nthe cat sleeps,stock prices fell,0\n',
    );
    const args = ['--text-column', 'a', '--pair-column', 'b', '--score-column', 'score'];
    const result = jsonOf<{ pairs: number; spearman: number }>(
      await sinter(['evaluate', '--data', file, '--json', ...args]),
    );
    expect(result.pairs).toBe(3);
    expect(result.spearman).toBeCloseTo(1, 12);
    const folder = await sentenceFolder('far', { similarity_fn_name: 'manhattan' });
    const other = await sinter(['evaluate', '--model', folder, '--data', file, ...args]);
    expect(other.stdout).toMatch(/^manhattan against score on 3 pairs: /);
  });

  it('a label that the model does not know is code 3; an encoder without a head code 4', async () => {
    const file = await scratch.file('unknown.csv', 'text,label\na,none\n');
    const unknown = await sinter(['evaluate', '--model', model, '--data', file]);
    expect(unknown.code).toBe(3);
    expect(unknown.stderr).toMatch(/unknown\.csv:2.*"none"/);
    const headless = TINY.replace('bert-seqcls', 'bert');
    const refused = await sinter(['evaluate', '--model', headless, '--data', testFile]);
    expect(refused.code).toBe(4);
  });
});

describe('quantize, convert and inspect', () => {
  it('int8 models are smaller and as good', async () => {
    expect(await evaluate(`${model}/int8`)).toMatchObject({ accuracy: 1 });
    const out = scratch.path('int8-again');
    const result = jsonOf<{ bytesBefore: number; bytesAfter: number }>(
      await sinter(['quantize', '--model', model, '--out', out, '--json']),
    );
    expect(result.bytesAfter).toBeLessThan(result.bytesBefore / 2);
    const [one, two] = await Promise.all(
      [`${model}/int8`, out].map((folder) => readFile(`${folder}/model.safetensors`)),
    );
    expect(one?.equals(two ?? Buffer.alloc(0))).toBe(true);
    const narrow = scratch.path('int8-narrow');
    const args = ['quantize', '--model', model, '--out', narrow];
    const written = await sinter([...args, '--activation-bits', '7']);
    expect(written.stdout).toContain('activations of 7 bits');
    expect((await sinter(['inspect', narrow])).stdout).toMatch(/activations +7 bits/);
    expect(jsonOf(await sinter(['inspect', narrow, '--json']))).toMatchObject({
      activationBits: 7,
    });
    expect(jsonOf(await sinter(['inspect', out, '--json']))).toMatchObject({ activationBits: 8 });
    expect(await evaluate(narrow)).toMatchObject({ accuracy: 1 });
    const wrong = await sinter([...args, '--overwrite', '--activation-bits', '6']);
    expect(wrong).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Allowed choices are 8, 7'),
    });
    const twice = await sinter(['quantize', '--model', out, '--out', scratch.path('twice')]);
    expect(twice.code).toBe(2);
  });

  it('f16 folders are half the size and load', async () => {
    const out = scratch.path('f16');
    expect((await sinter(['convert', '--model', model, '--out', out, '--dtype', 'f16'])).code).toBe(
      0,
    );
    const [f16, f32] = await Promise.all(
      [out, model].map((folder) => stat(`${folder}/model.safetensors`)),
    );
    expect(f16?.size).toBeLessThan((f32?.size ?? 0) * 0.6);
    expect(await evaluate(out)).toMatchObject({ accuracy: 1 });
  });

  it.each([
    ['f32', [] as string[]],
    ['int8', ['--precision', 'int8', '--opset', '20']],
  ])('ONNX %s', async (precision, more) => {
    const out = scratch.path(`${precision}.onnx`);
    const args = ['convert', '--model', model, '--out', out, '--json', ...more];
    const result = jsonOf<{ precision: string; bytes: number }>(await sinter(args));
    expect(result).toMatchObject({ precision, bytes: (await stat(out)).size });
  });

  it('static int8 with texts from a file, and a folder of ONNX files', async () => {
    const texts = scratch.path('calibration.txt');
    await writeFile(texts, 'a good film\na bad film\n');
    const file = scratch.path('static.onnx');
    const calibration = ['--calibration', texts];
    const args = ['convert', '--model', model];
    const method = ['--calibration-method', 'entropy'];
    const precise = ['--precision', 'int8-static', ...calibration, ...method];
    expect((await sinter([...args, '--out', file, ...precise])).code).toBe(0);
    expect((await stat(file)).size).toBeGreaterThan(1000);
    const folder = scratch.path('onnx-folder');
    const list = ['--precisions', 'f16,qdq', ...calibration, '--external-data'];
    expect((await sinter([...args, '--to', 'onnx', '--out', folder, ...list])).code).toBe(0);
    expect((await readdir(`${folder}/onnx`)).sort()).toEqual([
      'model_fp16.onnx',
      'model_fp16.onnx_data',
      'model_qdq.onnx',
      'model_qdq.onnx_data',
    ]);
    for (const [more, says] of [
      [['--out', folder, '--precisions', 'f32'], '--precisions needs --to onnx'],
      [['--out', folder, '--to', 'onnx', '--precision', 'f16'], 'takes --precisions'],
      [['--out', scratch.path('y'), '--precision', 'f16'], 'is for ONNX'],
      [['--out', file, '--precision', 'int8-static'], 'calibration must be given'],
      [['--out', file, ...method], '--calibration-method needs --calibration'],
    ] as const) {
      const { code, stderr } = await sinter([...args, ...more]);
      expect([code, stderr]).toEqual([2, expect.stringContaining(says)]);
    }
  });

  it('a quantized model cannot become f32 again', async () => {
    const args = ['--model', `${model}/int8`, '--out', scratch.path('x.onnx')];
    const { code, stderr } = await sinter(['convert', ...args, '--precision', 'f32']);
    expect(code).toBe(2);
    expect(stderr).toContain('--precision');
  });

  it('inspect shows the graph and the facts', async () => {
    const { stdout } = await sinter(['inspect', model]);
    expect(stdout).toMatch(/\battention\b.*heads/);
    expect(stdout).toContain('2: bad, good');
    const facts = jsonOf<{ dtypes: object; graph?: object }>(
      await sinter(['inspect', `${model}/int8`, '--json', '--no-graph']),
    );
    expect(facts).toMatchObject({ task: 'classification', labels: ['bad', 'good'], unused: [] });
    expect(facts.dtypes).toHaveProperty('I8');
    expect(facts.graph).toBeUndefined();
    expect((await sinter(['inspect'])).stdout).toContain('mean, normalized');
  });

  it('inspect shows what sentence-transformers files ask for, and what nobody knows', async () => {
    const folder = await sentenceFolder('asking', {
      truncate_dim: 5,
      similarity_fn_name: 'dot',
      default_prompt_name: 'a',
      prompts: { a: 'ask: ', b: '' },
      'od\u001bd': 1,
    });
    const { stdout } = await sinter(['inspect', folder, '--no-graph']);
    expect(stdout.split('\n').slice(-7, -2)).toEqual([
      'vectors       their first 5 numbers',
      'compared by   dot',
      'prompts       a, b',
      'every text    begins with "ask: "',
      'ignored       od\\u001bd',
    ]);
    const facts = jsonOf(await sinter(['inspect', folder, '--json', '--no-graph']));
    expect(facts).toMatchObject({ sentence: { truncateDim: 5, ignored: ['od\u001bd'] } });
  });

  it('a damaged model is code 4 and names the file', async () => {
    const out = scratch.path('damaged');
    await sinter(['convert', '--model', model, '--out', out]);
    const file = `${out}/model.safetensors`;
    await writeFile(file, (await readFile(file)).subarray(0, 5000));
    for (const args of [
      ['inspect', out],
      ['evaluate', '--model', out, '--data', testFile],
    ]) {
      const { code, stderr } = await sinter(args);
      expect(code).toBe(4);
      expect(stderr).toContain('model.safetensors');
    }
  });
});

describe('bench', () => {
  interface Measured {
    readonly texts: number;
    readonly threads: number;
    readonly speeds: readonly { readonly engine: string; readonly tokensPerSecond: number }[];
  }

  it('measures both precisions of a classifier on the texts of a file', async () => {
    const args = ['bench', '--model', model, '--texts', testFile, '--limit', '8', '--rounds', '1'];
    const more = ['--threads', '1', '--no-onnxruntime', '--json'];
    const result = jsonOf<Measured>(await sinter([...args, ...more]));
    expect(result).toMatchObject({ texts: 8, threads: 1 });
    expect(result.speeds.map(({ engine }) => engine)).toEqual(['sinter', 'sinter']);
    for (const { tokensPerSecond } of result.speeds) expect(tokensPerSecond).toBeGreaterThan(0);
  });

  it('a quantized model is measured as it is; the table says against whom', async () => {
    const texts = await scratch.file('texts.txt', 'the film was good\na story\n');
    const args = ['bench', '--model', `${model}/int8`, '--texts', texts, '--rounds', '1'];
    const { code, stdout } = await sinter(args);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Sinter +int8 +[\d,]+/m);
    expect(stdout).not.toMatch(/^Sinter +f32/m);
    if (stdout.includes('ONNX Runtime')) expect(stdout).toContain('agreement int8: same label');
  });
});
