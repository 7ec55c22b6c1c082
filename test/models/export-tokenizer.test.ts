/**
 * The tokenizer of an export: its files are beside a single ONNX file too, and where the model came without
 * tokenizer_config.json, or without a class in it, the written one makes Sinter and transformers.js cut texts as the model does.
 */

import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../lib/core/json.js';
import { Encoder } from '../../lib/index.js';
import { loadTokenizer } from '../../lib/tokenize/text-tokenizer.js';
import { peerTokens } from '../onnx/transformers-js.js';

const FIXTURES = 'test/fixtures/encoders';
const MEAN = { pooling: 'mean' } as const;
const TEXTS = ['Hello WORLD, café', '你好，世界。', ' spaces  at both ends '];
const PAIRS = [['Wo ist es?', 'HERE it is']] as const;

let scratch = '';
let count = 0;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'sinter-tokenizers-'));
});
afterAll(async () => {
  await rm(scratch, { recursive: true, force: true });
});

/** A new folder with the files of a fixture. */
async function copyOf(fixture: string, ...without: readonly string[]): Promise<string> {
  const folder = newPath();
  await cp(fixture, folder, { recursive: true });
  for (const name of without) await rm(join(folder, name));
  return folder;
}

function newPath(): string {
  count++;
  return join(scratch, `${count}`);
}

async function json(...path: readonly string[]): Promise<JsonObject> {
  return JSON.parse(await readFile(join(...path), 'utf8')) as JsonObject;
}

async function idsOf(folder: string, inputs: typeof TEXTS | typeof PAIRS): Promise<number[][]> {
  const tokenizer = await loadTokenizer(folder);
  const { ids, offsets } = await tokenizer.encode(inputs, { maxTokens: 64 });
  return inputs.map((_, i) => [...ids.subarray(offsets[i], offsets[i + 1])]);
}

describe('a made tokenizer_config.json', () => {
  it.each(['bert', 'roberta-seqcls', 'albert', 'mpnet', 'modernbert', 'deberta-v2-seqcls'])(
    '%s: transformers.js gives our ids',
    async (name) => {
      const folder = await copyOf(join(FIXTURES, name), 'tokenizer_config.json');
      await using model = await Encoder.load(folder, MEAN);
      const out = newPath();
      await model.exportOnnxFolder(out, { precisions: ['q8'] });
      for (const inputs of [TEXTS, PAIRS]) {
        const theirs = await peerTokens(out, inputs);
        expect(theirs.ids).toEqual(await idsOf(folder, inputs));
      }
      // The segments of BERT's pairs come from the class that the file names.
      const { segments } = await peerTokens(out, PAIRS);
      if (name === 'bert') expect(new Set(segments?.flat())).toEqual(new Set([0, 1]));
    },
  );

  it.each([
    ['upper case', { lowercase: false, strip_accents: false }],
    ['accents', { lowercase: true, strip_accents: false }],
    ['no control characters removed', { lowercase: false, clean_text: false }],
  ])('a lone ONNX file keeps the rules of its tokenizer.json: %s', async (_, rules) => {
    const folder = newPath();
    await mkdir(folder);
    await using bert = await Encoder.load(join(FIXTURES, 'bert'), MEAN);
    await bert.exportOnnx(join(folder, 'model.onnx'));
    // Where config.json says nothing, no class of tokenizers is known.
    await rm(join(folder, 'tokenizer_config.json'));
    await rm(join(folder, 'special_tokens_map.json'));
    const tokenizer = await json(folder, 'tokenizer.json');
    const normalizer = { ...(tokenizer.normalizer as JsonObject), ...rules };
    await writeFile(join(folder, 'tokenizer.json'), JSON.stringify({ ...tokenizer, normalizer }));
    await using model = await Encoder.load(join(folder, 'model.onnx'), MEAN);
    const [saved, exported] = [newPath(), newPath()];
    await model.save(saved);
    await model.exportOnnxFolder(exported, { precisions: ['f32'] });
    const ours = await idsOf(folder, TEXTS);
    expect(await idsOf(saved, TEXTS)).toEqual(ours);
    expect(await idsOf(exported, TEXTS)).toEqual(ours);
    expect((await peerTokens(exported, TEXTS)).ids).toEqual(ours);
  });
});

describe('exportOnnx', () => {
  const files = ['special_tokens_map.json', 'tokenizer.json', 'tokenizer_config.json'];

  it('writes the tokenizer beside the file, and leaves what is there of the same', async () => {
    const folder = newPath();
    await mkdir(folder);
    await using model = await Encoder.load(join(FIXTURES, 'bert'), MEAN);
    await model.exportOnnx(join(folder, 'one.onnx'));
    expect((await readdir(folder)).sort()).toEqual(['one.onnx', ...files]);
    expect((await peerTokens(folder, TEXTS)).ids).toEqual(await idsOf(folder, TEXTS));
    await rm(join(folder, 'tokenizer_config.json'));
    await writeFile(join(folder, 'special_tokens_map.json'), '{"pad_token": "[PAD]"}');
    await model.exportOnnx(join(folder, 'two.onnx'), { precision: 'int8', externalData: true });
    expect((await readdir(folder)).sort()).toEqual(
      ['one.onnx', 'two.onnx', 'two.onnx_data', ...files].sort(),
    );
    expect(await json(folder, 'special_tokens_map.json')).toEqual({ pad_token: '[PAD]' });
    await using back = await Encoder.load(join(folder, 'two.onnx'), MEAN);
    expect((await back.tokenize(TEXTS[0] ?? '')).ids).toEqual(
      (await model.tokenize(TEXTS[0] ?? '')).ids,
    );
  });

  it('replaces the tokenizer of another model only when asked', async () => {
    const folder = newPath();
    await mkdir(folder);
    await using bert = await Encoder.load(join(FIXTURES, 'bert'), MEAN);
    await bert.exportOnnx(join(folder, 'bert.onnx'));
    const before = await readFile(join(folder, 'tokenizer.json'), 'utf8');
    await using albert = await Encoder.load(join(FIXTURES, 'albert'), MEAN);
    const path = join(folder, 'albert.onnx');
    const refused = await albert.exportOnnx(path).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(RangeError);
    expect(String(refused)).toContain(
      `exportOnnx: folder must be one without another model's tokenizer.json (or pass overwrite: true), got`,
    );
    expect(await readFile(join(folder, 'tokenizer.json'), 'utf8')).toBe(before);
    expect(await readdir(folder)).not.toContain('albert.onnx');
    await albert.exportOnnx(path, { overwrite: true });
    expect(await idsOf(folder, TEXTS)).toEqual(await idsOf(join(FIXTURES, 'albert'), TEXTS));
  });

  it("writes none into the folder `onnx` of the model's own folder", async () => {
    const folder = await copyOf(join(FIXTURES, 'bert'));
    await mkdir(join(folder, 'onnx'));
    await using model = await Encoder.load(folder, MEAN);
    await model.exportOnnx(join(folder, 'onnx', 'model.onnx'));
    expect(await readdir(join(folder, 'onnx'))).toEqual(['model.onnx']);
  });
});
