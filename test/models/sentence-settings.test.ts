// What the files of sentence-transformers say beside modules and poolings: prompts, lengths, dimensions, similarity, the
// activation of a cross-encoder. Each is honoured, and said again by a folder that is saved.
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Classifier, CrossEncoder, Encoder, type PoolKind } from '../../lib/index.js';
import { tokenRunner } from '../../lib/models/token-runner.js';
import { folderTask } from '../../lib/tasks/folder-task.js';
import { temporaryFolder } from '../formats/temporary-folder.js';

const at = (path: string) => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));
const TEXTS = ['people war', 'the nation and its people', ''];

/** A copy of a fixture with further files. */
async function folderOf(
  fixture: string,
  files: Readonly<Record<string, unknown>>,
): Promise<string> {
  const folder = join(await temporaryFolder(), 'model');
  await cp(at(fixture), folder, { recursive: true });
  for (const [name, value] of Object.entries(files)) {
    await writeFile(join(folder, name), JSON.stringify(value));
  }
  return folder;
}

const readJson = async (folder: string, name: string) =>
  JSON.parse(await readFile(join(folder, name), 'utf8')) as Record<string, unknown>;

/** The bert fixture with a dense module and these settings. */
const sentenceFolder = async (
  settings: object,
  pooling: object = { pooling_mode: 'mean' },
): Promise<string> => {
  const folder = await folderOf('encoders/bert', {
    'config_sentence_transformers.json': settings,
    'modules.json': [
      { path: '', type: 'sentence_transformers.models.Transformer' },
      { path: '1_Pooling', type: 'sentence_transformers.models.Pooling' },
    ],
  });
  await cp(at('sentence/dense/1_Pooling'), join(folder, '1_Pooling'), { recursive: true });
  await writeFile(join(folder, '1_Pooling/config.json'), JSON.stringify(pooling));
  return folder;
};

async function saved(model: { save(path: string): Promise<void> }): Promise<string> {
  const folder = join(await temporaryFolder(), 'saved');
  await model.save(folder);
  return folder;
}

describe('an embedding model', () => {
  it('gives the first truncate_dim numbers of its vectors, in embed, in a batcher and after quantize', async () => {
    const settings = { truncate_dim: 5, similarity_fn_name: 'dot', prompts: { query: 'people ' } };
    await using short = await Encoder.load(await sentenceFolder(settings));
    await using long = await Encoder.load(await sentenceFolder({}));
    expect([short.dimensions, long.dimensions]).toEqual([5, 20]);
    const [few, all] = [await short.embed(TEXTS), await long.embed(TEXTS)];
    expect([few.rows, few.cols]).toEqual([3, 5]);
    for (let i = 0; i < few.rows; i++) expect(few.row(i)).toEqual(all.row(i).slice(0, 5));
    await using batcher = short.batch();
    expect(await batcher.run('people war')).toEqual(few.row(0));
    await using small = await short.quantize();
    expect(small.dimensions).toBe(5);
    for (const model of [short, small]) {
      const folder = await saved(model);
      expect(await readJson(folder, 'config_sentence_transformers.json')).toMatchObject(settings);
      await using again = await Encoder.load(folder);
      expect([again.dimensions, again.similarityFnName]).toEqual([5, 'dot']);
      expect((await again.embed(TEXTS)).data).toEqual((await model.embed(TEXTS)).data);
    }
    expect(await short.info()).toMatchObject({
      dimensions: 5,
      similarityFnName: 'dot',
      prompts: ['query'],
    });
  });

  it('does not call the first numbers of a vector of length 1 normalized', async () => {
    const folder = await sentenceFolder({ truncate_dim: 5 });
    await using cut = await Encoder.load(folder, { normalize: true });
    expect(Math.hypot(...(await cut.embed(TEXTS)).row(0))).toBeLessThan(0.9);
    expect((await cut.info()).normalized).toBe(false);
    await using whole = await Encoder.load(await sentenceFolder({}), { normalize: true });
    expect((await whole.info()).normalized).toBe(true);
  });

  it('keeps all of them where truncate_dim is larger', async () => {
    await using encoder = await Encoder.load(await sentenceFolder({ truncate_dim: 500 }));
    expect([encoder.dimensions, (await encoder.embed(['war'])).cols]).toEqual([20, 20]);
  });

  it('is compared by cosine unless its files say otherwise', async () => {
    await using encoder = await Encoder.load(await sentenceFolder({}));
    expect(encoder.similarityFnName).toBe('cosine');
  });

  const kinds: PoolKind[] = [
    'mean',
    'cls',
    'max',
    'mean_sqrt_len_tokens',
    'weightedmean',
    'lasttoken',
  ];
  it.each(kinds)(
    'pools by %s without the tokens of a prompt where include_prompt is false',
    async (kind) => {
      const settings = { prompts: { query: 'the nation ' }, default_prompt_name: 'query' };
      const folder = await sentenceFolder(settings, { pooling_mode: kind, include_prompt: false });
      await using encoder = await Encoder.load(folder);
      const hidden = tokenRunner(encoder, 'hidden');
      // [CLS] and the tokens of the prompt.
      const skipped = (await encoder.tokenize('the nation ')).ids.length - 1;
      const vectors = await encoder.embed(TEXTS);
      for (const [i, text] of TEXTS.entries()) {
        const tokens = await hidden.tokenize([`the nation ${text}`]);
        const rows = new Float32Array(tokens.ids.length * hidden.width);
        await hidden.run(tokens, rows);
        for (let j = 0; j < hidden.width; j++) {
          const column = Array.from(
            { length: tokens.ids.length - skipped },
            (_, t) => rows[(skipped + t) * hidden.width + j] ?? NaN,
          );
          const want = pooled(kind, column, skipped);
          expect(Math.abs((vectors.row(i)[j] ?? NaN) - want)).toBeLessThan(2e-6);
        }
      }
      await using batcher = encoder.batch();
      expect(await batcher.run('people war')).toEqual(vectors.row(0));
      await using again = await Encoder.load(await saved(encoder));
      expect((await again.embed(TEXTS)).data).toEqual(vectors.data);
    },
  );

  it('refuses a text that has no room beside such a prompt', async () => {
    const settings = { prompts: { query: 'the nation of people ' }, default_prompt_name: 'query' };
    const folder = await sentenceFolder(settings, { pooling_mode: 'mean', include_prompt: false });
    await using encoder = await Encoder.load(folder, { maxTokens: 3 });
    await expect(encoder.embed(['war'])).rejects.toThrow(
      /texts\[0\] must be longer than the \d+ tokens of its prompt/,
    );
    await using batcher = encoder.batch();
    await expect(batcher.run('war')).rejects.toThrow(/prompt/);
  });
});

function pooled(kind: PoolKind, column: readonly number[], skipped: number): number {
  const sum = column.reduce((total, value) => total + value, 0);
  const weight = (t: number) => skipped + t + 1;
  if (kind === 'cls') return column[0] ?? NaN;
  if (kind === 'lasttoken') return column.at(-1) ?? NaN;
  if (kind === 'max') return Math.max(...column);
  if (kind === 'mean') return sum / column.length;
  if (kind === 'mean_sqrt_len_tokens') return sum / Math.sqrt(column.length);
  const weighted = column.reduce((total, value, t) => total + weight(t) * value, 0);
  return weighted / column.reduce((total, _, t) => total + weight(t), 0);
}

describe('a cross-encoder', () => {
  const IDENTITY = 'torch.nn.modules.linear.Identity';
  const MODULES = [
    {
      idx: 0,
      name: '0',
      path: '',
      type: 'sentence_transformers.base.modules.transformer.Transformer',
    },
  ];
  const newer = (settings: object) => ({
    'modules.json': MODULES,
    'sentence_bert_config.json': {
      transformer_task: 'sequence-classification',
      module_output_name: 'scores',
    },
    'config_sentence_transformers.json': { model_type: 'CrossEncoder', ...settings },
  });
  const PAIR = ['people war', 'the nation'] as const;

  /** A fixture with one label and what it gives for a pair, prompt in front. */
  async function logitOf(prompt = ''): Promise<number> {
    await using raw = await Classifier.load(at('heads/bert-regression'), { problem: 'regression' });
    return (await raw.logits([[`${prompt}${PAIR[0]}`, PAIR[1]]])).row(0)[0] ?? NaN;
  }
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

  it('takes its activation and prompts from the newer files, and writes them', async () => {
    const settings = {
      activation_fn: IDENTITY,
      prompts: { web: 'the nation ' },
      default_prompt_name: 'web',
    };
    const folder = await folderOf('heads/bert-regression', newer(settings));
    expect(await folderTask(folder)).toMatchObject({ task: 'classification', scorer: true });
    await using model = await CrossEncoder.load(folder);
    const [score] = await model.score([PAIR]);
    expect(score).toBeCloseTo(await logitOf('the nation '), 6);
    const [named] = await model.rank(PAIR[0], [PAIR[1]], { promptName: 'web' });
    expect(named?.score).toBe(score);
    await expect(model.score([PAIR], { promptName: 'x' })).rejects.toThrow(
      /promptName must be one of "web", got "x"/,
    );
    const again = await saved(model);
    expect(await readJson(again, 'config_sentence_transformers.json')).toEqual({
      model_type: 'CrossEncoder',
      ...settings,
    });
    // Versions before 5.4 read the setting from here.
    expect(await readJson(again, 'config.json')).toMatchObject({
      sentence_transformers: { activation_fn: IDENTITY },
    });
    await using loaded = await CrossEncoder.load(again);
    expect(await loaded.score([PAIR])).toEqual([score]);
    await using small = await loaded.quantize();
    await using smallAgain = await CrossEncoder.load(await saved(small));
    expect(await smallAgain.score([PAIR])).toEqual(await small.score([PAIR]));
  });

  it('is refused with what is missing where the file of its module is', async () => {
    const { 'sentence_bert_config.json': _, ...files } = newer({ activation_fn: IDENTITY });
    const folder = await folderOf('heads/bert-regression', files);
    await expect(CrossEncoder.load(folder)).rejects.toMatchObject({
      code: 'UNSUPPORTED_MODEL',
      message: expect.stringMatching(
        /config_sentence_transformers\.json: .*"CrossEncoder" without sentence_bert_config\.json with transformer_task "sequence-classification"/,
      ),
    });
  });

  it('trains and evaluates with its default prompt', async () => {
    const settings = { prompts: { web: 'the nation ' }, default_prompt_name: 'web' };
    await using model = await CrossEncoder.load(
      await folderOf('heads/bert-regression', newer(settings)),
    );
    const rows = [
      { text: PAIR[0], pair: PAIR[1], score: 1 },
      { text: 'war', pair: 'people', score: 0 },
    ];
    const { predicted } = await model.evaluate(rows);
    expect(predicted).toEqual(
      await model.score(rows.map(({ text, pair }) => [text, pair] as const)),
    );
  });

  it.each([
    ['the older file', { sentence_transformers: { activation_fn: IDENTITY, version: '4.0.0' } }],
    ['the oldest', { sbert_ce_default_activation_function: IDENTITY }],
  ])('takes its activation from %s', async (_, keys) => {
    const config = await readJson(at('heads/bert-regression'), 'config.json');
    const folder = await folderOf('heads/bert-regression', {
      'config.json': { ...config, ...keys },
    });
    await using model = await CrossEncoder.load(folder);
    expect((await model.score([PAIR]))[0]).toBeCloseTo(await logitOf(), 6);
    await using again = await CrossEncoder.load(await saved(model));
    expect(await again.score([PAIR])).toEqual(await model.score([PAIR]));
  });

  it('is a sigmoid where nothing is said, and refuses an activation that it does not have', async () => {
    await using plain = await CrossEncoder.load(await folderOf('heads/bert-regression', newer({})));
    expect((await plain.score([PAIR]))[0]).toBeCloseTo(sigmoid(await logitOf()), 6);
    for (const activation of ['torch.nn.modules.activation.Mish', 'my_module.Sigmoid']) {
      const folder = await folderOf('heads/bert-regression', newer({ activation_fn: activation }));
      await expect(CrossEncoder.load(folder)).rejects.toMatchObject({ code: 'UNSUPPORTED_MODEL' });
    }
  });
});

describe('lengths', () => {
  const limited = async (fixture: string, limit: number) => {
    const config = await readJson(at(fixture), 'tokenizer_config.json');
    return folderOf(fixture, { 'tokenizer_config.json': { ...config, model_max_length: limit } });
  };

  it('of a head are model_max_length of the tokenizer, at most the positions', async () => {
    const short = await limited('encoders/bert-seqcls', 16);
    await using model = await Classifier.load(short);
    expect(model.maxTokens).toBe(16);
    await using more = await Classifier.load(short, { maxTokens: 20 });
    expect(more.maxTokens).toBe(20);
    await using pairs = await CrossEncoder.load(await limited('heads/bert-regression', 16));
    expect(pairs.maxTokens).toBe(16);
    await using none = await Classifier.load(await limited('encoders/bert-seqcls', 1e30));
    expect(none.maxTokens).toBe(64);
  });

  it('beyond the positions are refused', async () => {
    const load = Classifier.load(at('encoders/bert-seqcls'), { maxTokens: 65 });
    await expect(load).rejects.toThrow(/maxTokens must be a whole number from 1 to 64.*got 65/);
    await using model = await Classifier.load(at('encoders/bert-seqcls'));
    const rows = [{ text: 'war', label: model.labels[0] ?? '' }];
    await expect(model.train(rows, { maxTokens: 65 })).rejects.toThrow(
      /train: maxTokens must be at most 64/,
    );
  });

  it('that were asked for are saved, with what a training used', async () => {
    await using model = await Classifier.load(at('encoders/bert-seqcls'), { maxTokens: 6 });
    const long = 'the nation and its people war war war war war war';
    const [a = '', b = ''] = model.labels;
    const rows = [
      { text: long, label: a },
      { text: `${long} people`, label: b },
    ];
    const options = { epochs: 1, batchSize: 2, seed: 9, eval: rows };
    const report = await model.train(rows, options);
    const before = await model.evaluate(rows);
    expect(report.epochs.at(-1)?.eval?.loss).toBe(before.loss);
    const folder = await saved(model);
    expect(await readJson(folder, 'tokenizer_config.json')).toMatchObject({ model_max_length: 6 });
    expect(await readJson(folder, 'training.json')).toMatchObject({
      base: at('encoders/bert-seqcls'),
      settings: { seed: 9, epochs: 1, maxTokens: 6 },
      rows: 2,
      truncated: 2,
    });
    await using again = await Classifier.load(folder);
    expect(again.maxTokens).toBe(6);
    expect((await again.evaluate(rows)).loss).toBe(before.loss);
    expect((await again.info()).training).toMatchObject({ settings: { seed: 9 } });
    // A copy says it too.
    expect(await readJson(await saved(again), 'training.json')).toMatchObject({ rows: 2 });
  });

  it('of training rows do not change where held-out rows are cut', async () => {
    await using model = await Classifier.load(at('encoders/bert-seqcls'));
    const text = 'the nation and its people war war war war war war';
    const rows = [{ text, label: model.labels[0] ?? '' }];
    const report = await model.train(rows, { epochs: 1, maxTokens: 5, eval: rows });
    expect(report.truncated).toBe(1);
    expect(report.epochs.at(-1)?.eval?.loss).toBe((await model.evaluate(rows)).loss);
  });
});
